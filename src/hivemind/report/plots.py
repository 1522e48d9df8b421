"""Draw numbers as SVG or PNG with matplotlib; the same numbers give the same bytes."""

import io
import warnings
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import TwoSlopeNorm
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from hivemind.domain.skills import SkillState
from hivemind.evaluation.models import matrix
from hivemind.evaluation.statistics import Interval, Proportion, wilson
from hivemind.evaluation.uplift import Uplift
from hivemind.report.names import told_apart
from hivemind.report.numbers import ModelPeriod, Spent, Withheld

#: Colours that are told apart with any common colour blindness (Okabe and Ito 2008).
BLUE, ORANGE, GREEN, RED, GREY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#8a8a8a"
OF_STATE = {
    SkillState.CANDIDATE: "#cccccc",
    SkillState.TRIAL: ORANGE,
    SkillState.ACTIVE: GREEN,
    SkillState.RETIRED: GREY,
    SkillState.REJECTED: RED,
}
#: Names are cut here, in characters.
MAX_NAME_CHARS = 32
#: Names that are told apart by their middle only may be this long.
MAX_WHOLE_CHARS = 64
#: Rows of a plot at most: the page's tables have all of them.
MAX_ROWS = 40
#: Models of the heat map at most.
MAX_MODELS = 20
#: Width of a plot of the page, in inches.
WIDTH = 8.0
#: Days on an axis of days at least, so that one day is no slab.
MIN_DAYS = 7
#: A cell of the heat map from so large a difference on takes white letters.
DARK = 0.3
_STYLE: Any = {
    "svg.hashsalt": "hivemind",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def draw(plot: Callable[[Axes], None], *, width: float, height: float, kind: str = "svg") -> bytes:
    """Draw one plot, given in inches, as `svg` or `png`."""
    with mpl.rc_context(), warnings.catch_warnings():
        # A matplotlibrc of the folder that we are run in may want TeX to read names.
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        # The browser has the letters that DejaVu lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        plot(figure.add_subplot())
        out = io.BytesIO()
        metadata: dict[str, Any] = {"Date": None} if kind == "svg" else {"Software": None}
        figure.savefig(out, format=kind, metadata=metadata, dpi=144)
    return out.getvalue()


def shown(names: Sequence[str]) -> list[str]:
    """Give names as a plot can print them: short, told apart, and with no sign that starts a formula."""
    plain = ["".join(char if char.isprintable() else "?" for char in name) for name in names]
    # Names beyond any sense are cut whether or not they can be told apart then.
    whole = {name: name[:MAX_WHOLE_CHARS] for name in plain}
    short = told_apart(whole.values(), MAX_NAME_CHARS)
    return [short[whole[name]].replace("$", r"\$") for name in plain]


def _legend(ax: Axes, *, columns: int) -> None:
    """Put the legend above the plot, where nothing is drawn."""
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), frameon=False, ncols=columns, borderaxespad=0.2)


def height_of(rows: int, *, least: float = 1.6) -> float:
    """Give a height in inches for so many rows."""
    return max(least, 0.9 + 0.28 * min(rows, MAX_ROWS))


def skill_states(ax: Axes, states: Sequence[tuple[datetime, dict[str, int]]], *, until: datetime) -> None:
    """Stack the number of skills in each state over time."""
    times = [at for at, _ in states] + [until]
    last = states[-1][1]
    rows = [[counts[state.value] for _, counts in states] + [last[state.value]] for state in OF_STATE]
    ax.stackplot(
        times,  # type: ignore[arg-type]
        *rows,
        step="post",
        labels=[state.value for state in OF_STATE],
        colors=list(OF_STATE.values()),
    )
    ax.set_ylabel("skills")
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    _legend(ax, columns=len(OF_STATE))
    places = AutoDateLocator(minticks=2, maxticks=7)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(places)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(places))  # type: ignore[no-untyped-call]


def intervals(ax: Axes, rows: Sequence[Uplift]) -> None:
    """Draw each difference in success with its interval."""
    rows = rows[:MAX_ROWS]
    for place, row in enumerate(reversed(rows)):
        if row.difference is None or row.interval is None:
            continue
        color = GREEN if row.interval.low > 0 else RED if row.interval.high < 0 else GREY
        ax.plot([row.interval.low, row.interval.high], [place, place], color=color, linewidth=2)
        ax.plot(row.difference, place, "o", color=color)
    ax.axvline(0, color="black", linewidth=0.8)
    ax.set_yticks(range(len(rows)), shown([row.name for row in reversed(rows)]))
    ax.set_ylim(-0.7, len(rows) - 0.3)
    ax.xaxis.set_major_formatter(PercentFormatter(1.0))
    ax.set_xlabel("success with the skill, less success without it (95 % interval)")


def by_model(ax: Axes, periods: Sequence[ModelPeriod]) -> None:
    """Draw each model's success before and since the first skill was live."""
    periods = periods[:MAX_ROWS]
    for place, period in enumerate(reversed(periods)):
        for offset, side, color in ((0.14, period.before, GREY), (-0.14, period.since, BLUE)):
            _rate(ax, side, place + offset, color=color)
    ax.set_yticks(range(len(periods)), shown([period.request_model for period in reversed(periods)]))
    ax.set_ylim(-0.7, len(periods) - 0.3)
    ax.set_xlim(-0.03, 1.03)  # a marker at either end is whole
    ax.xaxis.set_major_formatter(PercentFormatter(1.0))
    ax.set_xlabel("episodes that succeeded (95 % interval): grey before the first skill, blue since")


