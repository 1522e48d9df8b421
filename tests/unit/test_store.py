"""The embedded database: made private, migrated once, refused with a reason, searched for what is in it."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import given
from hypothesis import strategies as st

from hivemind.capture.git import project_of
from hivemind.domain.events import Event, EventKind, SessionFacts, Usage, event_id, session_key
from hivemind.domain.exposures import Arm, Channel, Offer
from hivemind.domain.text import storable
from hivemind.errors import HivemindError
from hivemind.store import migrations, offers, problems, schema, search, sessions
from hivemind.store.database import HEAD, Database, open_database, open_read_only
from hivemind.store.migrations import script_directory

NOW = datetime(2026, 11, 3, 10, tzinfo=UTC)
FACTS = SessionFacts(session_id="s", agent="claude", cwd="/x")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Open a new database."""
    opened = open_database(tmp_path / "data" / "hivemind.db")
    yield opened
    opened.close()


def event(native: str, text: str = "text", **more: object) -> sessions.RedactedEvent:
    """Make an event as the ingestion hands it over."""
    values = {"kind": EventKind.PROMPT, "native_id": native, "text": text, "at": NOW, **more}
    return sessions.RedactedEvent(event=Event(**values))  # type: ignore[arg-type]


def test_the_database_is_for_its_owner_only(tmp_path: Path) -> None:
    """A new database is 0600 in a new folder that is 0700, whatever the umask, and so are its companions."""
    mask = os.umask(0)
    try:
        database = open_database(tmp_path / "new" / "hivemind.db")
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert {stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "new").iterdir()} == {0o600}
    database.close()


def test_the_migrations_make_the_schema(database: Database) -> None:
    """A migrated database has exactly the declared tables; SQLite's search index is derived and apart."""
    apart = ("event_documents", "events_search", "skill_documents", "skills_search")
    with database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_object": lambda _, name, kind, *__: kind != "table" or not name.startswith(apart),
                "compare_type": True,
            },
        )
        assert compare_metadata(context, schema.metadata) == []


def test_the_newest_revision_is_the_one_the_code_expects() -> None:
    """Opening a database compares one string, which must be the head of the migrations."""
    assert script_directory().get_heads() == [HEAD]


def test_processes_that_make_a_database_at_once_take_turns(tmp_path: Path) -> None:
    """Six processes open the same new database: every one gets it, migrated once."""
    path = tmp_path / "data" / "hivemind.db"
    with multiprocessing.get_context("spawn").Pool(6) as pool:
        assert pool.map(_open_and_write, [(path, n) for n in range(6)]) == [True] * 6
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]
        assert connection.execute("SELECT count(*) FROM sessions").fetchall() == [(6,)]


def _open_and_write(given: tuple[Path, int]) -> bool:
    path, n = given
    database = open_database(path)
    with database.write() as workspace:
        sessions.append(workspace, SessionFacts(session_id=f"s{n}", agent="claude"), events=[event(f"e{n}")])
    database.close()
    return True


def _refusal(path: Path) -> str:
    with pytest.raises(HivemindError) as error:
        open_database(path)
    assert error.value.hint
    return error.value.slug


