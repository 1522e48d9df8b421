"""`doctor`: prove the wiring end to end."""

import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import click

from hivemind.cli.app import App, emit, json_option, pass_app
from hivemind.cli.text import ago, bytes_text
from hivemind.errors import EXPLAIN, HivemindError

#: How long a started worker may take until it has read what the hook announced, in seconds.
WORKER_S = 15.0
#: Less free disk than this is reported, in bytes.
MIN_FREE_BYTES = 200_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Hold the outcome of one check; `hint` says how to mend it."""

    name: str
    ok: bool
    detail: str = ""
    hint: str = ""


@click.command()
@click.option("--clear", is_flag=True, help="Forget the recorded problems after showing them.")
@click.option("--error", "slug", metavar="SLUG", help="Only explain an error that a message named.")
@json_option
@pass_app
def doctor(app: App, *, clear: bool, slug: str | None, as_json: bool) -> None:
    """Prove the wiring end to end and say how to mend it.

    Runs the real hook with a test event, waits for the worker to read it, and checks the database, the disk
    and each agent's settings. Where no agent is wired the worker is ended again. Exits 1 where something is
    not right.
    """
    if slug is not None:
        from hivemind.cli import explained

        app.verbatim(explained.section(slug))
        return
    checks = [check for step in _STEPS for check in step(app)]
    if as_json:
        emit([asdict(check) for check in checks])
    else:
        for check in checks:
            app.say(
                f"{'✓' if check.ok else '✗'} {check.name}" + (f": {check.detail}" if check.detail else "")
            )
            if not check.ok and check.hint:
                app.say(f"    → {check.hint}")
    if clear:
        _clear(app)
    if not all(check.ok for check in checks):
        raise click.exceptions.Exit(1)


def _wiring(app: App) -> Iterator[Check]:
    from hivemind.agents.editing.receipts import wired_agents
    from hivemind.agents.registry import agents

    wired = wired_agents(app.data)
    here = [agent for agent in agents() if agent.name in wired or agent.detect(app.machine)]
    if not here:
        yield Check(
            name="agents",
            ok=False,
            detail="none is on this machine",
            hint="install one of " + ", ".join(a.title for a in agents()) + ", then run `hivemind install`",
        )
    for agent in here:
        if agent.name not in wired and wired:
            # Found and left alone by choice: that is no fault.
            yield Check(
                name=agent.title, ok=True, detail=f"not wired; `hivemind {agent.name} install` does it"
            )
            continue
        for check in agent.check_wiring(app.machine, app.wiring):
            yield Check(
                name=f"{agent.title} {check.name}",
                ok=check.ok,
                detail=check.detail,
                hint=check.hint or f"run `hivemind {agent.name} install`",
            )


def _settings(app: App) -> Iterator[Check]:
    from hivemind.cli.settings import load

    try:
        on = app.environment.capture and load(app).capture_enabled
    except HivemindError as error:
        # Told as a check, since what is wrong here stops most other verbs.
        yield Check(name="settings", ok=False, detail=error.message, hint=error.hint)
    else:
        yield _capture(on=on)
    yield _disk(app)


def _capture(*, on: bool) -> Check:
    return Check(
        name="capture",
        ok=on,
        detail="on" if on else "off: nothing is stored",
        hint="unset HIVEMIND_CAPTURE, or run `hivemind config set capture.enabled true`",
    )


def _disk(app: App) -> Check:
    free = shutil.disk_usage(app.data if app.data.exists() else app.data.anchor).free
    return Check(
        name="disk",
        ok=free > MIN_FREE_BYTES,
        detail=f"{bytes_text(free)} free",
        hint=f"free some space for {app.data}",
    )


def _database(app: App) -> Iterator[Check]:
    if not app.database_path.exists():
        yield Check(name="database", ok=True, detail="not made yet: nothing has been stored")
        return
    from hivemind.store.database import FORBIDDEN, LOST

    hint = f"move {app.database_path}* away and run `hivemind backfill`; {LOST}"
    try:
        with app.database() as database, database.read() as workspace:
            verdict = str(workspace.connection.exec_driver_sql("PRAGMA quick_check(1)").scalar())
            refusal = database.refusal
    except HivemindError as error:
        verdict, refusal = error.message, error if error.slug == FORBIDDEN else None
        hint = error.hint if "locked" in error.message or error.slug == "database-newer" else hint
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it is the finding
        verdict, refusal = str(error), None
    if refusal is not None and verdict in ("ok", refusal.message):
        verdict, hint = refusal.message, refusal.hint
    yield Check(
        name="database",
        ok=verdict == "ok",
        detail=f"{bytes_text(app.database_path.stat().st_size)}, {verdict}",
        hint=hint,
    )


def _team(app: App) -> Iterator[Check]:
    from hivemind.cli.sync import state

    known = state(app)
    if known["problem"]:
        yield Check(name="team", ok=False, detail=known["problem"], hint=known["hint"])
    elif known["url"]:
        error = known["last_error"]
        yield Check(
            name="team",
            ok=not error,
            detail=error or f"{known['workspace']} on {known['url']}, {known['waiting']} sessions waiting",
            hint="run `hivemind sync` to try again now",
        )


def _hook_and_worker(app: App) -> Iterator[Check]:
    from hivemind.agents.editing.receipts import wired_agents
    from hivemind.cli.wiring import stop_worker
    from hivemind.worker.lock import WorkerLock

    # Where nothing is wired, as after `uninstall`, no worker is to be left behind that was not there before.
    leaves_none = not wired_agents(app.data) and not WorkerLock(app.data).holder()
    try:
        yield from _run_hook(app)
    finally:
        if leaves_none:
            stop_worker(app)


def _run_hook(app: App) -> Iterator[Check]:
    from hivemind.capture import heartbeat

    session_id = f"{heartbeat.DOCTOR_SESSION}{uuid.uuid4()}"
    said = {
        "session_id": session_id,
        "cwd": str(app.environment.home),
        "hook_event_name": "Stop",
        "transcript_path": "",
    }
    wiring = app.wiring
    command = [wiring.python, "-I", "-S", str(wiring.hook_file), "claude", "Stop", str(app.data)]
    variables = {k: v for k, v in os.environ.items() if k not in ("HIVEMIND_CAPTURE", "HIVEMIND_INSIDE")}
    app.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    started = time.perf_counter()
    try:
        done = subprocess.run(
            command,
            input=json.dumps(said).encode(),
            capture_output=True,
            timeout=10,
            check=False,
            env=variables,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        yield Check(
            name="hook",
            ok=False,
            detail=str(error),
            hint=f"is {sys.executable} still there? reinstall Hivemind",
        )
        return
    took_ms = (time.perf_counter() - started) * 1000
    ok = done.returncode == 0 and not done.stderr
    yield Check(
        name="hook",
        ok=ok,
        detail=f"ran in {took_ms:.0f} ms" if ok else done.stderr.decode("utf-8", "replace")[:300],
    )
    end = time.monotonic() + WORKER_S
    while time.monotonic() < end:
        heard = heartbeat.read(app.data).get(heartbeat.DOCTOR)
        if heard is not None and heard.session_id == session_id:
            yield Check(
                name="worker",
                ok=True,
                detail=f"read the hook's announcement after {WORKER_S - (end - time.monotonic()):.1f} s",
            )
            return
        time.sleep(0.1)
    yield Check(
        name="worker",
        ok=False,
        detail=f"did not read the hook's announcement within {WORKER_S:.0f} s",
        hint="run `hivemind worker` to see why; its log is worker.log in the data folder",
    )


def _heard(app: App) -> Iterator[Check]:
    path = app.data / "hook-errors.jsonl"
    if path.exists():
        lines = path.read_text("utf-8", "replace").splitlines()
        if not lines:
            return
        yield Check(
            name="hook failures",
            ok=False,
            detail=f"{len(lines)} recorded, the last: {lines[-1][:200]}",
            hint="`hivemind doctor --clear` forgets them",
        )


def _problems(app: App) -> Iterator[Check]:
    from hivemind.otlp.storing import UNMAPPED
    from hivemind.store import problems

    if not app.database_path.exists():
        return
    try:
        with app.database() as database, database.read(app.workspace_id) as workspace:
            found = problems.recent(workspace)
    except Exception:  # noqa: BLE001 - the database check has said it
        return
    for row in found:
        yield Check(
            name=f"{row.source}",
            ok=row.slug == UNMAPPED,  # counted, and nothing is wrong
            detail=f"{row.message} ({row.count}x, last {ago(row.last_at)})",
            hint=f"`{EXPLAIN} {row.slug}` explains it; `hivemind doctor --clear` forgets it",
        )


def _clear(app: App) -> None:
    from hivemind.store import problems

    (app.data / "hook-errors.jsonl").unlink(missing_ok=True)
    if app.database_path.exists():
        with app.database() as database, database.write(app.workspace_id) as workspace:
            problems.clear(workspace)


_STEPS: tuple[Callable[[App], Iterator[Check]], ...] = (
    _wiring,
    _settings,
    _database,
    _team,
    _hook_and_worker,
    _heard,
    _problems,
)
