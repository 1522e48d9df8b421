"""`models`: what skills do with each model, and what a change of model did to them."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hivemind.cli.app import App, emit, json_option, pass_app
from hivemind.cli.report import keep_matplotlib_in, write_whole
from hivemind.cli.text import count, one_line
from hivemind.errors import HivemindError
from hivemind.report.document import few_failures, of_model, of_uplift, told
from hivemind.report.names import told_apart

if TYPE_CHECKING:
    from hivemind.evaluation.models import Migration, ModelSeen
    from hivemind.evaluation.uplift import Uplift

#: Endings that a picture may have.
PICTURES = (".svg", ".png")
#: On a narrow terminal a column of names gives way down to so many characters, then others are left out.
MIN_NAME_CHARS = 10
#: Columns that a narrow terminal is not shown, the first to go first.
_LEAST_NEEDED = (
    "followed",
    "state",
    "exposures",
    "tokens",
    "turns",
    "since",
    "sessions",
    "with",
    "without",
    "unknown",
)


@click.group(invoke_without_command=True)
@click.option("--skill", "name", help="Only this skill (name or id).")
@click.option(
    "--image",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the matrix as a picture, too (.svg or .png).",
)
@json_option
@pass_app
@click.pass_context
def models(context: click.Context, app: App, *, name: str | None, image: Path | None, as_json: bool) -> None:
    """Show what each skill does with each model."""
    if context.invoked_subcommand is not None:
        return
    from hivemind.evaluation import models as known
    from hivemind.evaluation import uplift
    from hivemind.store import skills

    if image is not None and image.suffix not in PICTURES:
        raise click.BadParameter(f"{image.name!r} ends in neither .svg nor .png", param_hint="--image")
    with app.database() as database, database.read(app.workspace_id) as workspace:
        chosen = [skills.find(workspace, name).skill_id] if name else None
        cells = uplift.of_workspace(workspace, by_model=True, skill_ids=chosen)
        seen = known.seen(workspace)
    cells.sort(key=lambda row: (row.name, row.skill_id, row.request_model))
    if image is not None:
        keep_matplotlib_in(app.data)
        _draw(image, cells)
        app.note(f"wrote {image}")
    if as_json:
        listed = {"models": [of_model(model) for model in seen], "skills": [of_uplift(row) for row in cells]}
        emit({**listed, "note": few_failures(seen)})
        return
    _print_models(app, seen)
    if not cells:
        app.say("No skill has been given to a session yet, or withheld from one.")
        return
    app.say()
    _table(app, _HEADS, [_cells(row) for row in cells], names="skill model", numbers=_COUNTS)
    app.note(
        "given, withheld: episodes with an outcome, of sessions that took part in the experiment; unknown: "
        "those without one, given + withheld; exposures: all episodes that it was given to. "
        "What a change of model did: hivemind models compare OLD NEW"
    )


_COUNTS = "exposures given withheld unknown with without followed"
_HEADS = (
    *("skill", "model", "state", "exposures", "given", "withheld", "unknown", "with", "without"),
    *("difference (95 %)", "followed"),
)


def _cells(row: "Uplift") -> list[str]:
    followed = f"{row.given.followed}/{row.given.followable}" if row.given.followable else "–"
    head = [one_line(row.name, 64), one_line(row.request_model or "unknown", 80), row.state.value]
    counted = [str(row.exposures), str(row.given.known), str(row.withheld.known)]
    unknown = f"{row.given.unknown} + {row.withheld.unknown}"
    return [*head, *counted, unknown, _rate(row.given.rate), _rate(row.withheld.rate), told(row), followed]


def _table(
    app: App, heads: Sequence[str], rows: Sequence[Sequence[str]], *, names: str, numbers: str
) -> None:
    """Print a table of which a narrow terminal gets the columns that matter, and names cut in the middle."""
    width = app.console.width if app.console.is_terminal else None
    heads, rows, missing = fitted(heads, rows, names=names.split(), width=width)
    app.table(heads, rows, numbers=numbers)
    if missing:
        app.note(f"Left out for want of room: {', '.join(missing)}.")


def fitted(
    heads: Sequence[str], rows: Sequence[Sequence[str]], *, names: Sequence[str], width: int | None
) -> tuple[list[str], list[list[str]], list[str]]:
    """Give a table that fits, and what it lacks; names that differ still do, if need be beyond the width."""
    columns = {head: [row[place] for row in rows] for place, head in enumerate(heads)}
    widths = {head: _longest(cells, head) for head, cells in columns.items()}
    missing: list[str] = []
    kept = list(heads)

    def room() -> int:
        """Give what is left for the names."""
        plain = sum(widths[head] for head in kept if head not in names)
        return (width or 1_000_000) - plain - 2 * (len(kept) - 1)

    least = {name: _longest(told_apart(columns[name], MIN_NAME_CHARS).values(), name) for name in names}
    for head in (head for head in _LEAST_NEEDED if head in heads):
        if room() >= sum(least.values()):
            break
        kept.remove(head)
        missing.append(head)
    spare = max(0, room() - sum(least.values()))
    # What a column of short names does not need goes to the others.
    for place, name in enumerate(sorted(names, key=lambda name: widths[name] - least[name])):
        short = told_apart(columns[name], least[name] + spare // (len(names) - place))
        columns[name] = [short[cell] for cell in columns[name]]
        spare -= max(0, _longest(columns[name], name) - least[name])
    return kept, [list(row) for row in zip(*(columns[head] for head in kept), strict=True)], missing


def _longest(cells: Iterable[str], head: str) -> int:
    from rich.cells import cell_len

    return max(map(cell_len, (head, *cells)))


def _rate(rate: float | None) -> str:
    return "–" if rate is None else f"{rate:.0%}"


def _print_models(app: App, seen: "list[ModelSeen]") -> None:
    if not seen:
        app.say("No model has been seen yet.")
        return
    rows = [
        [
            one_line(model.request_model, 80),
            f"{model.first_at:%Y-%m-%d}" if model.first_at else "–",
            str(model.sessions),
            str(model.episodes),
            f"{model.successes}/{model.known}",
            str(model.unknown),
            f"{model.turns or 0:.1f}",
            f"{(model.input_tokens or 0) + (model.output_tokens or 0):,.0f}",
            "new" if model.is_new else "",
        ]
        for model in seen
    ]
    heads = ("model", "since", "sessions", "episodes", "succeeded", "unknown", "turns", "tokens", "note")
    _table(app, heads, rows, names="model", numbers="sessions episodes succeeded unknown turns tokens")
    if any(model.is_new for model in seen):
        app.say("new: more is withheld with it, to learn what skills do with it")
    if note := few_failures(seen):
        app.say(note)


def _draw(path: Path, cells: "list[Uplift]") -> None:
    from hivemind.report import plots

    if not cells:
        raise HivemindError(
            "nothing-offered",
            "there is nothing to draw: no skill has been given to a session yet, or withheld from one",
            hint="work with a wired agent in a project that has skills on trial",
        )
    width, height = plots.size_of_heat_map(cells)
    drawn = plots.draw(
        lambda ax: plots.heat_map(ax, cells),
        width=width,
        height=height,
        kind=path.suffix.removeprefix("."),
    )
    write_whole(path, drawn)


@models.command()
@click.argument("old")
@click.argument("new")
@json_option
@pass_app
def compare(app: App, *, old: str, new: str, as_json: bool) -> None:
    """Report what a change from model OLD to NEW did to each skill.

    A part of a model's name is enough where it names one.
    """
    from hivemind.evaluation import models as known

    with app.database() as database, database.read(app.workspace_id) as workspace:
        report = known.compare(workspace, old, new)
    if report.old.request_model == report.new.request_model:
        raise click.UsageError(f"OLD and NEW are the same model: {report.old.request_model}")
    if as_json:
        emit(_migration(report))
        return
    for line in _told_models(report):
        app.say(line)
    for fate in known.Fate:
        moved = report.of(fate)
        if not moved:
            continue
        app.say()
        app.say(f"{fate.value}: {count(len(moved), 'skill')}")
        for one in moved:
            app.say(f"- {one.name} ({one.state}): {one.reason}")
            app.say(f"  {_costs(one.old, one.new)}")
    if not report.skills:
        app.say("No skill has been offered to sessions of either model.")


def _told_models(report: "Migration") -> list[str]:
    from hivemind.evaluation.statistics import ENOUGH_EPISODES

    lines = []
    for word, model in (("old", report.old), ("new", report.new)):
        rate = "no outcome known"
        if model.known:
            rate = f"{model.successes / model.known:.0%} of {model.known} with an outcome"
        tokens = (model.input_tokens or 0) + (model.output_tokens or 0)
        lines.append(
            f"{word}: {model.request_model}: {count(model.episodes, 'episode')}, {rate}; for an episode "
            f"{model.turns or 0:.1f} turns, {tokens:,.0f} tokens, {model.tool_errors or 0:.1f} failed calls"
        )
    told_so = "success of the new model, less that of the old"
    if report.success_difference is None or report.success_interval is None:
        counted = f"{report.old.known} and {report.new.known} episodes with an outcome"
        lines.append(f"{told_so}: not enough data ({counted}, of {ENOUGH_EPISODES:.0f} needed of each)")
    else:
        low, high = report.success_interval.low, report.success_interval.high
        lines.append(
            f"{told_so}: {report.success_difference:+.0%} [{low:+.0%}, {high:+.0%}]; their tasks may differ"
        )
    if note := few_failures([report.old, report.new]):
        lines.append(note)
    return lines


def _costs(old: "Uplift | None", new: "Uplift | None") -> str:
    parts = []
    for word, row in (("old", old), ("new", new)):
        if row is None or row.given.tokens is None:
            continue
        text = f"{row.given.tokens:,.0f} tokens in {row.given.turns or 0:.1f} turns with it"
        if row.withheld.tokens is not None:
            text += f", {row.withheld.tokens:,.0f} in {row.withheld.turns or 0:.1f} without"
        parts.append(f"{word}: {text}")
    return "; ".join(parts) or "no costs known"


def _migration(report: "Migration") -> dict[str, Any]:
    return {
        "old": of_model(report.old),
        "new": of_model(report.new),
        "success_difference": report.success_difference,
        "success_interval": asdict(report.success_interval) if report.success_interval else None,
        "skills": [
            {
                "skill_id": one.skill_id,
                "name": one.name,
                "state": one.state,
                "fate": one.fate.value,
                "reason": one.reason,
                "old": of_uplift(one.old) if one.old else None,
                "new": of_uplift(one.new) if one.new else None,
            }
            for one in report.skills
        ],
    }
