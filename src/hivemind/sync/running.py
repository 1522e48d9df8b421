"""One round of syncing: is the server what it was, send, take; bounded in time, and never two at once."""

import secrets
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from hivemind.errors import HivemindError
from hivemind.library import skill_files
from hivemind.store import remotes
from hivemind.store.database import Database
from hivemind.sync import pulling, pushing
from hivemind.sync.client import Client, Deadline
from hivemind.sync.credentials import Credentials
from hivemind.sync.preparing import Rules
from hivemind.sync.pulling import Taking
from hivemind.sync.pushing import Sending
from hivemind.sync.wire import Machine, State, read_state

#: Of one round in the background, in seconds.
ROUND_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Name this machine and its person's home, which no text that is sent shows."""

    machine: Machine
    home: str


@dataclass(slots=True, kw_only=True)
class Round:
    """Report a round."""

    url: str
    workspace: str = ""
    was_restored: bool = False  #: the server lost batches that it had taken
    taken_back: int = 0  #: sessions of which it has less than was sent
    sent: Sending = field(default_factory=Sending)
    came: Taking = field(default_factory=Taking)
    is_complete: bool = True  #: False where the time was over first


def machine_of(data: Path, *, agents: Sequence[str]) -> Machine:
    """Name this machine by a number of its own, made at its first sync."""
    path = data / "machine-id"
    try:
        text = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        text = ""
    if len(text) != 32 or not set(text) <= set("0123456789abcdef"):
        text = secrets.token_hex(16)
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text(text + "\n", "ascii")
        path.chmod(0o600)
    return Machine(machine_id=text, label=socket.gethostname()[:100], agents=tuple(agents))


def run(
    database: Database,
    *,
    remote: Credentials,
    who: Who,
    rules: Rules,
    seconds: float = ROUND_S,
    is_stopped: Callable[[], bool] = lambda: False,
    wait_s: float = 0.0,
    with_refused: bool = False,
) -> Round:
    """Sync once; raises HivemindError where it cannot, after noting why for `hivemind status`."""
    workspace_id = remote.local_workspace
    lock = database.path.with_name("sync.lock")
    done = Round(url=remote.url)
    try:
        with skill_files.only_one(lock, wait_s=wait_s, slug="sync-busy", doing="syncing"):
            deadline = Deadline(seconds=seconds, is_stopped=is_stopped)
            with Client(remote, deadline=deadline) as client:
                _round(
                    database, workspace_id, client=client, who=who, rules=rules, done=done, again=with_refused
                )
                done.is_complete = bool(deadline.left_s)
            with database.write(workspace_id) as workspace:
                remotes.update(workspace, synced_at=datetime.now(UTC), last_error=_problem(done))
    except HivemindError as error:
        if error.slug != "sync-busy":
            _note(database, remote, error)
        raise
    return done


def _problem(done: Round) -> str:
    refused = {**done.sent.refused, **done.came.refused}
    if not refused:
        return ""
    first, why = next(iter(refused.items()))
    more = f", and {len(refused) - 1} more" if len(refused) > 1 else ""
    return f"refused {first}: {why}{more}"


def _note(database: Database, remote: Credentials, error: HivemindError) -> None:
    with database.write(remote.local_workspace) as workspace:
        held = remotes.remote(workspace)
        if held is None:  # so that `hivemind status` has where to say it
            held = remotes.Remote(url=remote.url, remote_workspace=remote.workspace)
        remotes.change(workspace, held, last_error=f"{error.slug}: {error.message}")


def _round(
    database: Database,
    workspace_id: str,
    *,
    client: Client,
    who: Who,
    rules: Rules,
    done: Round,
    again: bool,
) -> None:
    machine_id = who.machine.machine_id
    state = read_state(client.get("/api/v1/sync/state", query={"machine": machine_id}).value)
    held = _known(database, workspace_id, client.remote, state)
    done.workspace = state.workspace
    if held.receipt > state.receipt:
        done.was_restored = True
        done.taken_back = pushing.ask_again(database, workspace_id, client=client)
        with database.write(workspace_id) as workspace:
            remotes.update(workspace, receipt=state.receipt)
    pushing.push(
        database,
        workspace_id,
        client=client,
        machine=who.machine,
        rules=rules,
        home=who.home,
        with_refused=again,
        done=done.sent,
    )
    done.came = pulling.pull(database, workspace_id, client=client, held=held, machine_id=machine_id)


def _known(database: Database, workspace_id: str, remote: Credentials, state: State) -> remotes.Remote:
    """Give what is known of the server; its key is believed the first time, and must stay the same."""
    with database.write(workspace_id) as workspace:
        held = remotes.remote(workspace)
        same = held is not None and (held.url, held.remote_workspace) == (remote.url, state.workspace)
        if held is not None and same and held.public_key not in ("", state.public_key):
            raise HivemindError(
                "sync-key-changed",
                f"{remote.url} signs with another key than before",
                hint=f"ask its admin; if the server is new, `hivemind login {remote.url}` trusts its new key",
            )
        if held is not None and same and held.public_key:
            return held
        return remotes.begin(
            workspace, url=remote.url, remote_workspace=state.workspace, public_key=state.public_key
        )
