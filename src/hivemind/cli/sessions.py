"""`sessions`: list, show and delete what was stored."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from hivemind.cli.app import App, OrderedGroup, emit, json_option, pass_app
from hivemind.cli.text import ago, count, one_line
from hivemind.errors import HivemindError

if TYPE_CHECKING:
    from hivemind.store.database import Workspace

#: Sessions at a team that are named, at most.
MAX_NAMED = 20
#: From this width on, in characters, a table shows what is nice to know too.
WIDE = 120
_TITLE = "first request"
_MARKS = {
    "prompt": "❯",
    "assistant": "●",
    "tool_call": "→",
    "tool_result": "←",
    "interrupt": "■",
    "compaction": "≡",
}
_POINTS = {"success": "+", "failure": "-"}


@click.group(cls=OrderedGroup)
def sessions() -> None:
    """List, show and delete stored sessions."""


@sessions.command("list")
@click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(1, 10_000), help="So many, newest first."
)
@json_option
@pass_app
def list_sessions(app: App, *, limit: int, as_json: bool) -> None:
    """List sessions, newest first."""
    from hivemind.store import sessions as store

    with app.database() as database, database.read(app.workspace_id) as workspace:
        rows = store.recent(workspace, limit=limit)
        ids = {row.session_id: store.short_id(workspace, row.session_id) for row in rows}
    if as_json:
        emit([dict(row._mapping) for row in rows])
        return
    if not rows:
        app.say(f"No session is stored in workspace {app.workspace_id}.")
        return
    wide = app.console.width >= WIDE
    heads = ["session", "when", "calls", "errors", "project", *(["agent", "model"] if wide else []), _TITLE]
    cells = [
        [
            ids[row.session_id],
            ago(row.ended_at),
            str(row.tool_calls),
            str(row.tool_errors),
            one_line(row.project or "", 20),
            *([one_line(row.agent, 12), one_line(row.request_model, 28)] if wide else []),
            one_line(row.title, 80),
        ]
        for row in rows
    ]
    app.table(heads, cells, shrink=_TITLE, numbers="calls errors")


@sessions.command()
@click.argument("session_id")
@click.option("--full", is_flag=True, help="Whole texts, not their first line.")
@json_option
@pass_app
def show(app: App, *, session_id: str, full: bool, as_json: bool) -> None:
    """Show a session's events in order, and how its episodes turned out."""
    from hivemind.store import episodes as graded
    from hivemind.store import sessions as store

    with app.database() as database, database.read(app.workspace_id) as workspace:
        session = store.session(workspace, session_id)
        rows = store.events_of(workspace, session.session_id)
        episodes = graded.of_session(workspace, session.session_id)
        reports = graded.reports(workspace, session.session_id)
    if as_json:
        shown = {
            "episodes": [{k: v for k, v in row._mapping.items() if k != "fingerprint"} for row in episodes],
            "outcomes": [dict(row._mapping) for row in reports],
        }
        emit({**session._mapping, **shown, "events": [dict(row._mapping) for row in rows]})
        return
    app.say(f"{session.session_id}  {session.agent} {session.agent_version}  {session.request_model}")
    app.say(f"{session.cwd}  {session.git_branch}  {session.git_remote}")
    for row in rows:
        if row.kind != "usage" and (row.text or row.kind != "system"):
            app.say(_line(row, full=full))
    for episode in episodes:
        app.say(_episode(episode))
    app.say(_usage(rows))


def _episode(row: Any) -> str:
    """Say how an episode turned out, and what that rests on."""
    by = "" if row.evaluation_name == "signals" else f", reported by {row.evaluation_name}"
    head = (
        f"episode {row.number} (#{row.first_seq}–{row.last_seq}): {row.score_label} {row.score_value:.2f}{by}"
    )
    why = [f"    {_POINTS.get(s['points_to'], '·')} {s['text']}" for s in row.signals]
    return "\n".join([f"{head}  {one_line(row.request, 80)}", *(why or ["    no signal"])])


