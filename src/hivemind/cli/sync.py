"""`sync`: one round with the team's server, or what it would send."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hivemind.cli.app import App, emit, json_option, pass_app
from hivemind.cli.text import ago, bytes_text, count, one_line
from hivemind.errors import HivemindError

if TYPE_CHECKING:
    from hivemind.config import Settings
    from hivemind.sync.credentials import Credentials
    from hivemind.sync.running import Round

#: A round that a person waits for, in seconds.
ROUND_S = 600.0


@click.command()
@click.option("--dry-run", is_flag=True, help="Show which sessions would go; nothing is sent.")
@click.option("--show", is_flag=True, help="With --dry-run: print each text that would go, word for word.")
@click.option("--session", "session_id", default="", help="With --show: of one session, by its id.")
@json_option
@pass_app
def sync(app: App, *, dry_run: bool, show: bool, session_id: str, as_json: bool) -> None:
    """Send what goes to the team and take its skills, or show it first.

    The worker does this by itself while it runs. What goes is what `hivemind project` shows as `team`, each
    event redacted once more by the rules of today.
    """
    if (show or session_id) and not dry_run:
        raise click.UsageError("--show and --session are for --dry-run")
    if show or session_id:
        _show(app, session_id=session_id, as_json=as_json)
        return
    if dry_run:
        _plan(app, as_json=as_json)
        return
    remote = required(app)
    with app.database(must_exist=False) as database:
        from hivemind.sync import running

        done = running.run(
            database,
            remote=remote,
            who=who(app),
            rules=_rules(app),
            seconds=ROUND_S,
            wait_s=ROUND_S,
            with_refused=True,
        )
        if done.came.is_changed:
            app.publish(database)
    if as_json:
        emit(_as_json(done))
    else:
        _say(app, done)
    if done.sent.refused or done.came.refused or not done.is_complete:
        raise click.exceptions.Exit(1)


def required(app: App) -> "Credentials":
    """Give the server of this machine; raise where nobody logged in."""
    from hivemind.sync import credentials

    found = credentials.find(app.data, app.environment.variables)
    if found is None:
        raise HivemindError(
            "sync-not-logged-in", "this machine has no server to sync with", hint="run `hivemind login URL`"
        )
    return found


def who(app: App) -> Any:
    """Name this machine and its person's home."""
    from hivemind.agents.editing.receipts import wired_agents
    from hivemind.sync import running

    machine = running.machine_of(app.data, agents=sorted(wired_agents(app.data)))
    return running.Who(machine=machine, home=str(app.environment.home))


def _rules(app: App) -> "Settings":
    from dataclasses import replace

    return app.settings if app.environment.capture else replace(app.settings, capture_enabled=False)


def _as_json(done: "Round") -> dict[str, Any]:
    values = asdict(done)
    for name in ("sessions", "deleted"):
        values["sent"][name] = sorted(getattr(done.sent, name))
    return values


def _say(app: App, done: "Round") -> None:
    sent, came = done.sent, done.came
    if done.taken_back:
        app.say(f"The server was restored from a copy: {count(done.taken_back, 'session')} went up again.")
    app.say(
        f"sent {count(sent.events, 'event')} of {count(len(sent.sessions), 'session')} "
        f"({bytes_text(sent.bytes)}) to {done.workspace} on {done.url}"
    )
    app.say(f"skills: {len(came.taken)} came or changed, {len(came.gone)} were put away")
    if sent.deleted:
        app.say(f"{count(len(sent.deleted), 'session')} had been deleted there, and will not be sent again")
    for name, why in {**sent.refused, **came.refused}.items():
        app.say(f"refused {name}: {why}")
    if not done.is_complete:
        app.note("the time was over first: run it again to go on")


def _show(app: App, *, session_id: str, as_json: bool) -> None:
    """Print what would go, as the server would get it."""
    import json

    from hivemind.sync import preparing

    app.environment  # noqa: B018 - says in which folder a person's own rules are
    with app.database() as database:
        pieces = preparing.shown(
            database,
            app.workspace_id,
            rules=_rules(app),
            home=str(app.environment.home),
            session_id=session_id,
            with_refused=True,
        )
        is_any = False
        for piece in pieces:
            is_any = True
            if as_json:
                click.echo(json.dumps(piece.as_json(), ensure_ascii=False))
                continue
            app.say(f"== {piece.session_id} · {piece.agent} · {piece.remote} · {piece.cwd or '?'}")
            for sent in piece.events:
                event = sent.event
                told = [event.kind.value, event.tool_name, event.status.value if event.status else ""]
                app.say(f"-- {sent.seq} {' '.join(filter(None, told))}")
                app.say(event.text)
                if event.data:
                    app.say(json.dumps(event.data, ensure_ascii=False, indent=1))
            for report in piece.reports:
                app.say(
                    f"-- outcome {report.report.label} {report.report.actor} {report.report.note}".rstrip()
                )
    if not is_any and not as_json:
        app.say("Nothing would be sent.")


