"""Send what a team's projects have more than the server knows; the database itself is the queue."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hivemind.store import remotes
from hivemind.store.database import Database
from hivemind.sync.client import Client, RefusedError
from hivemind.sync.preparing import Part, Rules, batches, parts, waiting
from hivemind.sync.wire import Batch, Fate, Machine, Receipt, read_counts, read_receipt

#: Sessions that are asked about at once, after the server was restored.
ASKED = 500
#: Times that a round begins anew where the server turned out to lack something.
MAX_PASSES = 3


@dataclass(slots=True, kw_only=True)
class Sending:
    """Count what went up, or would."""

    sessions: set[str] = field(default_factory=set)
    batches: int = 0
    deleted: set[str] = field(default_factory=set)  #: sessions that were deleted there, and stay deleted
    gaps: int = 0  #: times that the server lacked what came before
    events: int = 0
    offers: int = 0
    reports: int = 0
    left_out: int = 0  #: calls and results that were about projects that are not shared
    redactions: int = 0
    bytes: int = 0  #: of the events before they are compressed
    refused: dict[str, str] = field(default_factory=dict)


def push(
    database: Database,
    workspace_id: str,
    *,
    client: Client,
    machine: Machine,
    rules: Rules,
    home: str,
    done: Sending,
    with_refused: bool = False,
) -> None:
    """Send batch after batch until all is there, or the deadline is over; what is there by then stays."""
    for _ in range(MAX_PASSES):
        gaps = done.gaps
        chosen = waiting(database, workspace_id, rules=rules, with_refused=with_refused)
        for batch in batches(parts(database, workspace_id, chosen, rules=rules, home=home)):
            over = done.refused.keys() | done.deleted
            left = [part for part in batch if part.waiting.session_id not in over]
            if left and client.deadline.left_s:
                _send(database, workspace_id, left, client=client, machine=machine, done=done)
        if done.gaps == gaps or not client.deadline.left_s:
            return


def _send(
    database: Database,
    workspace_id: str,
    batch: Sequence[Part],
    *,
    client: Client,
    machine: Machine,
    done: Sending,
) -> None:
    try:
        body = Batch(machine=machine, sessions=tuple(part.session for part in batch)).as_json()
        receipt = read_receipt(client.post("/api/v1/sync/sessions", body).value)
    except RefusedError as error:
        if error.status not in (400, 413, 422):
            raise
        if len(batch) > 1:  # one of them is the reason: the others must not wait for it
            for part in batch:
                _send(database, workspace_id, [part], client=client, machine=machine, done=done)
            return
        _refused(database, workspace_id, batch[0], error.message, done=done)
        return
    if _stored(database, workspace_id, batch, receipt, done=done):
        return
    # Restored since the round began: whatever else it lost is sent in the next pass.
    done.gaps += 1
    ask_again(database, workspace_id, client=client)
    with database.write(workspace_id) as workspace:
        remotes.update(workspace, receipt=receipt.number)


def _refused(database: Database, workspace_id: str, part: Part, why: str, *, done: Sending) -> None:
    one = part.waiting
    done.refused[one.session_id] = why
    with database.write(workspace_id) as workspace:
        remotes.put_upload(
            workspace,
            one.session_id,
            sent_seq=part.session.from_seq,
            sent_offers=one.sent_offers,
            sent_reports=one.sent_reports,
            refused=why,
        )


def _stored(
    database: Database, workspace_id: str, batch: Sequence[Part], receipt: Receipt, *, done: Sending
) -> bool:
    """Note what a batch's answer says; False where the server has taken fewer batches than it had before."""
    answers = {held.session_id: held for held in receipt.sessions}
    done.batches += 1
    with database.write(workspace_id) as workspace:
        for part in batch:
            answer, session = answers.get(part.session.session_id), part.session
            if answer is None:
                continue
            if answer.fate is Fate.DELETED:
                remotes.note_deleted(workspace, [session.session_id])
                done.deleted.add(session.session_id)
                continue
            is_stored = answer.fate is Fate.STORED
            done.gaps += not is_stored
            sent = session.to_seq if is_stored else min(answer.held, session.from_seq)
            remotes.put_upload(
                workspace,
                session.session_id,
                sent_seq=sent,
                sent_offers=part.sent_offers if is_stored else 0,
                sent_reports=part.sent_reports if is_stored else 0,
            )
            if is_stored:
                done.sessions.add(session.session_id)
                done.events += session.to_seq - session.from_seq
                done.offers += len(session.offers)
                done.reports += len(session.reports)
                done.left_out += part.left_out
                done.redactions += part.redactions
                done.bytes += part.bytes
        known = remotes.remote(workspace)
        is_behind = known is not None and receipt.number <= known.receipt
        if not is_behind:
            remotes.update(workspace, receipt=receipt.number)
    return not is_behind


def ask_again(
    database: Database, workspace_id: str, *, client: Client, sessions: Sequence[str] | None = None
) -> int:
    """Ask a server that lost something how much of each session it has; gives how many it has less of."""
    with database.read(workspace_id) as workspace:
        known = sorted(remotes.uploads(workspace)) if sessions is None else list(sessions)
    changed = 0
    for start in range(0, len(known), ASKED):
        asked = known[start : start + ASKED]
        held, deleted = read_counts(client.post("/api/v1/sync/held", {"sessions": asked}).value)
        with database.write(workspace_id) as workspace:
            left = [one for one in asked if one not in deleted]
            changed += remotes.take_back(workspace, {one: held.get(one, 0) for one in left})
            remotes.note_deleted(workspace, deleted.intersection(asked))
    return changed