def test_a_newer_schema_is_refused_and_left_alone(database: Database) -> None:
    """An older Hivemind does not touch what a newer one has made."""
    with closing(sqlite3.connect(database.path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    assert _refusal(database.path) == "database-newer"
    with closing(sqlite3.connect(database.path)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]


@pytest.mark.parametrize(
    "content", [b"not a database at all, but text\n" * 50, b"SQLite format 3\0" + b"\xff" * 5_000]
)
def test_a_file_that_is_no_database_is_refused_and_untouched(tmp_path: Path, content: bytes) -> None:
    """Somebody's file is not overwritten, whatever its name."""
    path = tmp_path / "hivemind.db"
    path.write_bytes(content)
    assert _refusal(path) == "database-unusable"
    assert path.read_bytes() == content
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith("hivemind.db")) == ["hivemind.db"]


def test_a_place_that_cannot_hold_a_database_is_refused(tmp_path: Path) -> None:
    """A folder in its place, and a file in the folder's place, are said and not a bug."""
    (tmp_path / "hivemind.db").mkdir()
    assert _refusal(tmp_path / "hivemind.db") == "database-unusable"
    (tmp_path / "file").write_text("")
    assert _refusal(tmp_path / "file" / "hivemind.db") == "database-unusable"


@pytest.mark.parametrize("name", ["a b", "100%", "what?", "a#b", "mode=ro&x", "ü☃", "it's"])
def test_a_path_of_any_characters_is_that_file(tmp_path: Path, name: str) -> None:
    """Characters that mean something in a URL name a folder like any other, for reading alone as well."""
    path = tmp_path / name / "hivemind.db"
    database = open_database(path)
    with database.write() as workspace:
        sessions.append(workspace, FACTS, events=[event("e")])
    database.close()
    assert path.exists()
    with open_read_only(path).connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM events").scalar() == 1
        with pytest.raises(sa.exc.OperationalError, match="readonly"):
            connection.exec_driver_sql("DELETE FROM events")


@pytest.mark.parametrize("name", ["", "a/b", "../x", "x" * 65, "-x", "a b", "ü", "a\n"])
def test_a_workspace_name_that_is_none_is_refused(database: Database, name: str) -> None:
    """Only plain names name a workspace, and nothing is made for another."""
    with pytest.raises(HivemindError) as error, database.write(name):
        pass
    assert error.value.slug == "workspace-name"
    with database.read() as workspace:
        assert workspace.execute(sa.select(schema.workspaces)).all() == []


def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    """What was written before an error is not there after it."""
    with pytest.raises(ZeroDivisionError), database.write() as workspace:
        _ = sessions.append(workspace, FACTS, events=[event("e")]).events / 0
    with database.read() as workspace:
        assert sessions.totals(workspace) == {"sessions": 0, "events": 0, "transcripts": 0}


def test_a_read_sees_one_moment(database: Database) -> None:
    """What is committed while a transaction reads does not show in it."""
    with database.read() as reading:
        assert sessions.totals(reading)["events"] == 0
        with database.write() as writing:
            sessions.append(writing, FACTS, events=[event("e")])
        assert sessions.totals(reading)["events"] == 0
    with database.read() as reading:
        assert sessions.totals(reading)["events"] == 1


def test_workspaces_do_not_see_each_other(database: Database) -> None:
    """The same session in two workspaces is two, in search, too."""
    for name in ("one", "two"):
        with database.write(name) as workspace:
            sessions.append(workspace, FACTS, events=[event("e", f"the word of {name}")])
    with database.read("one") as workspace:
        assert [row.text for row in sessions.events_of(workspace, "s")] == ["the word of one"]
        assert [hit.text for hit in search.search_events(workspace, "word")] == ["the word of one"]
        assert search.search_events(workspace, "two") == []


def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    """Nobody would know which hour it means."""
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(sa.exc.StatementError, match="naive"), database.write() as workspace:
        sessions.append(workspace, FACTS, events=[event("e", at=naive)])


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 12, 31)), st.integers(-14, 14))  # noqa: DTZ001
def test_a_time_comes_back_as_it_was_and_sorts_as_text(moment: datetime, hours: int) -> None:
    """Times of any zone are kept to the millisecond in UTC."""
    aware = moment.replace(tzinfo=timezone(timedelta(hours=hours)))
    kind, dialect = schema.UtcTime(), sa.create_engine("sqlite://").dialect
    written = kind.process_bind_param(aware, dialect)
    assert len(written) == 24
    assert kind.process_result_value(written, dialect) == aware.replace(
        microsecond=aware.microsecond // 1000 * 1000
    )


def test_what_is_pruned_is_not_found_any_more(database: Database) -> None:
    """Deleting a session takes its events, its index entries and its exposures along, and no other's."""
    inputs = {"command": "make zebra", "n": [1, 2.5, None, {"ü": "☃"}]}
    with database.write() as workspace:
        sessions.append(
            workspace,
            FACTS,
            events=[
                event("a", "the first word"),
                event("b", "make zebra", kind=EventKind.TOOL_CALL, data=inputs),
                event("c", "", kind=EventKind.USAGE, usage=Usage(message_id="m", output_tokens=3)),
            ],
        )
        sessions.append(
            workspace, SessionFacts(session_id="t", agent="claude"), events=[event("d", "another word")]
        )
        offers.record(workspace, [offer("k")])
    with database.write() as workspace:
        assert search.search_events(workspace, "zebra")
        assert sessions.prune(workspace, ["s", "unknown"]) == 3
    with database.write() as workspace:
        assert search.search_events(workspace, "zebra first") == []
        assert [hit.session_id for hit in search.search_events(workspace, "word")] == ["t"]
        assert offers.total(workspace) == 0
        count = workspace.connection.exec_driver_sql("SELECT count(*) FROM event_documents").scalar()
        assert count == 1
        workspace.connection.exec_driver_sql(
            "INSERT INTO events_search(events_search) VALUES ('integrity-check')"
        )
        sessions.append(workspace, FACTS, events=[event("e", "zebra again")])
        assert [hit.text for hit in search.search_events(workspace, "zebra")] == ["zebra again"]


