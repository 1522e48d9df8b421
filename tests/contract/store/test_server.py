"""PostgreSQL itself: what is said where it cannot be used, and what many writers at once leave behind."""

from __future__ import annotations

import multiprocessing
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from stored import FACTS, event

from databases import OVER_HTTP, PASSWORD, Maker, Server
from hivemind.domain.events import SessionFacts, Usage
from hivemind.errors import HivemindError
from hivemind.store import model_calls, schema, sessions
from hivemind.store.database import Database, open_database, open_url
from hivemind.store.model_calls import Cap, Wanted

psycopg = pytest.importorskip("psycopg", reason="needs psycopg: pip install -e '.[test]'")


def refusal(url: str) -> HivemindError:
    """Open a URL that cannot be opened; no message shows its password."""
    with pytest.raises(HivemindError) as error:
        open_url(url)
    assert PASSWORD not in f"{error.value.message} {error.value.hint}"
    assert error.value.hint
    return error.value


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        f"mysql://u:{PASSWORD}@h.example/x",
        f"postgresql://u:{PASSWORD}@h.example",
        f"postgresql://u:{PASSWORD}@h.example:port/x",
        f"sqlite:///{PASSWORD}.db",
    ],
)
def test_a_url_that_names_no_server_is_refused(url: str) -> None:
    """It is said what is wrong with it, without what is secret in it."""
    assert refusal(url).slug == "database-url"


def test_a_server_that_does_not_answer_is_named() -> None:
    """The host and the port are in the message."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        error = refusal(f"postgresql://u:{PASSWORD}@127.0.0.1:{port}/x")
    assert error.slug == "database-unreachable"
    assert f"127.0.0.1:{port}" in error.message


def test_a_user_who_is_not_let_in_is_told_why(server: Server) -> None:
    """A wrong password and a database that is not there are said as the server says them."""
    url = server.create()
    assert "password" in refusal(url.replace(PASSWORD, PASSWORD * 2)).message
    assert "does not exist" in refusal(f"{url}_not_there").message


def test_a_database_of_another_encoding_is_refused(server: Server) -> None:
    """What cannot hold every text holds none."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    error = refusal(server.url("latin"))
    assert error.slug == "database-unusable"
    assert "LATIN1" in error.message


def test_a_user_without_rights_is_told(server: Server) -> None:
    """Who may not create tables cannot migrate, and may work with a schema that is there."""
    url = server.create()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'")
        connection.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO reader")
    theirs = url.replace("hivemind:", "reader:")
    assert refusal(theirs).slug == "database-unusable"
    open_url(url).close()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO reader")
    database = open_url(theirs)
    with database.write() as workspace:
        assert sessions.append(workspace, FACTS, events=[event("e")]).events == 1
    database.close()


def test_a_server_that_comes_back_is_used_again(server: Server) -> None:
    """Connections that were cut are replaced, and an outage is said as one."""
    url = server.create()
    database = open_url(url)
    with database.read() as workspace:
        assert sessions.totals(workspace)["events"] == 0
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        name = url.rpartition("/")[2]
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        with database.read() as workspace:
            assert sessions.totals(workspace)["events"] == 0
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        with pytest.raises(HivemindError) as error, database.read():
            pass
    assert error.value.slug == "database-unreachable"
    database.close()


@pytest.mark.parametrize("databases", ["postgresql", OVER_HTTP], indirect=True)
def test_numbers_and_texts_of_any_size_are_kept(databases: Maker) -> None:
    """What SQLite keeps is kept: counts and exit statuses beyond 31 bits, names longer than declared."""
    database = databases.open()
    huge = Usage(message_id="m", input_tokens=2**40, output_tokens=2**40)
    facts = SessionFacts(session_id="s", agent="an agent with a very long name, longer than 32 characters")
    with database.write() as workspace:
        sessions.append(
            workspace, facts, events=[event("a", usage=huge), event("b", exit_code=3221225477), event("c")]
        )
        rows = sessions.events_of(workspace, "s")
        assert [(row.input_tokens, row.exit_code) for row in rows] == [
            *((2**40, None), (None, 3221225477)),
            (None, None),
        ]
        total = workspace.execute(sa.select(sa.func.sum(schema.events.c.input_tokens))).scalar_one()
        assert (total, type(total)) == (2**40, int)
        assert type(workspace.execute(sa.select(sa.func.avg(schema.events.c.seq))).scalar_one()) is float


def test_texts_sort_by_their_bytes(server: Server) -> None:
    """Whatever the server's language, ids sort as they do in SQLite and in Python."""
    database = open_url(server.create())
    ids = ["a-b", "ab", "a_b", "B", "Z", "ä", "_", "10", "9"]
    with database.write() as workspace:
        for session_id in ids:
            sessions.append(workspace, SessionFacts(session_id=session_id, agent="claude"), events=[])
        found = workspace.execute(sa.select(schema.sessions.c.session_id).order_by("session_id")).scalars()
        assert list(found) == sorted(ids)
    database.close()


