"""Read the tables of a Deeplake workspace that another product filled, by statements with values in them."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from time import sleep
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

from hivemind.store.engines.deeplake.endpoint import (
    API_URL,
    LOCAL,
    Account,
    Endpoint,
    StatementRefusedError,
    failed,
    unusable,
)
from hivemind.store.engines.deeplake.opening import PLAIN_SCHEME, SCHEME

#: Rows of one answer, at most; one holds a whole tool result.
PAGE_ROWS = 200


def account_of(path: Path, *, variables: Mapping[str, str]) -> Account:
    """Read the account that the other product's own login left; `HIVEMIND_*` variables come first."""
    held: dict[str, Any] = {}
    try:
        held = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        raise unusable(f"{path} cannot be read: {error}") from error
    if not isinstance(held, dict):
        raise unusable(f"{path} holds no JSON object")

    def value(variable: str, key: str, default: str = "") -> str:
        found = variables.get(variable) or held.get(key) or default
        return found if isinstance(found, str) else default

    account = Account(
        token=value("HIVEMIND_TOKEN", "token"),
        organisation=value("HIVEMIND_ORG_ID", "orgId"),
        workspace=value("HIVEMIND_WORKSPACE_ID", "workspaceId", "default"),
        api_url=value("HIVEMIND_API_URL", "apiUrl", API_URL).rstrip("/"),
    )
    if not account.token or not account.organisation:
        raise unusable(f"{path} has no token and organisation")
    where = urlsplit(account.api_url)
    if where.scheme != "https" and where.hostname not in LOCAL:
        raise unusable(f"{account.api_url!r} is not an https address, and the token would be readable")
    return account


def store_url(url: str, path: Path, *, variables: Mapping[str, str]) -> str:
    """Give a store's URL with its token; `deeplake:` alone is the workspace of the other product's login.

    A login's token goes to the host of the login only; one for any other host is named for it.
    """
    scheme, _, rest = url.partition(":")
    where = urlsplit(url)
    if scheme not in (SCHEME, PLAIN_SCHEME) or where.password:
        return url
    token = variables.get("HIVEMIND_DEEPLAKE_TOKEN", "")
    if not token or not rest.strip("/"):
        account = account_of(path, variables=variables)
        login = urlsplit(account.api_url)
        if not rest.strip("/"):
            parts = quote(account.organisation, safe=""), quote(account.workspace, safe="")
            scheme = SCHEME if login.scheme == "https" else PLAIN_SCHEME
            where = urlsplit(f"{scheme}://{login.netloc}/{'/'.join(parts)}")
        elif where.netloc != login.netloc:
            raise unusable(f"the login in {path} is for {login.netloc}, not for {where.netloc}")
        token = token or account.token
    return where._replace(netloc=f":{quote(token, safe='')}@{where.netloc}").geturl()


class Tables:
    """Read a workspace's tables, a page at a time."""

    def __init__(self, account: Account, *, pause: Callable[[float], None] = sleep) -> None:
        self._endpoint = Endpoint(account, pause=pause)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._endpoint.close()

    def values(self, table: str, column: str) -> Iterator[str]:
        """Give the texts that a column has, each once, in order."""
        after = ""
        while True:
            rows = self.query(_values(table, column, after=after))
            found = [value for row in rows if isinstance(value := row.get(column), str) and value > after]
            yield from found
            if len(rows) < PAGE_ROWS or not found:
                return
            after = found[-1]

    def rows(
        self, table: str, columns: Sequence[str], *, where: tuple[str, str], order: Sequence[str]
    ) -> Iterator[dict[str, Any]]:
        """Give the rows of which a column has a value, in order."""
        number = 0
        while True:
            rows = self.query(_select(table, columns, where=where, order=order, offset=number))
            yield from rows
            number += len(rows)
            if len(rows) < PAGE_ROWS:
                return

    def query(self, statement: str) -> list[dict[str, Any]]:
        """Ask one statement; raise HivemindError where no rows can be had."""
        try:
            answer = self._endpoint.ask(statement)
        except StatementRefusedError as error:
            raise failed(f"the workspace refused a statement: {error}") from error
        return [dict(zip(answer.columns, row, strict=False)) for row in answer.rows]


def _values(table: str, column: str, *, after: str) -> str:
    from psycopg import sql

    return (
        sql.SQL("SELECT DISTINCT {0} FROM {1} WHERE {0} > {2} ORDER BY {0} LIMIT {3}")
        .format(sql.Identifier(column), sql.Identifier(table), sql.Literal(after), sql.Literal(PAGE_ROWS))
        .as_string(None)
    )


def _select(
    table: str, columns: Sequence[str], *, where: tuple[str, str], order: Sequence[str], offset: int
) -> str:
    from psycopg import sql

    return (
        sql.SQL("SELECT {} FROM {} WHERE {} = {} ORDER BY {} LIMIT {} OFFSET {}")
        .format(
            sql.SQL(", ").join(map(sql.Identifier, columns)),
            sql.Identifier(table),
            sql.Identifier(where[0]),
            sql.Literal(where[1]),
            sql.SQL(", ").join(map(sql.Identifier, order)),
            sql.Literal(PAGE_ROWS),
            sql.Literal(offset),
        )
        .as_string(None)
    )
