"""`scan`: what is in the sessions on this disk."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hivemind.cli.app import App, emit, json_option, pass_app
from hivemind.cli.text import bytes_text, count, one_line
from hivemind.errors import HivemindError

if TYPE_CHECKING:
    from hivemind.distill.survey import Survey


@click.command()
@click.option(
    "--from",
    "folder",
    type=click.Path(exists=True, path_type=Path),
    help="A folder with transcripts, such as ~/.claude.",
)
@json_option
@pass_app
def scan(app: App, *, folder: Path | None, as_json: bool) -> None:
    """Show what is in the sessions on this disk; stores nothing.

    Counts sessions, models, tokens (once for each message) and failures that repeat, and drafts the skills
    that `hivemind backfill` would make of them.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from hivemind.cli.backfill import transcripts
    from hivemind.distill.survey import survey

    waiting = transcripts(app, folder)
    if not waiting:
        raise HivemindError(
            "no-transcripts",
            f"no transcript was found in {folder or 'the folders of the agents on this machine'}",
            hint="name a folder with --from, or see `hivemind demo`",
        )
    columns = (TextColumn("reading sessions"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, console=app.notes, transient=True, disable=as_json or not app.notes.is_terminal
    ) as bar:
        task = bar.add_task("", total=len(waiting))
        found = survey(waiting, progress=lambda done: bar.update(task, completed=done))
    if as_json:
        emit(asdict(found))
        return
    print_survey(app, found)


def print_survey(app: App, found: "Survey") -> None:
    """Print a survey for a person."""
    period = (
        f", {found.first_at:%Y-%m-%d} to {found.last_at:%Y-%m-%d}" if found.first_at and found.last_at else ""
    )
    app.say(
        f"{count(found.sessions, 'session')} in {count(found.transcripts, 'transcript')} "
        f"({bytes_text(found.size_bytes)}){period}"
    )
    app.say(
        f"{count(found.prompts, 'request')}, {count(found.tool_calls, 'tool call')}, "
        f"{found.tool_errors:,} failed"
    )
    app.say("projects: " + _counts(found.projects, most=6))
    app.say("models:   " + _counts(found.models, most=6) + " (messages)")
    tokens = {
        name.removesuffix("_tokens").replace("_", " "): f"{n / 1e6:.1f} M" for name, n in found.tokens.items()
    }
    app.say("tokens:   " + ", ".join(f"{n} {name}" for name, n in tokens.items()))
    unknown = f"; no price known for {', '.join(found.unpriced_models[:4])}" if found.unpriced_models else ""
    cost = f"about ${found.cost_usd:,.2f}" if found.cost_usd else "unknown"
    app.say(f"cost:     {cost} at list prices, each message counted once{unknown}")
    if found.failures:
        app.say("\nFailures that repeat:")
        for f in found.failures:
            app.say(
                f"  {f.times:>3}x in {count(f.sessions, 'session')}, {f.project}: `{one_line(f.command, 60)}`"
                + (f" {one_line(f.error, 80)}" if f.error else "")
            )
    if found.drafts:
        app.say("\nWhat could be learnt from them:")
        for d in found.drafts:
            app.say(f"  {d.name} (evidence from {count(d.sessions, 'session')})")
            app.say(f"      {one_line(d.description, 240)}")
    else:
        app.say(
            "\nNothing in them has enough evidence for a skill yet (two sessions, or one rule stated by you)."
        )
    for problem in found.problems[:3]:
        app.note(f"left out: {problem}")
    app.say("\nNothing was stored. To keep this: hivemind backfill. To learn from now on: hivemind install.")


def _counts(counts: dict[str, int], *, most: int) -> str:
    shown = ", ".join(f"{one_line(name, 40)} {number}" for name, number in list(counts.items())[:most])
    return shown + (f" and {len(counts) - most} more" if len(counts) > most else "")