def _plan(app: App, *, as_json: bool) -> None:
    from hivemind.sync import preparing

    app.environment  # noqa: B018 - says in which folder a person's own rules are
    with app.database() as database:
        planned = preparing.plan(
            database,
            app.workspace_id,
            rules=_rules(app),
            home=str(app.environment.home),
            with_refused=True,
        )
    if as_json:
        emit([asdict(one) for one in planned])
        return
    if not planned:
        app.say("Nothing would be sent.")
        if not app.settings.capture_team:
            app.note("no project goes to a team: hivemind project NAME --capture team")
        return
    shown = _unique([one.session_id for one in planned])
    rows = [
        [
            shown[one.session_id],
            one.agent,
            one_line(one.remote, 40),
            str(one.events),
            str(one.offers),
            str(one.reports),
            bytes_text(one.bytes),
            str(one.redactions),
            one_line(one.title, 60),
        ]
        for one in planned
    ]
    heads = ["session", "agent", "repository", "events", "offers", "outcomes", "size", "redacted", "title"]
    app.table(heads, rows, shrink="title", numbers="events offers outcomes size redacted")
    app.say(
        f"{count(len(planned), 'session')}, {count(sum(p.events for p in planned), 'event')}, "
        f"{bytes_text(sum(p.bytes for p in planned))} would be sent, "
        f"{count(sum(p.redactions for p in planned), 'secret')} redacted. Nothing was."
    )
    if left_out := sum(p.left_out for p in planned):
        app.say(f"{count(left_out, 'event')} about projects that do not go to the team: without their words.")
    app.note("Word for word: hivemind sync --dry-run --show [--session ID]")


def _unique(session_ids: list[str]) -> dict[str, str]:
    """Shorten ids as far as they stay different."""
    length = 8
    while len({one[:length] for one in session_ids}) < len(session_ids):
        length += 4
    return {one: one[:length] for one in session_ids}


def state(app: App) -> dict[str, Any]:
    """Collect what `status` says of syncing; reads only, and works before anything is stored."""
    from hivemind.sync import credentials

    try:
        found = credentials.find(app.data, app.environment.variables)
    except HivemindError as error:
        return {"url": "", "problem": error.message, "hint": error.hint}
    if found is None:
        from hivemind.store.glance import team_of

        url, skills = team_of(app.database_path, app.workspace_id)
        return {"url": "", "problem": "", "hint": "", "left": url, "left_skills": skills}
    known: dict[str, Any] = {"url": found.url, "workspace": found.workspace, "problem": "", "hint": ""}
    known |= {"synced_at": None, "last_error": "", "waiting": 0, "deleted": 0}
    if not Path(app.database_path).exists():
        return known
    # Whoever has no server does not wait for SQLAlchemy.
    from hivemind.store import remotes
    from hivemind.sync import preparing

    with app.database() as database:
        with database.read(found.local_workspace) as workspace:
            held = remotes.remote(workspace)
            known["deleted"] = remotes.deleted(workspace)
        known["waiting"] = len(preparing.waiting(database, found.local_workspace, rules=_rules(app)))
    if held is not None and held.url == found.url:
        known |= {"synced_at": held.synced_at, "last_error": held.last_error}
        known["workspace"] = held.remote_workspace or found.workspace
    return known


def stays(skills: int) -> str:
    """Say what becomes of a team's skills on a machine that left the team."""
    if not skills:
        return ""
    its = "its skill stays" if skills == 1 else f"its {skills} skills stay"
    return f"; {its} in use here until `hivemind skills retire NAME` or the next login"


def lines(known: dict[str, Any]) -> list[str]:
    """Say whether this machine syncs, when it last did, and what waits."""
    if known["problem"]:
        return [f"team: {known['problem']}; {known['hint']}"]
    if not known["url"]:
        return [f"team: logged out of {known['left']}{stays(known['left_skills'])}"] if known["left"] else []
    when = f"last sync {ago(known['synced_at'])}" if known["synced_at"] else "not synced yet"
    waits = f", {count(known['waiting'], 'session')} waiting" if known["waiting"] else ""
    if known.get("deleted"):
        waits += f", {count(known['deleted'], 'session')} deleted there"
    found = [f"team: {known['workspace'] or '?'} on {known['url']}; {when}{waits}"]
    if known["last_error"]:
        found.append(f"team: {known['last_error']}")
    return found
