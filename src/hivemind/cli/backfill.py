"""`backfill`: store the sessions that are already on disk."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from hivemind.agents.base import Agent
from hivemind.agents.registry import recorders
from hivemind.capture import boundary, ingest, layout
from hivemind.cli.app import App, emit, json_option, pass_app
from hivemind.cli.text import bytes_text, count
from hivemind.errors import HivemindError

#: A file that took longer is named without being asked for, in seconds.
SLOW_S = 10.0


@click.command()
@click.option(
    "--from",
    "folder",
    type=click.Path(exists=True, path_type=Path),
    help="A folder with transcripts, such as ~/.claude.",
)
@click.option("--no-mine", is_flag=True, help="Only store; mine later with `hivemind skillify`.")
@click.option("--verbose", "-v", is_flag=True, help="Also name the files that took longest.")
@json_option
@pass_app
def backfill(app: App, *, folder: Path | None, no_mine: bool, verbose: bool, as_json: bool) -> None:
    """Store the sessions that are already on this disk.

    Reads every transcript from where the last read stopped: run it again, or after an interruption, and
    nothing is stored twice. Without --from it reads the folders of the agents found here.
    """
    if not (app.environment.capture and app.settings.capture_enabled):
        raise HivemindError(
            "capture-off",
            "capture is off, nothing was stored",
            hint="unset HIVEMIND_CAPTURE, or run `hivemind config set capture.enabled true`",
        )
    waiting = transcripts(app, folder)
    if not waiting:
        where = str(folder) if folder else ", ".join(str(a.default_root(app.machine)) for a in recorders())
        raise HivemindError(
            "no-transcripts",
            f"no transcript was found in {where}",
            hint="name another folder with --from",
        )
    started = time.perf_counter()
    done, refused = store(app, waiting, quiet=as_json)
    seconds = time.perf_counter() - started
    if not any(d["lines"] for d in done):
        raise HivemindError(
            "no-transcripts",
            f"no session was found in {count(len(waiting), 'file')}",
            hint="; ".join(map(_why, refused[:3])) or "name another folder with --from",
        )
    summary = _summary(done, refused, seconds=seconds)
    if not as_json:
        _print(app, summary, verbose=verbose)
    changes = [] if no_mine else _mine(app, quiet=as_json)
    if as_json:
        emit(summary | {"skills": changes})
    elif not no_mine:
        from hivemind.cli.skillify import print_changes

        print_changes(app, changes)


def transcripts(app: App, folder: Path | None) -> list[tuple[Path, Agent | None]]:
    """Find transcripts: in a folder with the agent told by content, or where each agent keeps its own."""
    if folder is not None:
        seen = dict.fromkeys(path for agent in recorders() for path in agent.transcripts(folder))
        return [(path, None) for path in seen]
    found: list[tuple[Path, Agent | None]] = []
    for agent in recorders():
        root = agent.default_root(app.machine)
        if root.is_dir():
            found += [(path, agent) for path in agent.transcripts(root)]
    return found


def store(
    app: App, waiting: list[tuple[Path, Agent | None]], *, quiet: bool
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Ingest transcripts with a progress bar; give what each gave, and what was refused and why."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from hivemind.store import positions

    redactor = boundary.redactor()
    done: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    skipped = Path(layout.skipped_dir(str(app.data)))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=app.notes, transient=True, disable=quiet or not app.notes.is_terminal)
    with app.database(must_exist=False) as database, bar:
        # A name that no workspace can have fails here, not with every file.
        with database.write(app.workspace_id) as workspace:
            elsewhere = positions.kept_elsewhere(workspace)
        task = bar.add_task("storing sessions", total=len(waiting))
        for path, agent in waiting:
            started = time.perf_counter()
            try:
                # By content, even in an agent's own folder: another agent may have written it there.
                owner = ingest.recognise(path, recorders() if agent is None else [agent, *recorders()])
                # Whoever names a folder means this workspace; what was found by itself stays where it is.
                if agent is not None and (keeper := elsewhere.get(str(path))):
                    refused.append({"path": str(path), "problem": f"is kept by workspace {keeper}"})
                    continue
                result = ingest.ingest(
                    database,
                    path,
                    agent=owner,
                    workspace_id=app.workspace_id,
                    redactor=redactor,
                    final=folder_is_archive(app, path),
                    excluding=app.settings,
                    skips=lambda session_id: (skipped / layout.session_file(session_id)).exists(),
                )
                values = asdict(result)
                del values["said"]
                done.append(values | {"seconds": round(time.perf_counter() - started, 4)})
            except (OSError, EOFError) as error:
                refused.append({"path": str(path), "problem": f"{type(error).__name__}: {error}"})
            except HivemindError as error:
                refused.append({"path": str(path), "problem": error.message})
            finally:
                bar.advance(task)
    return done, refused


def folder_is_archive(app: App, path: Path) -> bool:
    """Say whether nobody writes a transcript any more: it lies outside the agents' own folders, or is old."""
    roots = [agent.default_root(app.machine) for agent in recorders()]
    if not any(path.is_relative_to(root) for root in roots):
        return True
    written = path if path.exists() else path.parent  # a session in a database
    return time.time() - written.stat().st_mtime > 3600


def _mine(app: App, *, quiet: bool) -> list[dict[str, Any]]:
    from hivemind.cli.skillify import mine

    return mine(app, quiet=quiet)


def _summary(done: list[dict[str, Any]], refused: list[dict[str, Any]], *, seconds: float) -> dict[str, Any]:
    size = sum(d["bytes_read"] for d in done)
    slowest = sorted(done, key=lambda d: -d["seconds"])[:3]
    totals = {
        key: sum(d[key] for d in done)
        for key in (
            "events",
            "lines",
            "bad_lines",
            "prompts",
            "tool_calls",
            "tool_results",
            "tool_errors",
            "subagent_tool_calls",
            "redactions",
        )
    }
    return {
        "transcripts": len(done),
        "sessions_seen": len({d["session_id"] for d in done if d["session_id"]}),
        **totals,
        "bytes_read": size,
        "seconds": round(seconds, 3),
        "mb_per_s": round(size / 1e6 / seconds, 1) if seconds else 0.0,
        "slowest": [
            {"path": d["path"], "seconds": d["seconds"], "bytes_read": d["bytes_read"]} for d in slowest
        ],
        "refused": refused,
        "sessions": done,
    }


def _why(refused: dict[str, Any]) -> str:
    path, problem = str(refused["path"]), str(refused["problem"])
    return problem if path in problem else f"{path}: {problem}"


def _print(app: App, summary: dict[str, Any], *, verbose: bool) -> None:
    size = bytes_text(summary["bytes_read"])
    if summary["events"]:
        app.say(
            f"{count(summary['transcripts'], 'transcript')}, {count(summary['events'], 'new event')} "
            f"from {size} in {summary['seconds']:.1f} s ({summary['mb_per_s']} MB/s); "
            f"{count(summary['redactions'], 'secret')} replaced."
        )
    else:
        app.say(f"{count(summary['transcripts'], 'transcript')}: nothing new, all is stored already.")
    for row in summary["slowest"]:
        if not verbose and row["seconds"] <= SLOW_S:
            continue
        app.note(f"slowest: {row['seconds']:.2f} s for {bytes_text(row['bytes_read'])}: {row['path']}")
    if summary["bad_lines"]:
        app.note(f"left out {count(summary['bad_lines'], 'line')} that could not be read as JSON")
    for row in summary["refused"][:5]:
        app.note(f"left out {_why(row)}")
    if len(summary["refused"]) > 5:
        app.note(f"… and {len(summary['refused']) - 5} more; `--json` lists all")
