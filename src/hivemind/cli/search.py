"""`search`: over sessions and skills."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hivemind.cli.app import App, emit, json_option, pass_app
from hivemind.cli.text import one_line

if TYPE_CHECKING:
    from hivemind.retrieval.past import Answer, Episode, Turn
    from hivemind.store.database import Workspace

#: Characters of a turn on the terminal.
_SHOWN_CHARS = 160


@click.command()
@click.argument("query")
@click.option(
    "--limit", default=10, show_default=True, type=click.IntRange(1, 200), help="Hits at most, of each kind."
)
@click.option(
    "--project", default="", help="Work on this project only: its name, remote or folder; `.`: the one here."
)
@click.option("--agent", default="", help="Work of this agent only: claude, codex, …")
@click.option("--since", default="", metavar="TIME", help="Work since then: 2026-11-22, or 36h, 7d, 2w ago.")
@click.option("--until", default="", metavar="TIME", help="Work that began until then.")
@click.option(
    "--outcome", type=click.Choice(["success", "failure", "unknown"]), help="Work that ended so, only."
)
@json_option
@pass_app
def search(
    app: App,
    *,
    query: str,
    limit: int,
    project: str,
    agent: str,
    since: str,
    until: str,
    outcome: str | None,
    as_json: bool,
) -> None:
    """Search past work and skills in plain words.

    What was asked, said, run and printed is searched by its words; with the extra `embeddings` also by what
    it means. The best episodes come first, each with the turns that matter and where they are. Skills are
    searched by words, and left out where work is narrowed down.
    """
    from hivemind.retrieval import past
    from hivemind.store import search as store
    from hivemind.store import skills

    narrowed = bool(project or agent or since or until or outcome)
    reader = past.Reader(past.folder_of(app.data, app.workspace_id), workspace_id=app.workspace_id)
    with app.database() as database, database.read(app.workspace_id) as workspace:
        chosen = past.filter_of(
            workspace,
            project=_named(workspace, project),
            agent=agent,
            since=since,
            until=until,
            outcome=outcome or "",
        )
        answer = past.search(workspace, query, chosen=chosen, limit=limit, near=reader.near)
        ids = _short_ids(workspace, answer)
        known = [] if narrowed else store.search_skills(workspace, query, limit=limit)
        found = [skills.by_id(workspace, skill_id) for skill_id in known]
    note = answer.note or reader.note
    if as_json:
        shown = asdict(answer)["episodes"]
        events = [_event(one, turn) for one in answer.episodes for turn in one.turns]
        emit({"skills": [asdict(s) for s in found], "episodes": shown, "events": events, "note": note})
        return
    if not answer.episodes and not found:
        app.say(f"Nothing stored matches “{one_line(query, 80)}”.")
        app.note(note)
        return
    for s in found:
        app.say(f"skill  {s.name} ({s.state.value}): {one_line(s.description, 100)}")
    for one in answer.episodes:
        app.say(_head(one, ids[one.session_id]))
        for turn in one.turns:
            app.say(_line(turn))
    if answer.episodes:
        app.note("Read one: hivemind sessions show ID")
    if note:
        app.note(note)


def _named(workspace: "Workspace", project: str) -> str:
    """Give the id of the project here for `.`, any other name as it is."""
    from hivemind.capture.git import project_of
    from hivemind.store import sessions

    here = project_of(str(Path.cwd())) if project == "." else None
    return sessions.known_project(workspace, here).project_id if here else project


def _short_ids(workspace: "Workspace", answer: "Answer") -> dict[str, str]:
    from hivemind.store import sessions

    return {one.session_id: sessions.short_id(workspace, one.session_id) for one in answer.episodes}


def _head(one: "Episode", session: str) -> str:
    where = [f"{session} #{one.first_seq}–{one.last_seq}", one.started_at[:10], one.agent, one.project]
    return "  ".join(part for part in [*where, one.outcome, one.transcript] if part)


def _line(turn: "Turn") -> str:
    tool = f" {turn.tool}" if turn.tool else ""
    status = f" [{turn.status}]" if turn.status not in ("", "ok") else ""
    return f"    #{turn.seq} {turn.role}{tool}{status}: {one_line(turn.snippet, _SHOWN_CHARS)}"


def _event(one: "Episode", turn: "Turn") -> dict[str, Any]:
    return {
        "session_id": one.session_id,
        "agent": one.agent,
        "seq": turn.seq,
        "kind": turn.kind,
        "role": turn.role,
        "at": turn.at,
        "tool_name": turn.tool,
        "text": turn.snippet,
    }
