"""Open a Deeplake workspace: what its URL says, and what is said where it cannot be used."""

from urllib.parse import unquote

import sqlalchemy as sa

from hivemind.errors import HivemindError, how_to_install
from hivemind.store.engines.deeplake.endpoint import LOCAL, Account, Endpoint, failed
from hivemind.store.engines.postgresql import opening as postgresql

SCHEME, PLAIN_SCHEME = "deeplake", "deeplake+http"
POOL_SIZE, POOL_OVERFLOW = 5, 20
_DIALECT = "postgresql.deeplake"


def account_in(url: str) -> Account:
    """Read `deeplake://:TOKEN@HOST/ORGANISATION/WORKSPACE`; no message ever shows the token."""
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise _bad_url("it is no URL") from None
    if parsed.drivername not in (SCHEME, PLAIN_SCHEME):
        raise _bad_url(f"{parsed.drivername} is not {SCHEME}")
    parts = (parsed.database or "").split("/")
    if not parsed.host or len(parts) != 2 or not all(parts):
        raise _bad_url("it does not name a host, an organisation and a workspace")
    if not parsed.password:
        raise _bad_url("it has no token")
    is_plain = parsed.drivername == PLAIN_SCHEME
    if is_plain and parsed.host not in LOCAL:
        raise _bad_url("without https the token would be readable on its way")
    host = f"[{parsed.host}]" if ":" in parsed.host else parsed.host
    port = f":{parsed.port}" if parsed.port else ""
    return Account(
        token=parsed.password,
        organisation=unquote(parts[0]),
        workspace=unquote(parts[1]),
        api_url=f"{'http' if is_plain else 'https'}://{host}{port}",
    )


def engine_of(url: str) -> sa.Engine:
    """Give an engine for a URL; nothing is asked yet."""
    account = account_in(url)
    try:
        from hivemind.store.engines.deeplake import driver, turns
    except ImportError:
        raise HivemindError(
            "database-driver",
            "psycopg, whose quoting writes values into statements, is not installed",
            hint=f"install it: {how_to_install('server')}",
        ) from None
    sa.dialects.registry.register(_DIALECT, "hivemind.store.engines.deeplake.dialect", "DeeplakeDialect")
    endpoint = Endpoint(account)
    shared = turns.Turns(endpoint)
    engine = sa.create_engine(
        sa.make_url(url).set(drivername=_DIALECT.replace(".", "+"), password=None),
        creator=lambda: driver.Connection(shared),
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        hide_parameters=True,
    )
    sa.event.listen(engine, "engine_disposed", lambda _engine: endpoint.close())
    return engine


def _bad_url(reason: str) -> HivemindError:
    return HivemindError(
        "database-url",
        f"the database's URL cannot be used: {reason}",
        hint=f"write {SCHEME}://HOST/ORGANISATION/WORKSPACE, and the token to HIVEMIND_DEEPLAKE_TOKEN",
    )


def require_usable(connection: sa.Connection) -> None:
    """Refuse a workspace that lacks what turns are made of, or that does not see what was written at once."""
    try:
        postgresql.require_usable(connection)
    except (sa.exc.InvalidRequestError, TypeError, ValueError) as error:
        raise failed("the workspace does not say which PostgreSQL it speaks") from error
    _prepare(connection)


def _prepare(connection: sa.Connection) -> None:
    from hivemind.store.engines.deeplake import driver

    found = connection.connection.driver_connection
    assert isinstance(found, driver.Connection)  # noqa: S101 - the engine's own
    found.prepare()


def shown(url: sa.URL) -> str:
    """Name a workspace for people."""
    return f"{SCHEME}://{url.host}{f':{url.port}' if url.port else ''}/{url.database}"


def unreachable(url: sa.URL, error: sa.exc.DBAPIError) -> HivemindError:
    """Say that a workspace gave no answer, and why."""
    return HivemindError(
        "database-unreachable",
        f"{shown(url)} cannot be reached: {_reason(error)}",
        hint="see that the workspace is there, and that the token opens it",
    )


def unusable(url: sa.URL, error: sa.exc.DBAPIError) -> HivemindError:
    """Say that a workspace was reached and cannot be used, and why."""
    return HivemindError(
        "database-unusable",
        f"{shown(url)} cannot be used: {_reason(error)}",
        hint="it must allow CREATE TABLE, CREATE FUNCTION in PL/pgSQL, and tsvector under GIN",
    )


def _reason(error: sa.exc.DBAPIError) -> str:
    return " ".join(str(error.orig or error).split())
