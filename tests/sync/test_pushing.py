"""What goes up: each event once and in its place, come what may, and nothing that is private."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from benchmarks.team_server import WORKSPACE, Thread
from machines import NOW, Computer, stored, texts

from hivemind.config import Settings
from hivemind.store import audit, jobs, remotes, schema, sessions
from hivemind.sync import pushing, running
from hivemind.sync.client import Client, Deadline

Make = Callable[..., Computer]


def test_events_arrive_as_they_are(team: Thread, computer: Make) -> None:
    """Each column that is sent is on the server what it was here, and nothing is there twice."""
    ada = computer("Ada")
    ada.has("s1", texts(9))
    done = ada.sync()
    assert (done.sent.events, done.sent.batches) == (9, 1)
    assert stored(team.database, WORKSPACE) == stored(ada.database, "default")
    own, there = schema.events, schema.events
    names = [c.name for c in own.columns if c.name not in ("workspace_id", "event_id")]
    with ada.database.read() as mine, team.database.read(WORKSPACE) as theirs:
        query = sa.select(*(own.c[name] for name in names)).order_by(own.c.seq)
        sent = [tuple(row) for row in mine.execute(query.where(own.c.workspace_id == "default"))]
        got = [tuple(row) for row in theirs.execute(query.where(there.c.workspace_id == WORKSPACE))]
        row = theirs.execute(sa.select(schema.sessions)).one()
        project = theirs.execute(sa.select(schema.projects)).one()
        waiting = jobs.listed(theirs)
        (entry,) = audit.listed(theirs, limit=10, action="sync.upload")
    assert got == sent
    assert (row.session_id, row.cwd, row.next_seq) == ("s1", "~/shop", 9)
    assert row.person_id
    assert (project.remote, project.root) == ("github.com/acme/shop", "")
    assert [(job.kind, job.key) for job in waiting] == [("distil", project.project_id)]
    assert entry.detail["events"] == 9
    assert ada.sync().sent.batches == 0


def test_what_grows_goes_up_from_where_it_was(team: Thread, computer: Make) -> None:
    """Only what is new is sent, and it comes behind what is there."""
    ada = computer("Ada")
    ada.has("s1", texts(5))
    ada.sync()
    ada.has("s1", texts(12)[5:], first=5)
    assert ada.sync().sent.events == 7
    assert stored(team.database, WORKSPACE) == {"s1": texts(12)}


def test_sending_again_changes_nothing(team: Thread, computer: Make) -> None:
    """A machine that forgot what it had sent sends it all, and nothing is there twice."""
    ada = computer("Ada")
    for name in ("s1", "s2"):
        ada.has(name, texts(30, word=name))
    ada.sync()
    with ada.database.write() as workspace:
        workspace.execute(schema.uploads.delete())
    assert ada.sync().sent.events == 60
    assert stored(team.database, WORKSPACE) == {name: texts(30, word=name) for name in ("s1", "s2")}


def test_a_long_session_goes_in_pieces(team: Thread, computer: Make) -> None:
    """More than one batch has room for, each in its place."""
    ada = computer("Ada")
    ada.has("long", texts(1_500))
    ada.has("short", texts(3))
    done = ada.sync()
    assert done.sent.batches > 3
    assert stored(team.database, WORKSPACE) == {"long": texts(1_500), "short": texts(3)}


def test_a_machine_killed_before_it_noted_the_answer_sends_again(team: Thread, computer: Make) -> None:
    """The server has the batch and the machine does not know: once more, and once stored."""
    ada = computer("Ada")
    ada.has("s1", texts(20))
    ada.sync()
    with ada.database.write() as workspace:  # as if the process had died right after the answer
        remotes.put_upload(workspace, "s1", sent_seq=7, sent_offers=0)
        remotes.update(workspace, receipt=0)
    ada.has("s1", ["more"], first=20)
    assert ada.sync().sent.events == 14
    assert stored(team.database, WORKSPACE) == {"s1": [*texts(20), "more"]}


def test_a_restored_server_gets_what_it_lost(team: Thread, computer: Make) -> None:
    """A server whose database is an older copy has everything again after one sync, and nothing twice."""
    ada = computer("Ada")
    ada.has("s1", texts(10))
    ada.has("gone", texts(4))
    ada.sync()
    with team.database.write(WORKSPACE) as workspace:
        sessions.prune(workspace, ["s1", "gone"])
    before = computer("Ada", token=ada.token)  # whose batch is what the copy had
    before.has("s1", texts(6))
    before.sync()
    with team.database.write(WORKSPACE) as workspace:
        workspace.execute(schema.machines.update().values(receipt=0))
    done = ada.sync()
    assert (done.was_restored, done.taken_back) == (True, 2)
    assert stored(team.database, WORKSPACE) == {"gone": texts(4), "s1": texts(10)}
    assert not ada.sync().was_restored


def test_a_server_restored_within_a_round_gets_what_it_lost(team: Thread, computer: Make) -> None:
    """Its count of batches is behind the machine's amid sending: what else it lost goes up, too."""
    ada = computer("Ada")
    for name in ("gone", "s1"):
        ada.has(name, texts(4, word=name))
        ada.sync()
    with team.database.write(WORKSPACE) as workspace:
        sessions.prune(workspace, ["gone", "s1"])
        workspace.execute(schema.machines.update().values(receipt=0))
    ada.has("new", texts(800))  # of more batches than the copy lacks
    done = pushing.Sending()
    with Client(ada.credentials(), deadline=Deadline(seconds=20.0)) as client:
        machine = running.machine_of(ada.data, agents=["claude"])
        pushing.push(
            ada.database,
            "default",
            client=client,
            machine=machine,
            rules=ada.settings,
            home=str(ada.home),
            done=done,
        )
    ada.sync()
    lost = {name: texts(4, word=name) for name in ("gone", "s1")}
    assert stored(team.database, WORKSPACE) == {"new": texts(800), **lost}


