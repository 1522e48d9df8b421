"""The schema, on every database: made once, brought forward from every released revision, never backward."""

from __future__ import annotations

import multiprocessing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from stored import event

from databases import Maker
from hivemind.domain.events import SessionFacts
from hivemind.errors import HivemindError
from hivemind.store import engines, jobs, migrations, offers, schema, sessions
from hivemind.store.database import HEAD, Database, open_database, open_url
from hivemind.store.engines.deeplake import opening as over_http
from hivemind.store.migrations import script_directory

#: Those that a released version wrote.
RELEASED = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008")
#: Search indexes are derived and apart from the schema; so is what an engine needs for its transactions.
APART = (
    *("event_documents", "events_search", "event_words", "skill_documents", "skills_search", "skill_words"),
    "hivemind_",
)
AT = datetime(2026, 8, 9, tzinfo=UTC)


def differences(database: Database) -> list[Any]:
    """Compare a database with the declared tables."""
    with database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_object": lambda _, name, kind, *__: kind != "table" or not name.startswith(APART),
                "compare_type": True,
            },
        )
        found = compare_metadata(context, schema.metadata)
    # Each change of a column is a list; PostgreSQL keeps comments, which docs/schema.md prints instead.
    flat = [each for one in found for each in (one if isinstance(one, list) else [one])]
    return [each for each in flat if "comment" not in each[0]]


def engine_of(place: str) -> sa.Engine:
    """Give an engine that migrates nothing by itself."""
    if place.startswith("deeplake"):
        engine = over_http.engine_of(place)
        with engine.connect() as connection:
            over_http.require_usable(connection)
        return engine
    if "://" in place:
        return sa.create_engine(place.replace("postgresql:", "postgresql+psycopg:"))
    Path(place).parent.mkdir(exist_ok=True)
    return sa.create_engine(f"sqlite:///{place}")


def older(databases: Maker, revision: str, *statements: str) -> str:
    """Make a database as an older version left it, and execute what that version did."""
    place = databases.place(is_migrated=False)
    engine = engine_of(place)
    migrations.upgrade(engine, to=revision)
    with engine.begin() as connection:
        assert engines.of(connection).revision(connection) == revision
        for statement in statements:
            connection.execute(sa.text(statement))
    engine.dispose()
    return place


def test_the_migrations_make_the_schema(database: Database) -> None:
    """A migrated database has exactly the declared tables."""
    assert differences(database) == []


def test_the_newest_revision_is_the_one_the_code_expects() -> None:
    """Opening a database compares one string, which must be the head of the migrations."""
    assert script_directory().get_heads() == [HEAD]


def test_every_key_begins_with_the_workspace() -> None:
    """Tables can be distributed by workspace: it leads each key and each unique index, without sequences."""
    for table in schema.metadata.tables.values():
        assert next(iter(table.primary_key)).name == "workspace_id", table.name
        assert {column.autoincrement for column in table.primary_key} <= {"auto", False}
        assert not any(column.identity or column.server_default for column in table.columns)
        assert not table.foreign_keys
        for index in table.indexes:
            first = next(iter(index.columns)).name
            assert first == "workspace_id" or (index.name == "model_calls_by_time" and not index.unique)


@pytest.mark.parametrize("revision", RELEASED)
def test_what_an_older_version_stored_is_there_after_the_migration(databases: Maker, revision: str) -> None:
    """From each released revision the newest schema is reached, with the rows of before, ready for more."""
    columns = (
        "workspace_id, session_id, agent, agent_version, project_id, cwd, git_branch, git_remote, title,"
        " request_model, next_seq, prompts, tool_calls, tool_results, tool_errors, mined_seq, mined_by"
    )
    place = older(
        databases,
        revision,
        f"INSERT INTO sessions ({columns}) VALUES"  # noqa: S608 - two constants
        " ('default', 'old', 'claude', '', '', '/x', '', '', 'Täglich ☃', '', 0, 0, 0, 0, 0, 0, 0)",
        "INSERT INTO workspaces (workspace_id, created_at) VALUES ('default', '2026-08-09T00:00:00.000Z')",
    )
    database = databases.open(place)
    assert differences(database) == []
    with database.write() as workspace:
        assert sessions.session(workspace, "old").title == "Täglich ☃"
        facts = SessionFacts(session_id="old", agent="claude")
        assert sessions.append(workspace, facts, events=[event("e")]).events == 1
        jobs.enqueue(workspace, "mine", "old")
    with database.read() as workspace:
        assert workspace.execute(sa.select(schema.workspaces.c.created_at)).scalar() == AT


def test_what_was_shown_before_is_an_offer_after_the_migration(databases: Maker) -> None:
    """Rows of the older `exposures` become offers that were given."""
    place = older(
        databases,
        "0003",
        "INSERT INTO exposures (workspace_id, exposure_id, session_id, skill_id, version, channel, agent, at)"
        " VALUES ('default', 'x1', 's', 'k', 2, 'prompt', 'claude', '2026-08-09T00:00:00.000Z')",
    )
    with databases.open(place).read() as workspace:
        assert offers.shown_to(workspace, "s", channel="prompt") == {"k"}


def test_a_newer_schema_is_refused_and_left_alone(databases: Maker) -> None:
    """An older Hivemind does not touch what a newer one has made."""
    place = older(databases, HEAD, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(HivemindError) as error:
        databases.open(place)
    assert error.value.slug == "database-newer"
    assert error.value.hint
    engine = engine_of(place)
    with engine.connect() as connection:
        assert engines.of(connection).revision(connection) == "9999"
    engine.dispose()


@pytest.mark.parametrize("revision", ["", "0002"])
def test_processes_that_migrate_at_once_take_turns(databases: Maker, revision: str) -> None:
    """Six processes open one database that is new or old: every one gets it, migrated once."""
    place = older(databases, revision) if revision else databases.place(is_migrated=False)
    with multiprocessing.get_context("spawn").Pool(6) as pool:
        assert pool.map(_open_and_write, [(place, n) for n in range(6)]) == [True] * 6
    database = databases.open(place)
    with database.read() as workspace:
        versions = workspace.execute(sa.text("SELECT version_num FROM alembic_version"))
        assert versions.scalars().all() == [HEAD]
        assert sessions.totals(workspace)["sessions"] == 6


def _open_and_write(given: tuple[str, int]) -> bool:
    place, n = given
    database = open_url(place) if "://" in place else open_database(Path(place))
    with database.write() as workspace:
        sessions.append(workspace, SessionFacts(session_id=f"s{n}", agent="claude"), events=[event(f"e{n}")])
    database.close()
    return True
