"""Connect to a PostgreSQL server: what it must be, and what is said where it cannot be reached."""

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from hivemind.errors import HivemindError, how_to_install

if TYPE_CHECKING:
    from psycopg import Connection

#: The oldest version that the tests run on.
MIN_VERSION = 15
CONNECT_TIMEOUT_S = 10
#: Connections that a process keeps, and those that it opens beyond them while it needs more.
POOL_SIZE, POOL_OVERFLOW = 5, 20
_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")


def engine_of(url: str) -> sa.Engine:
    """Give an engine for a URL; nothing is connected yet, and no message ever shows the password."""
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise _bad_url("it is no URL") from None
    if parsed.drivername not in _SCHEMES:
        raise _bad_url(f"{parsed.drivername} is not a database that Hivemind runs on")
    if not parsed.database:
        raise _bad_url("it names no database")
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise HivemindError(
            "database-driver",
            "psycopg, which speaks to PostgreSQL, is not installed",
            hint=f"install it: {how_to_install('server')}",
        ) from None
    engine = sa.create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "application_name": "hivemind",
            **_pooler(parsed),
        },
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        pool_pre_ping=True,
        hide_parameters=True,
    )
    sa.event.listen(engine, "connect", _configure)
    return engine


def _pooler(url: sa.URL) -> dict[str, Any]:
    """Prepare no statements: a pooler such as PgBouncer hands the next transaction another connection."""
    return {} if "prepare_threshold" in url.query else {"prepare_threshold": None}


def _bad_url(reason: str) -> HivemindError:
    return HivemindError(
        "database-url",
        f"the database's URL cannot be used: {reason}",
        hint="write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with %40 for @, %2F for / and so on",
    )


def _configure(connection: "Connection[Any]", _record: Any) -> None:
    from psycopg.types.numeric import FloatLoader

    class Counted(FloatLoader):
        """Read sums and averages, the only numerics here, as SQLite gives them: whole, or a float."""

        def load(self, data: Any) -> Any:
            text = bytes(data)
            return int(text) if text.lstrip(b"-").isdigit() else float(text)

    connection.adapters.register_loader("numeric", Counted)
    connection.execute("SET TIME ZONE 'UTC'")
    connection.commit()


def require_usable(connection: sa.Connection) -> None:
    """Refuse a server that is too old, and a database that cannot hold every text."""
    version, encoding = connection.execute(
        sa.text(
            "SELECT current_setting('server_version_num')::int / 10000, current_setting('server_encoding')"
        )
    ).one()
    if version < MIN_VERSION:
        raise HivemindError(
            "database-unusable",
            f"{shown(connection.engine.url)} runs PostgreSQL {version}",
            hint=f"PostgreSQL {MIN_VERSION} or later is needed",
        )
    if encoding != "UTF8":
        raise HivemindError(
            "database-unusable",
            f"{shown(connection.engine.url)} is encoded in {encoding}",
            hint="make the database with ENCODING 'UTF8' TEMPLATE template0",
        )


def shown(url: sa.URL) -> str:
    """Name a database for people, without its password."""
    port = f":{url.port}" if url.port else ""
    hosts = url.query.get("host", "")
    host = url.host or (hosts if isinstance(hosts, str) else ", ".join(hosts)) or "localhost"
    return f"postgresql://{host}{port}/{url.database}"


def unreachable(url: sa.URL, error: sa.exc.DBAPIError) -> HivemindError:
    """Say that a server did not let us in, and why."""
    return HivemindError(
        "database-unreachable",
        f"{shown(url)} cannot be reached: {_reason(url, error)}",
        hint="see that the server runs there, and that the URL has the right user and password",
    )


def unusable(url: sa.URL, error: sa.exc.DBAPIError) -> HivemindError:
    """Say that a database was reached and cannot be used, and why."""
    return HivemindError(
        "database-unusable",
        f"{shown(url)} cannot be used: {_reason(url, error)}",
        hint="its user must be allowed to create tables in it, for a migration, and to read and write them",
    )


def _reason(url: sa.URL, error: sa.exc.DBAPIError) -> str:
    said = " ".join(str(error.orig or error).split())
    return said.replace(url.password, "***") if url.password else said