def _rate(ax: Axes, side: Proportion, place: float, *, color: str) -> None:
    if not side.total:
        return
    bounds: Interval = wilson(side)
    ax.plot([bounds.low, bounds.high], [place, place], color=color, linewidth=2)
    ax.plot(side.successes / side.total, place, "o", color=color)


def injected(ax: Axes, days: Sequence[tuple[date, int, int]]) -> None:
    """Draw the tokens that were sent beside prompts each day."""
    _bars(ax, {day: tokens for day, _, tokens in days}, color=BLUE)
    ax.set_ylabel("tokens a day")


def spending(ax: Axes, days: Sequence[Spent]) -> None:
    """Draw what Hivemind's own model calls cost each day."""
    _bars(ax, {one.day: one.cost_usd for one in days}, color=ORANGE)
    ax.set_ylabel("US dollars a day")


def _bars(ax: Axes, days: dict[date, float] | dict[date, int], *, color: str) -> None:
    """Draw a bar over each day's date, on an axis of whole days."""
    places = [day.toordinal() for day in days]
    ax.bar(places, list(days.values()), width=0.8, color=color)
    last = max(places)
    ax.set_xlim(min(*places, last - MIN_DAYS + 1) - 0.6, last + 0.6)
    ax.set_ylim(bottom=0)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
    ax.xaxis.set_major_formatter(FuncFormatter(_day))
    ax.tick_params(axis="x", length=0)


def _day(place: float, _: object = None) -> str:
    return date.fromordinal(round(place)).isoformat() if 1 <= place <= date.max.toordinal() else ""


def held_out(ax: Axes, rows: Sequence[Withheld]) -> None:
    """Draw in how many episodes each skill was given and withheld."""
    rows = rows[:MAX_ROWS]
    places = list(range(len(rows)))[::-1]
    ax.barh(places, [row.given for row in rows], color=BLUE, label="given")
    left = [row.given for row in rows]
    ax.barh(places, [row.withheld for row in rows], left=left, color=ORANGE, label="withheld")
    ax.set_yticks(places, shown([row.name for row in rows]))
    ax.set_xlabel("episodes")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    _legend(ax, columns=2)


def size_of_heat_map(rows: Sequence[Uplift]) -> tuple[float, float]:
    """Give width and height in inches at which every cell has room for its three lines."""
    skills, models, _ = matrix(rows)
    width = max(WIDTH, 3.5 + 0.95 * min(len(models), MAX_MODELS))
    return width, max(2.8, 1.6 + 0.52 * min(len(skills), MAX_ROWS))


def heat_map(ax: Axes, rows: Sequence[Uplift]) -> None:
    """Draw the difference in success for each skill and model; a cell without enough data is empty."""
    skills, models, cells = matrix(rows)
    skills, models = skills[:MAX_ROWS], models[:MAX_MODELS]
    names = {row.skill_id: row.name for row in rows}
    values = [[_value(cells.get((skill, model))) for model in models] for skill in skills]
    image = ax.imshow(values, cmap="RdBu", norm=TwoSlopeNorm(0, -0.5, 0.5), aspect="auto")
    for y, skill in enumerate(skills):
        for x, model in enumerate(models):
            cell = cells.get((skill, model))
            dark = abs(_value(cell)) > DARK
            color = "white" if dark else "black"
            ax.text(x, y, _label(cell), ha="center", va="center", fontsize=7, color=color, in_layout=False)
    ax.set_yticks(range(len(skills)), shown([names[skill] for skill in skills]))
    ax.set_xticks(
        range(len(models)), shown([model or "unknown" for model in models]), rotation=20, ha="right"
    )
    _borders(ax, rows=len(skills), columns=len(models))
    bar = ax.figure.colorbar(image, ax=ax, format=PercentFormatter(1.0), shrink=0.8)
    bar.set_label("success with,\nless success without")


def _borders(ax: Axes, *, rows: int, columns: int) -> None:
    """Draw the borders of cells: one without a colour is a cell, too."""
    ax.spines[:].set_visible(False)
    ax.set_xticks([place - 0.5 for place in range(columns + 1)], minor=True)
    ax.set_yticks([place - 0.5 for place in range(rows + 1)], minor=True)
    ax.grid(which="minor", color="#bbbbbb", linewidth=0.8)
    ax.tick_params(which="both", length=0)


def _value(cell: Uplift | None) -> float:
    enough = cell is not None and cell.is_enough and cell.difference is not None
    return cell.difference if enough and cell and cell.difference is not None else float("nan")


def _label(cell: Uplift | None) -> str:
    if cell is None:
        return ""
    if not cell.is_enough or cell.difference is None or cell.interval is None:
        return f"not enough data\n{cell.given.known} + {cell.withheld.known}"
    return (
        f"{cell.difference:+.0%}\n[{cell.interval.low:+.0%}, {cell.interval.high:+.0%}]\n"
        f"{cell.given.known} + {cell.withheld.known}"
    )