def test_what_comes_out_of_order_is_asked_for(team: Thread, computer: Make) -> None:
    """A machine that believes more is there than is, is told how much, and sends the rest at once."""
    ada = computer("Ada")
    ada.sync()
    ada.has("s1", texts(10))
    with ada.database.write() as workspace:
        remotes.put_upload(workspace, "s1", sent_seq=6, sent_offers=0)
    done = ada.sync()
    assert done.sent.gaps == 1
    assert stored(team.database, WORKSPACE) == {"s1": texts(10)}


@pytest.mark.parametrize("years", [-40, 40])
def test_a_wrong_clock_loses_nothing(team: Thread, computer: Make, years: int) -> None:
    """A machine that lives in another year sends and is served like any other."""
    ada = computer("Ada")
    ada.has("s1", texts(6), at=NOW + timedelta(days=365 * years))
    ada.sync()
    ada.has("s1", ["now"], first=6, at=NOW)
    ada.sync()
    assert stored(team.database, WORKSPACE) == {"s1": [*texts(6), "now"]}


def test_two_people_may_have_a_session_of_one_name(team: Thread, computer: Make) -> None:
    """Nobody's events come into another's session, nor do they keep theirs out."""
    ada, bob = computer("Ada"), computer("Bob")
    ada.has("s1", texts(5, word="ada"))
    bob.has("s1", texts(7, word="bob"))
    for one in (bob, ada, bob):
        one.sync()
    found = stored(team.database, WORKSPACE)
    assert sorted(found.values()) == [texts(5, word="ada"), texts(7, word="bob")]
    ada.has("s1", ["ada more"], first=5)
    ada.sync()
    assert [*texts(5, word="ada"), "ada more"] in stored(team.database, WORKSPACE).values()


def test_two_machines_of_one_person_send_one_session(team: Thread, computer: Make) -> None:
    """A session that two machines know is stored once."""
    ada = computer("Ada")
    second = computer("Ada", token=ada.token)
    ada.has("s1", texts(8))
    second.has("s1", texts(11))
    for one in (ada, second, ada):
        one.sync()
    assert stored(team.database, WORKSPACE) == {"s1": texts(11)}


def test_what_is_private_never_leaves(team: Thread, computer: Make) -> None:
    """Of other repositories, of none, of folders kept out, and of all while capture is off: not one byte."""
    ada = computer("Ada")
    marker = "zq-private-marker-zq"
    ada.has("other", texts(3, word=marker), remote="github.com/ada/diary")
    ada.has("none", texts(3, word=marker), remote="", folder=str(ada.home / "notes"))
    ada.has("kept-out", texts(3, word=marker), folder=str(ada.home / "secret" / "shop"))
    ada.has("s1", [f"in {ada.home}/shop and {ada.home}"])
    ada.settings = replace(ada.settings, capture_exclude=(str(ada.home / "secret"),))
    off = replace(ada.settings, capture_enabled=False)
    assert ada.sync(rules=off).sent.batches == 0
    assert ada.sync(rules=Settings()).sent.batches == 0
    assert ada.sync().sent.sessions == {"s1"}
    assert stored(team.database, WORKSPACE) == {"s1": ["in ~/shop and ~"]}
    said = _everything(team)
    assert marker not in said
    assert str(ada.home) not in said


def _everything(team: Thread) -> str:
    """Give every value of every table, search indexes and files besides."""
    with team.database.read(WORKSPACE) as workspace:
        tables = [workspace.execute(sa.select(t)).all() for t in schema.metadata.tables.values()]
    found = [str(tables)]
    if team.database._path is not None:
        files = team.database.path.parent.glob("hivemind.db*")
        found += [path.read_bytes().decode("latin-1") for path in files]
    return "\n".join(found)
