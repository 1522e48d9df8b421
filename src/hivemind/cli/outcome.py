"""`outcome`: say how a session's work turned out."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hivemind.cli.app import App, emit, json_option, pass_app
from hivemind.cli.text import count
from hivemind.domain.outcomes import CLEARED, Outcome, Report, of_reward
from hivemind.errors import HivemindError

if TYPE_CHECKING:
    from hivemind.store.database import Workspace

_SHA = re.compile(r"[0-9a-fA-F]{7,64}")
_LABELS = (Outcome.SUCCESS.value, Outcome.FAILURE.value, Outcome.UNKNOWN.value)


@click.command()
@click.argument("verdict", required=False)
@click.option("--session", "session_id", help="This session (an id or its beginning); else the newest here.")
@click.option(
    "--episode", "number", type=click.IntRange(1), help="Its episode of this number; else all so far."
)
@click.option("--commit", "commit", help="The sessions that made this commit, for a step of CI.")
@click.option("--status", type=click.Choice(["success", "failure"]), help="With --commit.")
@click.option("--note", default="", help="Why.")
@json_option
@pass_app
def outcome(
    app: App,
    *,
    verdict: str | None,
    session_id: str | None,
    number: int | None,
    commit: str | None,
    status: str | None,
    note: str,
    as_json: bool,
) -> None:
    """Say how a session's work turned out.

    VERDICT is success, failure, a reward from 0 to 1, or `clear`, which takes back what was said before. It
    wins over what Hivemind grades by itself, and the latest wins.
    """
    verdict = status if commit and not verdict else verdict
    if not verdict or (status and not commit) or (commit and (session_id or number)):
        raise click.UsageError("say `hivemind outcome success`, or --commit SHA --status success")
    from hivemind.capture import boundary

    label, score = _read(verdict)
    actor = _actor(app, ci=commit is not None)
    with app.database() as database, database.write(app.workspace_id) as workspace:
        about = _of_commit(workspace, commit) if commit else [_of_session(workspace, session_id, number)]
        said = [
            Report(
                session_id=session,
                event_id=event_id,
                label=label,
                score=score,
                actor=actor,
                at=datetime.now(UTC),
                commit=(commit or "").lower(),
                note=boundary.redactor().redact(note.strip()).text,
            )
            for session, event_id in about
        ]
        reported = _store(workspace, said)
    if as_json:
        emit(reported)
        return
    done = "cleared" if label == CLEARED else label
    for one in reported:
        app.say(f"{one['session_id'][:8]}: {done}, for {count(one['episodes'], 'episode')}")


def _read(verdict: str) -> tuple[str, float | None]:
    word = verdict.strip().lower()
    if word == "clear":
        return CLEARED, None
    if word in _LABELS:
        return word, None
    try:
        reward = float(word)
    except ValueError:
        reward = -1.0
    if not 0 <= reward <= 1:
        raise HivemindError(
            "outcome-unreadable",
            f"{verdict!r} is not an outcome",
            hint="say success, failure, clear, or a reward from 0 to 1",
        )
    return of_reward(reward).value, reward


def _actor(app: App, *, ci: bool) -> str:
    return app.person().replace("person:", "ci:", 1) if ci else app.person()


def _store(workspace: "Workspace", said: list[Report]) -> list[dict[str, Any]]:
    from hivemind.store import episodes

    result = []
    for one in said:
        outcome_id = episodes.report(workspace, one)
        rows = episodes.of_session(workspace, one.session_id)
        touched = [r for r in rows if episodes.is_under(workspace, outcome_id, r)]
        result.append(
            {
                "outcome_id": outcome_id,
                "session_id": one.session_id,
                "score_label": one.label,
                "score_value": one.score,
                "evaluation_name": one.actor,
                "episodes": len(touched),
            }
        )
    return result


def _of_session(workspace: "Workspace", session_id: str | None, number: int | None) -> tuple[str, str]:
    from hivemind.store import episodes, sessions

    row = sessions.session(workspace, session_id) if session_id else _newest(workspace)
    if number is None:
        return row.session_id, ""
    found = [e for e in episodes.of_session(workspace, row.session_id) if e.number == number]
    if not found:
        raise HivemindError(
            "episode-unknown",
            f"session {row.session_id} has no episode {number}",
            hint=f"see `hivemind sessions show {row.session_id[:8]}`",
        )
    return row.session_id, episodes.first_event(workspace, found[0])


def _newest(workspace: "Workspace") -> Any:
    from hivemind.capture.git import project_of
    from hivemind.store import sessions

    here = project_of(str(Path.cwd()))
    known = sessions.known_project(workspace, here) if here else None
    rows = sessions.recent(workspace, limit=1, project_id=known.project_id) if known else []
    if not rows:
        raise HivemindError(
            "session-unknown",
            f"no session of {Path.cwd()} is stored",
            hint="name one with --session, see `hivemind sessions list`",
        )
    return rows[0]


def _of_commit(workspace: "Workspace", commit: str) -> list[tuple[str, str]]:
    from hivemind.capture import commits
    from hivemind.capture.git import project_of
    from hivemind.store import sessions

    if not _SHA.fullmatch(commit):
        raise HivemindError(
            "commit-unknown",
            f"{commit!r} is not the id of a commit",
            hint="give at least seven of its hexadecimal digits",
        )
    folder = Path.cwd()
    made = commits.read(folder, commit)
    here = project_of(str(folder))
    known = sessions.known_project(workspace, here) if here else None
    found = commits.sessions_of(workspace, made, project_id=known.project_id) if known else []
    if not found:
        raise HivemindError(
            "commit-unknown",
            f"no stored session of this project made the commit {commit}",
            hint="run it where the commit was made, after `hivemind backfill`",
        )
    return found
