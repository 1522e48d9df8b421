"""Write the page: one HTML file with its plots and tables in it, that loads nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.axes import Axes

from hivemind.domain.text import storable
from hivemind.evaluation.statistics import ENOUGH_EPISODES
from hivemind.report import plots
from hivemind.report.document import few_failures
from hivemind.report.numbers import Numbers

#: Pixels of a plot's inch at least: on a narrow screen a plot is scrolled, not made unreadable.
MIN_PIXELS = 78
_ENVIRONMENT = Environment(
    loader=PackageLoader("hivemind.report", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """Hold one section of the page; where there is nothing to draw `svg` is None, and `empty` says why."""

    title: str
    text: str
    svg: Markup | None
    empty: str
    min_width_px: int


def render(numbers: Numbers) -> str:
    """Give the page as HTML."""
    return _ENVIRONMENT.get_template("report.html").render(
        numbers=numbers,
        plots=_plots(numbers),
        enough=[row for row in numbers.uplifts if row.is_enough],
        lacking=[row for row in numbers.uplifts if not row.is_enough],
        cells=sorted(numbers.cells, key=lambda row: (row.name, row.skill_id, row.request_model)),
        few_failures=few_failures(numbers.models),
        least=int(ENOUGH_EPISODES),
        at=numbers.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        percent=percent,
        clean=clean,
    )


def clean(text: object) -> str:
    """Give a text that a browser can show: no character that reorders what stands around it."""
    return "".join(char for char in storable(str(text)) if char.isprintable() or char in "\n\t")


def percent(value: float | None, *, signed: bool = False) -> str:
    """Give a share as a percentage."""
    if value is None:
        return "–"
    return f"{value:+.0%}" if signed else f"{value:.0%}"


def _plots(numbers: Numbers) -> list[Plot]:
    enough = sorted(
        (row for row in numbers.uplifts if row.is_enough), key=lambda row: (-(row.difference or 0), row.name)
    )
    held_out = [row for row in numbers.withheld if row.given or row.withheld]
    size_of_cells = plots.size_of_heat_map(numbers.cells)
    return [
        _plot(
            "Skills over time",
            "How many skills were in each state.",
            numbers.states,
            lambda ax: plots.skill_states(ax, numbers.states, until=_end(numbers)),
            height=2.6,
            empty="No skill has been made yet.",
        ),
        _plot(
            "What each skill does",
            "Sessions that were given a skill against sessions from which it was withheld by a draw, at "
            "prompts that it fitted. An interval that crosses zero says: not known.",
            enough,
            lambda ax: plots.intervals(ax, enough),
            height=plots.height_of(len(enough)),
            empty=f"No skill has {ENOUGH_EPISODES:.0f} episodes with an outcome on both sides yet.",
        ),
        _plot(
            "Skill by model",
            "The same for each model: the difference, its interval, and the episodes with + without.",
            numbers.cells,
            lambda ax: plots.heat_map(ax, numbers.cells),
            height=size_of_cells[1],
            width=size_of_cells[0],
            empty="No skill has been offered to a session yet.",
        ),
        _plot(
            "Success by model",
            "All episodes with an outcome, before and since the first skill was live. Tasks may differ "
            "between the two: this is no experiment.",
            numbers.periods,
            lambda ax: plots.by_model(ax, numbers.periods),
            height=plots.height_of(2 * len(numbers.periods)),
            empty="No episode has an outcome since a skill is live.",
        ),
        _plot(
            "Tokens given",
            "What was sent beside prompts.",
            numbers.injected,
            lambda ax: plots.injected(ax, numbers.injected),
            height=2.2,
            empty="No skill has been sent beside a prompt yet.",
        ),
        _plot(
            "Withheld",
            "In how many episodes each skill was given, and withheld to learn what it does.",
            held_out,
            lambda ax: plots.held_out(ax, held_out),
            height=plots.height_of(len(held_out)),
            empty="No skill has been given in an episode yet, or withheld from one.",
        ),
        _plot(
            "Spending",
            "Hivemind's own model calls: wording skills, never your agent's work.",
            numbers.spent,
            lambda ax: plots.spending(ax, numbers.spent),
            height=2.0,
            empty="Hivemind has called no model.",
        ),
    ]


def _plot(
    title: str,
    text: str,
    shown: Sequence[object],
    plot: Callable[[Axes], None],
    *,
    height: float,
    empty: str,
    width: float = plots.WIDTH,
) -> Plot:
    svg = svg_of(plot, width=width, height=height) if shown else None
    return Plot(title=title, text=text, svg=svg, empty=empty, min_width_px=round(width * MIN_PIXELS))


def svg_of(plot: Callable[[Axes], None], *, width: float, height: float) -> Markup:
    """Give a plot as an SVG element to stand in HTML; matplotlib escapes what it writes as text."""
    drawn = plots.draw(plot, width=width, height=height).decode()
    return Markup(drawn[drawn.index("<svg") :])  # noqa: S704


def _end(numbers: Numbers) -> datetime:
    return max(numbers.at, numbers.states[-1][0])
