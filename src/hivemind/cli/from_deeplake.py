"""`import --from-deeplake`: bring over what Activeloop's Hivemind keeps."""

from dataclasses import asdict

from hivemind.cli.app import App, emit
from hivemind.cli.text import count
from hivemind.deeplake.bringing import Bringer, Brought
from hivemind.deeplake.tables import Tables, account_of
from hivemind.domain.text import storable

_REFUSED = "refused"


def bring_over(app: App, *, dry_run: bool, as_json: bool) -> None:
    """Bring a workspace's sessions and skills over, and say what became of them."""
    from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

    from hivemind.capture import boundary

    variables = app.environment.variables
    account = account_of(app.environment.home / ".deeplake/credentials.json", variables=variables)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn())
    is_quiet = as_json or not app.notes.is_terminal
    with app.database(must_exist=False) as database, Tables(account) as tables:
        bringer = Bringer(
            tables=tables,
            database=database,
            workspace_id=app.workspace_id,
            redactor=boundary.redactor(),
            excluding=app.settings,
            dry_run=dry_run,
        )
        with Progress(*columns, console=app.notes, transient=True, disable=is_quiet) as bar:
            task = bar.add_task("rows of sessions", total=None)
            done = bringer.sessions(
                variables.get("HIVEMIND_SESSIONS_TABLE") or "sessions",
                progress=lambda rows: bar.advance(task, rows),
            )
        bringer.skills(variables.get("HIVEMIND_SKILLS_TABLE") or "skills", done)
    if as_json:
        emit(asdict(done) | {"dry_run": dry_run})
    else:
        _tell(app, done, dry_run=dry_run)


def _tell(app: App, done: Brought, *, dry_run: bool) -> None:
    would = "would be " if dry_run else ""
    app.say(
        f"{count(done.rows, 'row')} of {count(done.sessions, 'session')}: {count(done.events, 'event')} "
        f"{would}stored, {done.held} captured here already, {done.left_out} kept out, {done.refused} empty."
    )
    outcomes = [result.outcome.value for result in done.skills]
    app.say(
        f"{count(len(outcomes), 'skill')}: {outcomes.count('taken')} {would}candidates, "
        f"{outcomes.count('kept')} known, {outcomes.count(_REFUSED)} refused by the gates."
    )
    for result in done.skills:
        if result.outcome.value == _REFUSED:
            app.note(f"refused {storable(result.source)}: {result.reason}")
    if done.events and not dry_run:
        app.say("`hivemind skillify` mines them now; the worker does so after the next session.")