def _append(given: tuple[str, int]) -> int:
    """Append the same fifty events, from another place on in each process; count those that were new."""
    url, n = given
    database, stored = open_url(url), 0
    order = [(n * 7 + k) % 50 for k in range(50)]
    for start in range(0, 50, 5):
        with database.write(alone=False) as workspace:
            batch = [event(f"e{k}", f"text {k}") for k in order[start : start + 5]]
            stored += sessions.append(workspace, FACTS, events=batch).events
    database.close()
    return stored


@pytest.mark.parametrize("databases", ["postgresql", OVER_HTTP], indirect=True)
def test_many_writers_of_one_session_store_each_event_once(databases: Maker) -> None:
    """Six processes upload what overlaps: every event is there once, and numbered without a gap."""
    url = databases.place()
    with multiprocessing.get_context("spawn").Pool(6) as pool:
        stored = pool.map(_append, [(url, n) for n in range(6)])
    database = open_url(url)
    with database.read() as workspace:
        rows = sessions.events_of(workspace, "s")
        assert sum(stored) == len(rows) == 50
        assert [row.seq for row in rows] == list(range(50))
        assert sessions.session(workspace, "s").prompts == 50
        assert workspace.execute(sa.text("SELECT count(*) FROM event_words")).scalar() == 50
    database.close()


def _count(database: Database, workspace_id: str) -> None:
    for _ in range(20):
        with database.write(workspace_id) as workspace:
            t = schema.projects
            here = sa.and_(t.c.workspace_id == workspace_id, t.c.project_id == "p")
            held = workspace.execute(sa.select(t.c.name).where(here)).scalar_one()
            workspace.execute(t.update().where(here).values(name=str(int(held) + 1)))


def test_transactions_of_a_workspace_take_turns(server: Server) -> None:
    """What one of them reads holds until it writes, without a lock of a row; other workspaces do not wait."""
    database = open_url(server.create())
    for name in ("one", "two"):
        with database.write(name) as workspace:
            sessions.put_project(workspace, sessions.ProjectFacts(project_id="p", name="0", root="/x"))
    threads = [threading.Thread(target=_count, args=(database, n)) for n in ("one", "two") * 4]
    with database.write("three"):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    with database.read("one") as workspace:
        assert workspace.execute(sa.select(schema.projects.c.name)).scalars().all() == ["80", "80"]
    database.close()


def test_the_cap_on_model_calls_holds_across_workspaces(server: Server) -> None:
    """Of callers in several workspaces at once no more are let through than the day allows."""
    database = open_url(server.create())
    wanted = Wanted(purpose="p", subject="k", evidence_hash="h", kind="claude", model="m", cost_usd=0.0)
    made: list[str | None] = []

    def ask(n: int) -> None:
        with database.write(f"w{n}") as workspace:
            made.append(model_calls.begin(workspace, wanted, cap=Cap(calls=3, usd=9.0)))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(call is not None for call in made) == 3
    database.close()


def test_the_embedded_database_needs_no_driver_of_a_server(tmp_path: Path) -> None:
    """Opening a file imports neither psycopg nor what is only for servers."""
    path = tmp_path / "hivemind.db"
    open_database(path).close()
    code = (
        "import sys; from pathlib import Path; from hivemind.store import jobs, search, sessions, skills;"
        "from hivemind.store.database import open_database; open_database(Path(sys.argv[1])).close();"
        "print([m for m in sys.modules if m.startswith(('psycopg', 'hivemind.store.engines.postgresql',"
        " 'sqlalchemy.dialects.postgresql'))])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _resume(given: tuple[str, int]) -> int:
    """Append, in another session and order, events that an agent copied into each; count those stored."""
    url, n = given
    database, stored = open_url(url), 0
    facts = SessionFacts(session_id=f"resumed-{n}", agent="claude")
    numbers = list(range(60)) if n % 2 else list(range(60))[::-1]
    for start in range(0, 60, 20):
        with database.write(alone=False) as workspace:
            batch = [event(f"copied-{k}", f"text {k}") for k in numbers[start : start + 20]]
            stored += sessions.append(workspace, facts, events=batch).events
    database.close()
    return stored


def test_events_that_sessions_share_are_stored_once(server: Server) -> None:
    """Six resumed sessions bring the same history at once, in any order: nobody fails, nothing is doubled."""
    url = server.create()
    open_url(url).close()
    with multiprocessing.get_context("spawn").Pool(6) as pool:
        stored = pool.map(_resume, [(url, n) for n in range(6)])
    database = open_url(url)
    with database.read() as workspace:
        assert sum(stored) == sessions.totals(workspace)["events"] == 60
        for n in range(6):
            rows = sessions.events_of(workspace, f"resumed-{n}")
            assert [row.seq for row in rows] == list(range(stored[n]))
    database.close()
