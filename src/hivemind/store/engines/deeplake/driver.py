"""A driver in the shape of PEP 249, for SQLAlchemy: statements go out as text, rows come back as JSON.

Its exceptions are those of PostgreSQL's own driver, so that what is caught of the one is caught of both.
"""

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from psycopg import DatabaseError as DatabaseError
from psycopg import DataError as DataError
from psycopg import Error as Error
from psycopg import IntegrityError as IntegrityError
from psycopg import InterfaceError as InterfaceError
from psycopg import InternalError as InternalError
from psycopg import NotSupportedError as NotSupportedError
from psycopg import OperationalError as OperationalError
from psycopg import ProgrammingError as ProgrammingError
from psycopg import Warning as Warning  # noqa: A004 - PEP 249 names it
from psycopg.errors import ReadOnlySqlTransaction

from hivemind.store.engines.deeplake.endpoint import failed
from hivemind.store.engines.deeplake.literals import rendered
from hivemind.store.engines.deeplake.turns import TURN_S, Turns, Write

apilevel, threadsafety, paramstyle = "2.0", 1, "pyformat"
_READS = re.compile(r"\s*\(*\s*(?:SELECT|WITH|VALUES)\b", re.I)


class Connection:
    """Keep what a transaction has written until it commits."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._turn, self._renewed_s = "", 0.0
        self.only_reads = False  #: until the transaction ends
        self._writes: list[Write] = []
        self._marks: list[tuple[str, int]] = []

    def prepare(self) -> None:
        """Make what transactions need, where it is not there."""
        self._turns.prepare()

    def begin(self) -> None:
        """Wait for the turn to write; the transaction ends it."""
        if not self._turn:
            self._turn = self._turns.take()
            self._renewed_s = time.monotonic()

    def cursor(self) -> "Cursor":
        """Give a cursor; cursors of a connection share its transaction."""
        return Cursor(self)

    def query(self, statement: str) -> list[str]:
        """Give a query's rows as JSON, after what the transaction has written."""
        self._stay()
        if not self._writes:
            return self._turns.lines(statement)
        return self._turns.attempt(self._turn, self._writes, query=statement)

    def write(self, statement: str, *, gives: bool) -> tuple[Write, list[str]]:
        """Keep a statement for the commit; one that gives rows is tried at once."""
        if self.only_reads:
            raise ReadOnlySqlTransaction("this transaction only reads")
        self.begin()
        self._stay()
        write = Write(sql=statement, gives=gives)
        self._writes.append(write)
        if not gives:
            return write, []
        try:
            return write, self._turns.attempt(self._turn, self._writes)
        except BaseException:
            self._writes.pop()
            raise

    def settle(self) -> None:
        """Try what waits for the commit, so that its errors and counts are known."""
        if self._writes and self._writes[-1].count is None:
            self._stay()
            self._turns.attempt(self._turn, self._writes)

    def mark(self, name: str) -> None:
        """Remember this moment of the transaction."""
        self._marks.append((name, len(self._writes)))

    def back_to(self, name: str) -> None:
        """Forget what was written after a mark."""
        while self._marks:
            known, number = self._marks.pop()
            if known == name:
                del self._writes[number:]
                return

    def commit(self) -> None:
        """Store all that was written, or raise and store nothing; the transaction ends either way."""
        try:
            if self._turn and self._writes:
                self._stay()
                self._turns.commit(self._turn, self._writes)
                self._turn = ""
        finally:
            self.rollback()

    def rollback(self) -> None:
        """Forget what was written, and let the next one have its turn."""
        self._writes, self._marks, self.only_reads = [], [], False
        if self._turn:
            turn, self._turn = self._turn, ""
            self._turns.give_back(turn)

    def close(self) -> None:
        """End the transaction."""
        self.rollback()

    def _stay(self) -> None:
        if self._turn and time.monotonic() - self._renewed_s > TURN_S / 3:
            self._turns.renew(self._turn)
            self._renewed_s = time.monotonic()


class Cursor:
    """Run one statement at a time, and hold its rows."""

    arraysize = 1
    lastrowid = None

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.description: list[tuple[Any, ...]] | None = None
        self._rows: Iterator[tuple[Any, ...]] = iter(())
        self._number = -1
        self._write: Write | None = None

    @property
    def rowcount(self) -> Any:
        """Give the number of rows, or what finds it out when called: most are never asked for."""
        write = self._write
        if write is None or write.gives:
            return self._number
        return lambda: self._counted(write)

    def _counted(self, write: Write) -> int:
        if write.count is None:
            self.connection.settle()
        return -1 if write.count is None else write.count

    def execute(
        self,
        statement: str,
        parameters: Mapping[str, Any] | Sequence[Any] | None = None,
        *,
        names: Sequence[str] = (),
        gives: bool = False,
    ) -> None:
        """Run a statement; `names` are those of its columns, should no row tell them."""
        if isinstance(parameters, Mapping):
            statement = rendered(statement, parameters)
        elif parameters:
            raise NotSupportedError("parameters have names")
        statement = statement.strip().rstrip(";")
        self.description, self._write, self._number = None, None, -1
        if _READS.match(statement):
            self._take(self.connection.query(statement), names)
            return
        self._write, lines = self.connection.write(statement, gives=gives)
        if gives:
            self._take(lines, names)

    def executemany(self, statement: str, several: Sequence[Mapping[str, Any]]) -> None:
        """Run a statement with each of several parameters."""
        for parameters in several:
            self.execute(statement, parameters)

    def _take(self, lines: Sequence[str], names: Sequence[str]) -> None:
        read = [_pairs(line) for line in lines]
        if read:
            names = [name for name, _ in read[0]]
        self.description = [(name, *(None,) * 6) for name in names or ("none",)]
        self._rows = iter([tuple(value for _, value in pairs) for pairs in read])
        self._number = len(read)

    def fetchone(self) -> tuple[Any, ...] | None:
        """Give the next row."""
        return next(self._rows, None)

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        """Give the next rows."""
        return [row for _, row in zip(range(size or self.arraysize), self._rows, strict=False)]

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Give all rows that are left."""
        return list(self._rows)

    def setinputsizes(self, *_: Any) -> None:
        """Do nothing: values carry their types."""

    def setoutputsize(self, *_: Any) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Forget the rows."""
        self._rows = iter(())


class _Pairs(list[tuple[str, Any]]):
    """Hold a JSON object in its order, with names that come twice."""


def _pairs(line: str) -> list[tuple[str, Any]]:
    """Read a row that PostgreSQL wrote as an object; only documents within it become dictionaries."""
    try:
        found = json.loads(line, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError) as error:
        raise failed(f"a row of the answer is no JSON: {error}") from error
    if not isinstance(found, _Pairs):
        raise failed("a row of the answer is no JSON object")
    return [(name, _plain(value)) for name, value in found]


def _plain(value: Any) -> Any:
    if isinstance(value, _Pairs):
        return {name: _plain(inner) for name, inner in value}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value
