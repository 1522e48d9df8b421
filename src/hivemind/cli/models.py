"""`models`: what skills do with each model, and what a change of model did to them."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hivemind.cli.app import App, emit, json_option, pass_app
from hivemind.cli.report import write_whole
from hivemind.cli.text import count, one_line
from hivemind.errors import HivemindError

if TYPE_CHECKING:
    from hivemind.evaluation.models import Migration, ModelSeen
    from hivemind.evaluation.uplift import Uplift

#: Endings that a picture may have.
PICTURES = (".svg", ".png")


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
        _draw(image, cells)
        app.note(f"wrote {image}")
    if as_json:
        emit({"models": [_model(model) for model in seen], "skills": [as_row(row) for row in cells]})
        return
    _print_models(app, seen)
    if not cells:
        app.say("No skill has been given to a session yet, or withheld from one.")
        return
    app.say()
    app.table(
        _HEADS, [_cells(row) for row in cells], shrink="skill", numbers="given withheld with without followed"
    )
    app.note(
        "Episodes with an outcome, of sessions that could have gone without the skill. "
        "What a change of model did: hivemind models compare OLD NEW"
    )


_HEADS = ("skill", "model", "state", "given", "withheld", "with", "without", "difference (95 %)", "followed")


def _cells(row: "Uplift") -> list[str]:
    followed = f"{row.given.followed}/{row.given.followable}" if row.given.followable else "–"
    head = [one_line(row.name, 48), one_line(row.request_model or "unknown", 40), row.state.value]
    counted = [str(row.given.known), str(row.withheld.known)]
    return [*head, *counted, _rate(row.given.rate), _rate(row.withheld.rate), told(row), followed]


def _rate(rate: float | None) -> str:
    return "–" if rate is None else f"{rate:.0%}"


def told(row: "Uplift") -> str:
    """Give a difference with its interval, or what is missing."""
    if not row.is_enough or row.difference is None or row.interval is None:
        return "not enough data"
    return f"{row.difference:+.0%} [{row.interval.low:+.0%}, {row.interval.high:+.0%}]"


def _print_models(app: App, seen: "list[ModelSeen]") -> None:
    if not seen:
        app.say("No model has been seen yet.")
        return
    rows = [
        [
            one_line(model.request_model, 40),
            f"{model.first_at:%Y-%m-%d}" if model.first_at else "–",
            str(model.sessions),
            str(model.episodes),
            f"{model.successes}/{model.successes + model.failures}",
            f"{model.turns or 0:.1f}",
            f"{(model.input_tokens or 0) + (model.output_tokens or 0):,.0f}",
            "new: more is withheld, to learn what skills do with it" if model.is_new else "",
        ]
        for model in seen
    ]
    heads = ("model", "since", "sessions", "episodes", "succeeded", "turns", "tokens", "")
    app.table(heads, rows, shrink="model", numbers="sessions episodes succeeded turns tokens")


def _model(model: "ModelSeen") -> dict[str, Any]:
    return asdict(model)


def as_row(row: "Uplift") -> dict[str, Any]:
    """Give one skill, or skill and model, as `--json` prints it."""
    return {
        **{name: value for name, value in asdict(row).items() if name != "comparison"},
        "state": row.state.value,
        "verdict": told(row),
    }


def _draw(path: Path, cells: "list[Uplift]") -> None:
    from hivemind.report import plots

    if not cells:
        raise HivemindError(
            "nothing-offered",
            "there is nothing to draw: no skill has been given to a session yet, or withheld from one",
            hint="work with a wired agent in a project that has skills on trial",
        )
    skills, models = {row.skill_id for row in cells}, {row.request_model for row in cells}
    height = plots.height_of(2 * len(skills), least=2.2)
    drawn = plots.draw(
        lambda ax: plots.heat_map(ax, cells),
        width=max(6.0, 2.5 + 1.4 * min(len(models), plots.MAX_MODELS)),
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
    lines = []
    for word, model in (("old", report.old), ("new", report.new)):
        known = model.successes + model.failures
        rate = f"{model.successes / known:.0%} of {known} with an outcome" if known else "no outcome known"
        tokens = (model.input_tokens or 0) + (model.output_tokens or 0)
        lines.append(
            f"{word}: {model.request_model}: {count(model.episodes, 'episode')}, {rate}; for an episode "
            f"{model.turns or 0:.1f} turns, {tokens:,.0f} tokens, {model.tool_errors or 0:.1f} failed calls"
        )
    if report.success_difference is not None and report.success_interval is not None:
        low, high = report.success_interval.low, report.success_interval.high
        lines.append(
            f"success of the new model, less that of the old: {report.success_difference:+.0%} "
            f"[{low:+.0%}, {high:+.0%}]; their tasks may differ"
        )
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
        "old": _model(report.old),
        "new": _model(report.new),
        "success_difference": report.success_difference,
        "success_interval": asdict(report.success_interval) if report.success_interval else None,
        "skills": [
            {
                "skill_id": one.skill_id,
                "name": one.name,
                "state": one.state,
                "fate": one.fate.value,
                "reason": one.reason,
                "old": as_row(one.old) if one.old else None,
                "new": as_row(one.new) if one.new else None,
            }
            for one in report.skills
        ],
    }
