"""What one database does in its own way: each engine is a folder whose package has the members of `Seam`."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import sqlalchemy as sa

from hivemind.errors import HivemindError
from hivemind.store.engines import sqlite


class Seam(Protocol):
    """Name what differs between databases; the rest of `store/` is SQLAlchemy Core that runs on each."""

    def insert(self, table: sa.Table, /) -> Any:
        """Begin an INSERT that can say what happens to a row that is there already."""

    def begin_reading(self, connection: sa.Connection, /) -> None:
        """Begin a transaction that sees one moment and writes nothing."""

    def begin_writing(self, connection: sa.Connection, workspace_id: str, /, *, alone: bool) -> None:
        """Begin a transaction that writes; `alone` keeps others that ask for it out of the workspace."""

    def take_turns(self, connection: sa.Connection, name: str, /) -> None:
        """Let one transaction at a time go on from here, in every workspace, until it ends."""

    def revision(self, connection: sa.Connection, /) -> str:
        """Name the migration that the database is at; empty where it has none."""

    def now(self, connection: sa.Connection, /) -> datetime:
        """Give the time by the one clock that every process of the database goes by."""

    def append(self, connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]], /) -> None:
        """Insert many new rows that all have the same columns."""

    def attempt(self, connection: sa.Connection, work: Callable[[], None], /) -> bool:
        """Do a part of a transaction; False, with nothing of it left, where another has such rows."""

    def values_of(self, document: sa.ColumnElement[Any], keys: Sequence[str], /) -> sa.ColumnElement[Any]:
        """Give the values of keys of a JSON column, as the text of a JSON array."""

    def end_of(self, text: sa.ColumnElement[Any], chars: int, /) -> sa.ColumnElement[Any]:
        """Give the last characters of a text."""

    def index_events(
        self, connection: sa.Connection, workspace_id: str, documents: Sequence[tuple[str, str]], /
    ) -> None:
        """Make new events findable, given as (event id, text)."""

    def forget_events(
        self, connection: sa.Connection, workspace_id: str, documents: Sequence[tuple[str, str]], /
    ) -> None:
        """Take events out of the index, given as (event id, the text that was indexed)."""

    def search_events(
        self, connection: sa.Connection, workspace_id: str, words: Sequence[str], /, *, limit: int
    ) -> Sequence[Mapping[str, Any]]:
        """Find events that have any of the words, the best first, with what `search.EventHit` holds."""

    def indexed_events(self, connection: sa.Connection, workspace_id: str, /) -> int:
        """Give about how many events are in the index that `count_events` counts in."""

    def count_events(
        self, connection: sa.Connection, workspace_id: str, text: str, /, *, is_prefix: bool
    ) -> int:
        """Count the events that have words beside each other, the last perhaps a longer one's beginning."""

    def rank_events(
        self,
        connection: sa.Connection,
        workspace_id: str,
        terms: Sequence[tuple[str, bool]],
        /,
        *,
        limit: int,
    ) -> list[tuple[int | str, float]]:
        """Give the events with any of some terms, as `count_events` takes them, the best first by BM25."""

    def places_of(
        self, connection: sa.Connection, workspace_id: str, chosen: Sequence[int | str], /
    ) -> Sequence[Sequence[Any]]:
        """Give what `past.Place` holds of ranked events that the workspace has."""

    def index_skill(
        self, connection: sa.Connection, workspace_id: str, skill_id: str, fields: dict[str, str], /
    ) -> None:
        """Make a skill findable by the words of its fields, in place of what was indexed of it."""

    def forget_skill(self, connection: sa.Connection, workspace_id: str, skill_id: str, /) -> None:
        """Take a skill out of the index."""

    def search_skills(
        self, connection: sa.Connection, workspace_id: str, words: Sequence[str], /, *, limit: int
    ) -> Sequence[str]:
        """Find skills that have any of the words, the best first."""


class Opening(Protocol):
    """Name what opens a database on a server: the module `opening` of an engine that has URLs."""

    def engine_of(self, url: str, /) -> sa.Engine:
        """Give an engine for a URL; no message ever shows the password."""

    def require_usable(self, connection: sa.Connection, /) -> None:
        """Refuse a server that cannot hold what the store keeps."""

    def unreachable(self, url: sa.URL, error: sa.exc.DBAPIError, /) -> HivemindError:
        """Say that a server did not let us in, and why."""

    def unusable(self, url: sa.URL, error: sa.exc.DBAPIError, /) -> HivemindError:
        """Say that a database was reached and cannot be used, and why."""


def of(bind: sa.Connection | sa.Engine) -> Seam:
    """Give the seam of an open database."""
    if bind.dialect.name == "sqlite":
        return sqlite
    # Nobody who has no server pays for it.
    if bind.dialect.driver == "deeplake":
        from hivemind.store.engines.deeplake import seam

        return seam
    from hivemind.store.engines import postgresql

    return postgresql