@given(
    query=st.text(max_size=30)
    | st.sampled_from(['"', "a AND", "NEAR(", "x*", "-a", "a:b", "^", "'; --", "a\0b"])
)
def test_any_query_is_a_search(query: str) -> None:
    """What means something to FTS5 is a word like any other."""
    with _searchable().read() as workspace:
        search.search_events(workspace, query)
        search.search_skills(workspace, query)


_SEARCHABLE: list[Database] = []


def _searchable() -> Database:
    return _SEARCHABLE[0]


@pytest.fixture(autouse=True, scope="module")
def _make_searchable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    _SEARCHABLE.append(open_database(tmp_path_factory.mktemp("search") / "hivemind.db"))
    yield
    _SEARCHABLE.pop().close()


def _project(folder: Path, remote: str = "") -> sessions.ProjectFacts:
    (folder / ".git").mkdir(parents=True, exist_ok=True)
    config = f'[remote "origin"]\n\turl = {remote}\n' if remote else ""
    (folder / ".git" / "config").write_text(config)
    found = project_of(str(folder))
    assert found is not None
    return found


def _put(database: Database, session_id: str, project: sessions.ProjectFacts) -> None:
    with database.write() as workspace:
        facts = SessionFacts(session_id=session_id, agent="claude", cwd=project.root)
        sessions.append(workspace, facts, events=[event(session_id)], project=project)


def _projects_of_sessions(database: Database) -> dict[str, str]:
    with database.read() as workspace:
        return {row.session_id: row.project_id for row in sessions.recent(workspace, limit=10)}


def test_sessions_move_to_the_remote_once_it_is_known(database: Database, tmp_path: Path) -> None:
    """A repository that gets its remote later stays one project, and its older sessions are mined again."""
    before = _project(tmp_path / "shop")
    _put(database, "old", before)
    with database.write() as workspace:
        workspace.execute(schema.sessions.update().values(mined_by=3))
    after = _project(tmp_path / "shop", "git@h.example:acme/shop.git")
    assert after.project_id != before.project_id
    _put(database, "new", after)
    assert _projects_of_sessions(database) == {"old": after.project_id, "new": after.project_id}
    with database.read() as workspace:
        assert sessions.session(workspace, "old").mined_by == 0
        assert sessions.session(workspace, "old").git_remote == "h.example/acme/shop"


def test_a_folder_whose_remote_is_gone_keeps_its_project(database: Database, tmp_path: Path) -> None:
    """What an earlier session knew of the folder holds for the next one."""
    known = _project(tmp_path / "shop", "https://h.example/acme/shop")
    _put(database, "first", known)
    forgotten = _project(tmp_path / "shop")
    _put(database, "second", forgotten)
    assert set(_projects_of_sessions(database).values()) == {known.project_id}
    with database.read() as workspace:
        assert sessions.known_project(workspace, forgotten).project_id == known.project_id


def test_two_folders_of_one_remote_are_one_project(database: Database, tmp_path: Path) -> None:
    """Clones, however their remote is spelled, share what is learnt."""
    for n, remote in enumerate(("git@h.example:acme/shop.git", "https://h.example/Acme/Shop")):
        _put(database, f"s{n}", _project(tmp_path / f"clone-{n}", remote))
    assert len(set(_projects_of_sessions(database).values())) == 1


def test_two_readers_of_one_transcript_do_not_both_advance_it(database: Database) -> None:
    """Whoever started from an older place, or from another file of the same length, has to look again."""
    first = sessions.Position(path="/t", agent="claude", offset_bytes=10, read_hash="a", lines=1)
    second = sessions.Position(path="/t", agent="claude", offset_bytes=10, read_hash="b", lines=1)
    with database.write() as workspace:
        sessions.put_position(workspace, first, was=None)
    for was in (None, second):
        with pytest.raises(sessions.ContendedError), database.write() as workspace:
            sessions.put_position(workspace, second, was=was)
    with database.write() as workspace:
        sessions.put_position(workspace, second, was=first)
        assert sessions.position(workspace, "/t") == second


