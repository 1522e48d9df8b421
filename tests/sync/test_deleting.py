"""What is deleted at the server stays deleted, though the machine that sent it still has it."""

from __future__ import annotations

from collections.abc import Callable

import httpx
from benchmarks import team_server
from benchmarks.team_server import WORKSPACE, Thread
from machines import Computer, stored, texts

from hivemind.domain.accounts import Role
from hivemind.store import remotes, schema, sessions
from hivemind.sync import preparing

Make = Callable[..., Computer]


def delete(team: Thread, path: str, *, token: str) -> None:
    """Have the API delete something."""
    done = httpx.delete(f"{team.url}/api/v1{path}", headers={"Authorization": f"Bearer {token}"})
    assert done.is_success, done.text


def planned(computer: Computer) -> list[str]:
    """Name the sessions that a dry run says would go up."""
    found = preparing.plan(
        computer.database,
        "default",
        rules=computer.settings,
        home=str(computer.home),
        with_refused=True,
    )
    return [one.session_id for one in found]


def test_a_persons_data_stays_deleted(team: Thread, computer: Make) -> None:
    """An admin deletes it; the next sync sends none of it, as its dry run says; new work is sent."""
    ada_id, token = team_server.join(team.database, "Ada")
    _, admin = team_server.join(team.database, "Root", role=Role.ADMIN)
    ada = computer("Ada", token=token)
    for name in ("s1", "s2"):
        ada.has(name, texts(30, word=name))
    ada.sync()
    delete(team, f"/people/{ada_id}/data", token=admin)
    assert stored(team.database, WORKSPACE) == {}
    assert planned(ada) == []
    done = ada.sync()
    assert (done.sent.events, done.taken_back) == (0, 0)
    ada.has("s1", ["more"], first=30)
    ada.has("s3", texts(4, word="new"))
    assert planned(ada) == ["s3"]
    ada.sync()
    assert stored(team.database, WORKSPACE) == {"s3": texts(4, word="new")}
    with ada.database.read() as workspace:
        assert remotes.deleted(workspace) == 2
        assert len(workspace.execute(schema.events.select()).all()) == 65


def test_a_session_that_goes_on_is_not_brought_back(team: Thread, computer: Make) -> None:
    """Its next events are refused for good, and those of other sessions in the batch are stored."""
    ada = computer("Ada", role=Role.WRITER)
    ada.has("s1", texts(10))
    ada.sync()
    delete(team, "/sessions/s1", token=ada.token)
    ada.has("s1", ["more"], first=10)
    ada.has("s2", texts(5))
    done = ada.sync()
    assert done.sent.deleted == {"s1"}
    assert done.sent.gaps == 0
    assert stored(team.database, WORKSPACE) == {"s2": texts(5)}
    ada.has("s1", ["and more"], first=11)
    assert ada.sync().sent.batches == 0


def test_a_restored_server_still_knows(team: Thread, computer: Make) -> None:
    """What a machine is asked to send again has nothing that was deleted."""
    ada = computer("Ada")
    for name in ("s1", "s2"):
        ada.has(name, texts(6, word=name))
    ada.sync()
    delete(team, "/sessions/s1", token=ada.token)
    with team.database.write(WORKSPACE) as workspace:
        workspace.execute(schema.machines.update().values(receipt=0))
        sessions.prune(workspace, ["s2"])
    ada.sync()
    assert stored(team.database, WORKSPACE) == {"s2": texts(6, word="s2")}


def test_nobody_is_kept_out_by_what_another_deleted(team: Thread, computer: Make) -> None:
    """Bob's session of the same id is his own."""
    ada, bob = computer("Ada"), computer("Bob")
    ada.has("s1", texts(3, word="ada"))
    bob.has("s1", texts(4, word="bob"))
    ada.sync()
    delete(team, "/sessions/s1", token=ada.token)
    bob.sync()
    assert stored(team.database, WORKSPACE) == {"s1": texts(4, word="bob")}
    ada.has("s1", ["ada more"], first=3)
    ada.sync()
    assert stored(team.database, WORKSPACE) == {"s1": texts(4, word="bob")}


def test_a_new_machine_of_the_person_does_not_bring_it_back(team: Thread, computer: Make) -> None:
    """Nor does one that has a copy of the session and never sent it."""
    ada = computer("Ada")
    ada.has("s1", texts(3))
    ada.sync()
    delete(team, "/sessions/s1", token=ada.token)
    second = computer("Ada", token=ada.token)
    second.has("s1", texts(3))
    assert second.sync().sent.deleted == {"s1"}
    assert stored(team.database, WORKSPACE) == {}
