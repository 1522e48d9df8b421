"""Ask a Deeplake workspace: SQL in PostgreSQL's dialect by HTTP, without bound parameters.

`POST {api}/workspaces/{workspace}/tables/query` with `{"query": sql}` answers with `columns` and `rows`,
lists of lists (activeloopai/hivemind, src/deeplake-api.ts, read 2026-11-23). Values are written into the
statement by the PostgreSQL driver's own quoting.
"""

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, urlsplit

from hivemind.errors import HivemindError

if TYPE_CHECKING:
    pass

API_URL = "https://api.deeplake.ai"
#: Rows of one answer, at most; one holds a whole tool result.
PAGE_ROWS = 200
MAX_ANSWER_BYTES = 64_000_000
TIMEOUT_S = 60.0
#: What is answered so is asked again, after waits that double.
_AGAIN = frozenset({429, 500, 502, 503, 504})
MAX_TRIES, FIRST_WAIT_S = 4, 0.5
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Hold what opens a workspace."""

    token: str = field(repr=False)
    organisation: str
    workspace: str = "default"
    api_url: str = API_URL


def account_of(path: Path, *, variables: Mapping[str, str]) -> Account:
    """Read the account that the other product's own login left; `HIVEMIND_*` variables come first."""
    held: dict[str, Any] = {}
    try:
        held = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        raise _unusable(f"{path} cannot be read: {error}") from error
    if not isinstance(held, dict):
        raise _unusable(f"{path} holds no JSON object")

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
        raise _unusable(f"{path} has no token and organisation")
    where = urlsplit(account.api_url)
    if where.scheme != "https" and where.hostname not in _LOCAL:
        raise _unusable(f"{account.api_url!r} is not an https address, and the token would be readable")
    return account


def _unusable(message: str) -> HivemindError:
    return HivemindError(
        "deeplake-account",
        message,
        hint="log in with the other product first, or set HIVEMIND_TOKEN and HIVEMIND_ORG_ID",
    )


class Tables:
    """Read a workspace's tables, a page at a time."""

    def __init__(self, account: Account, *, pause: Callable[[float], None] = time.sleep) -> None:
        import httpx2

        self._account, self._pause = account, pause
        self._http: httpx2.Client = httpx2.Client(
            timeout=TIMEOUT_S,
            follow_redirects=False,  # a token goes to no other host
            headers={
                "Authorization": f"Bearer {account.token}",
                "X-Activeloop-Org-Id": account.organisation,
            },
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

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
        account = self._account
        url = f"{account.api_url}/workspaces/{quote(account.workspace, safe='')}/tables/query"
        for attempt in range(1, MAX_TRIES + 1):
            status, said = self._post(url, statement)
            if status == 200:
                return _rows(said)
            if status not in _AGAIN or attempt == MAX_TRIES:
                break
            self._pause(FIRST_WAIT_S * 2 ** (attempt - 1) * random.uniform(1, 1.4))  # noqa: S311 - no secret
        text = said[:300].decode("utf-8", "replace")
        if status in (401, 403):
            raise _unusable(f"{account.api_url} does not let this token in ({status}): {text}")
        raise _failed(f"{account.api_url} answered {status}: {text}")

    def _post(self, url: str, statement: str) -> tuple[int, bytes]:
        import httpx2

        try:
            with self._http.stream("POST", url, json={"query": statement}) as answer:
                said = bytearray()
                for part in answer.iter_bytes():
                    said += part
                    if len(said) > MAX_ANSWER_BYTES:
                        raise _failed(f"an answer is larger than {MAX_ANSWER_BYTES:,} bytes")
                return answer.status_code, bytes(said)
        except httpx2.HTTPError as error:
            return 503, f"{type(error).__name__}: {error}".encode()


def _failed(message: str) -> HivemindError:
    return HivemindError(
        "deeplake-failed", message, hint="run it again later: what was brought over already is kept"
    )


def _rows(said: bytes) -> list[dict[str, Any]]:
    try:
        answer = json.loads(said)
    except ValueError as error:
        raise _failed(f"the answer is no JSON: {error}") from error
    columns = answer.get("columns") if isinstance(answer, dict) else None
    rows = answer.get("rows") if isinstance(answer, dict) else None
    if columns is None or rows is None:
        return []
    if not isinstance(columns, list) or not isinstance(rows, list):
        raise _failed("the answer's columns or rows are no list")
    return [dict(zip(map(str, columns), row, strict=False)) for row in rows if isinstance(row, list)]


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
