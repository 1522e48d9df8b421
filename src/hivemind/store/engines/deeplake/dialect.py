"""SQLAlchemy's PostgreSQL over the driver of this folder."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSON, OID
from sqlalchemy.dialects.postgresql.base import PGCompiler, PGDialect, PGExecutionContext
from sqlalchemy.engine.interfaces import DBAPIModule

from hivemind.store.engines.deeplake import driver
from hivemind.store.engines.deeplake.endpoint import failed


class _Time(sa.DateTime):
    def result_processor(self, dialect: Any, coltype: Any) -> Any:  # noqa: ARG002
        return _time


class _Json(JSON):
    """A document comes as one: it was read with the row that it is in."""

    def result_processor(self, dialect: Any, coltype: Any) -> Any:  # noqa: ARG002
        return None


class _Float(sa.Float[Any]):
    def result_processor(self, dialect: Any, coltype: Any) -> Any:  # noqa: ARG002
        return _number


class _Oid(OID):
    def result_processor(self, dialect: Any, coltype: Any) -> Any:  # noqa: ARG002
        return _whole


def _time(value: Any) -> Any:
    return datetime.fromisoformat(value).astimezone(UTC) if isinstance(value, str) else value


def _number(value: Any) -> Any:
    """Give a float, which JSON writes as it writes an integer where it is a whole number."""
    return None if value is None else float(value)


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdigit() else value


class _Compiler(PGCompiler):
    """Keep a value that rows are grouped or ordered by from being read as the number of a column."""

    _alone: frozenset[str] = frozenset()

    def group_by_clause(self, select: Any, **more: Any) -> str:
        return self._without_numbers(super().group_by_clause, select._group_by_clauses, select, more)

    def order_by_clause(self, select: Any, **more: Any) -> str:
        return self._without_numbers(super().order_by_clause, select._order_by_clauses, select, more)

    def _without_numbers(
        self, clause: Callable[..., str], parts: Iterable[Any], select: Any, more: dict[str, Any]
    ) -> str:
        outer = self._alone
        self._alone = frozenset(part.key for part in map(_bare, parts) if isinstance(part, sa.BindParameter))
        try:
            return clause(select, **more)
        finally:
            self._alone = outer

    def visit_bindparam(self, bindparam: Any, *given: Any, **more: Any) -> str:
        write: Callable[..., str] = super().visit_bindparam
        text = write(bindparam, *given, **more)
        return f"(SELECT {text})" if bindparam.key in self._alone else text


def _bare(part: Any) -> Any:
    """Take names and directions off what rows are grouped or ordered by."""
    while isinstance(part, (sa.Label, sa.UnaryExpression)):
        part = part.element
    return part


class Context(PGExecutionContext):
    """Find out how many rows a statement changed only where somebody asks."""

    @property
    def rowcount(self) -> int:
        """Give the number of rows."""
        found: Any = super().rowcount
        return int(found() if callable(found) else found)


class DeeplakeDialect(PGDialect):
    """Speak PostgreSQL's SQL to an endpoint that takes it as text."""

    driver = "deeplake"
    default_paramstyle = "pyformat"
    execution_ctx_cls = Context
    statement_compiler = _Compiler
    supports_statement_cache = True
    supports_sane_multi_rowcount = False
    use_insertmanyvalues = False
    insert_executemany_returning = False
    update_executemany_returning = False
    delete_executemany_returning = False
    colspecs = {  # noqa: RUF012 - as SQLAlchemy declares it
        **PGDialect.colspecs,
        sa.DateTime: _Time,
        sa.JSON: _Json,
        sa.Float: _Float,
        OID: _Oid,
    }

    @classmethod
    def import_dbapi(cls) -> DBAPIModule:
        """Give the driver."""
        found: Any = driver
        return found  # type: ignore[no-any-return]

    def do_execute(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        """Say of a statement what only SQLAlchemy knows: whether it gives rows, and of which columns."""
        compiled = getattr(context, "compiled", None)
        columns = getattr(compiled, "_result_columns", None) or ()
        gives = bool(getattr(compiled, "effective_returning", None))
        cursor.execute(statement, parameters, names=[column[0] for column in columns], gives=gives)

    def get_isolation_level(self, dbapi_connection: Any) -> Any:  # noqa: ARG002
        """Name what holds: each request sees what was committed before it."""
        return "READ COMMITTED"

    def set_isolation_level(self, dbapi_connection: Any, level: Any) -> None:
        """Do nothing: a request is a transaction of its own."""

    def do_savepoint(self, connection: sa.Connection, name: str) -> None:
        """Remember this moment of the transaction."""
        _of(connection).mark(name)

    def do_rollback_to_savepoint(self, connection: sa.Connection, name: str) -> None:
        """Forget what was written since."""
        _of(connection).back_to(name)

    def do_release_savepoint(self, connection: sa.Connection, name: str) -> None:  # noqa: ARG002
        """Try what was written since: this is where its errors are awaited."""
        _of(connection).settle()

    def do_ping(self, dbapi_connection: Any) -> bool:  # noqa: ARG002
        """Say that there is no connection that could be lost."""
        return True

    def _get_server_version_info(self, connection: Any) -> Any:
        read: Callable[[Any], Any] = super()._get_server_version_info
        try:
            return read(connection)
        except (AssertionError, TypeError) as error:
            raise failed("the workspace does not say which PostgreSQL it speaks") from error

    def _set_backslash_escapes(self, connection: Any) -> None:
        asked = "SELECT current_setting('standard_conforming_strings')"
        self._backslash_escapes = connection.exec_driver_sql(asked).scalar() == "off"


def _of(connection: sa.Connection) -> driver.Connection:
    found: Any = connection.connection.dbapi_connection
    assert isinstance(found, driver.Connection)  # noqa: S101 - the engine's own
    return found