def _line(row: Any, *, full: bool) -> str:
    mark = _MARKS.get(row.kind, "·")
    indent = "  " if row.agent_id else ""
    status = f" [{row.status}]" if row.status and row.status != "ok" else ""
    tool = f" {row.tool_name}" if row.tool_name else ""
    text = row.text if full else one_line(row.text, 120)
    return f"{indent}{row.seq:>5} {mark}{tool}{status} {text}"


def _usage(rows: list[Any]) -> str:
    counted = [row for row in rows if row.kind == "usage"]
    names = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
    totals = {name: sum(getattr(row, name) or 0 for row in counted) for name in names}
    return "tokens: " + ", ".join(
        f"{totals[name]:,} {name.removesuffix('_tokens').replace('_', ' ')}" for name in names
    )


@sessions.command()
@click.option(
    "--before", type=click.DateTime(["%Y-%m-%d"]), help="Sessions that ended before this day (UTC)."
)
@click.option(
    "--older-than-days", type=click.IntRange(0, 100_000), help="Sessions that ended so many days ago."
)
@click.option("--session", "session_ids", multiple=True, help="This session (an id or its beginning).")
@click.option("--all", "everything", is_flag=True, help="Every session of the workspace.")
@click.option("--dry-run", is_flag=True, help="Say what would be deleted.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_app
def prune(
    app: App,
    *,
    before: datetime | None,
    older_than_days: int | None,
    session_ids: tuple[str, ...],
    everything: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Delete sessions with their events; skills learnt from them stay.

    The agents' own transcripts are not touched, and what was deleted here is not read from them again. What
    went up to a team's server stays there; which sessions those are is said.
    """
    from hivemind.capture import kept
    from hivemind.store import sessions as store

    limit = before.replace(tzinfo=UTC) if before else None
    if older_than_days is not None:
        limit = datetime.now(UTC) - timedelta(days=older_than_days)
    if not (limit or session_ids or everything):
        raise click.UsageError("say which: --before DAY, --older-than-days N, --session ID or --all")
    with app.database() as database:
        with database.read(app.workspace_id) as workspace:
            rows = [store.session(workspace, s) for s in session_ids]
            if limit or everything:
                rows += [
                    row
                    for row in store.recent(workspace, limit=10_000_000)
                    if everything or (limit and row.ended_at and row.ended_at < limit)
                ]
            chosen = list(dict.fromkeys(row.session_id for row in rows))
            at_the_team = _at_the_team(workspace, chosen)
        if not chosen:
            raise HivemindError(
                "nothing-to-prune", "no stored session matches", hint="see `hivemind sessions list`"
            )
        if at_the_team:
            app.note(at_the_team)
        if dry_run:
            more = f" and {len(chosen) - 20} more" if len(chosen) > 20 else ""
            named = ", ".join(s[:8] for s in chosen[:20])
            app.say(f"would delete {count(len(chosen), 'session')}: {named}{more}")
            return
        if not yes:
            click.confirm(f"Delete {count(len(chosen), 'session')} with all events?", abort=True, err=True)
        deleted = 0
        for session_id in chosen:
            with database.write(app.workspace_id) as workspace:
                deleted += store.prune(workspace, [session_id])
            kept.delete_session(app.data, session_id)
        app.say(f"deleted {count(len(chosen), 'session')} with {count(deleted, 'event')}")


def _at_the_team(workspace: "Workspace", session_ids: Sequence[str]) -> str:
    """Say which of some sessions a team's server has, too, and how to delete them there; empty where none."""
    from hivemind.store import remotes

    sent = remotes.uploads(workspace)
    gone_up = [session_id for session_id in session_ids if sent.get(session_id)]
    server = remotes.remote(workspace)
    if not gone_up or server is None:
        return ""
    more = f" and {len(gone_up) - MAX_NAMED} more" if len(gone_up) > MAX_NAMED else ""
    return (
        f"{len(gone_up)} of {count(len(session_ids), 'session')} went up to {server.url}, "
        f"and the copies there stay: {', '.join(gone_up[:MAX_NAMED])}{more}\n"
        "To delete one there, with a token of its person or of an admin (docs/server.md):\n"
        f"  curl -X DELETE -H 'Authorization: Bearer TOKEN' {server.url}/api/v1/sessions/ID"
    )