def test_a_subagents_model_is_not_the_sessions(database: Database) -> None:
    """The session is said to use the model of its main conversation."""
    with database.write() as workspace:
        for n, (model, agent_id) in enumerate([("small", "a1"), ("large", ""), ("small", "a1")]):
            sessions.append(workspace, FACTS, events=[event(f"e{n}", request_model=model, agent_id=agent_id)])
        assert sessions.session(workspace, "s").request_model == "large"


def test_a_problem_is_counted_and_not_repeated(database: Database) -> None:
    """The same trouble is one row, however often it comes, and the newest is the first."""
    with database.write() as workspace:
        for slug in ("a", "b", "a", "a"):
            problems.record(workspace, source="worker", slug=slug, message="m" * 2_000)
        found = problems.recent(workspace)
        assert {row.slug: row.count for row in found} == {"a": 3, "b": 1}
        assert {len(row.message) for row in found} == {problems.MAX_MESSAGE_CHARS}
        assert problems.clear(workspace) == 2


def offer(skill_id: str, *, channel: Channel = Channel.PROMPT, arm: Arm = Arm.GIVEN) -> Offer:
    """Make an offer to session `s` at one moment."""
    return Offer(
        session_id="s",
        skill_id=skill_id,
        version=1,
        channel=channel,
        arm=arm,
        agent="claude",
        at=datetime(2026, 8, 9, tzinfo=UTC),
    )


def test_an_offer_is_recorded_once(database: Database) -> None:
    """One moment counts once, another channel again, and what was withheld was not given."""
    with database.write() as workspace:
        for channel in (Channel.PROMPT, Channel.PROMPT, Channel.MCP):
            offers.record(workspace, [offer("k", channel=channel), offer("l", channel=channel)])
        offers.record(workspace, [offer("m", arm=Arm.WITHHELD)])
        assert offers.total(workspace) == 4
        assert offers.shown_to(workspace, "s", channel="prompt") == {"k", "l"}


@given(st.text() | st.text(alphabet=st.characters(codec=None)))
def test_any_text_can_be_stored_once_it_is_cleaned(text: str) -> None:
    """Cleaning gives UTF-8 without NUL, and cleaning again changes nothing."""
    cleaned = storable(text)
    assert "\0" not in cleaned.encode("utf-8").decode("utf-8")
    assert storable(cleaned) == cleaned
    assert len(session_key(text)) <= 200
    assert event_id(session_id=text, native_id="~" + text, kind="prompt")


def test_a_sessions_short_id_is_its_own(database: Database) -> None:
    """Ids that begin with a date or a time are shown by as much as tells them apart."""
    ids = ["20261122_101500_aa", "20261122_101500_ab", "5f0a7c11-2222", "5f0a7c1"]
    with database.write() as workspace:
        for session_id in ids:
            sessions.append(workspace, SessionFacts(session_id=session_id, agent="hermes"), events=[])
        short = {session_id: sessions.short_id(workspace, session_id) for session_id in ids}
        found = [sessions.session(workspace, each).session_id for each in short.values()]
    assert short == {ids[0]: ids[0], ids[1]: ids[1], ids[2]: "5f0a7c11", ids[3]: "5f0a7c1"}
    assert found == ids


def test_what_was_shown_before_is_an_offer_after_the_migration(tmp_path: Path) -> None:
    """Rows of the older `exposures` become offers that were given."""
    path = tmp_path / "hivemind.db"
    _make_older(path, "0003")
    with closing(sqlite3.connect(path)) as older:
        older.execute(
            "INSERT INTO exposures"
            " (workspace_id, exposure_id, session_id, skill_id, version, channel, agent, at)"
            " VALUES ('default', 'x1', 's', 'k', 2, 'prompt', 'claude', '2026-08-09T00:00:00.000Z')"
        )
        older.commit()
    migrated = open_database(path)
    with migrated.read() as workspace:
        assert offers.shown_to(workspace, "s", channel="prompt") == {"k"}
    migrated.close()


def _make_older(path: Path, revision: str) -> None:
    """Make an empty database as an older version left it."""
    engine = sa.create_engine(f"sqlite:///{path}")
    migrations.upgrade(engine, to=revision)
    engine.dispose()
