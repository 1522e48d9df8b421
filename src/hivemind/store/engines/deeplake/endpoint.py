"""Post statements to a Deeplake workspace, and bound what comes back: time, bytes, attempts.

`POST {api}/workspaces/{workspace}/tables/query` with `{"query": sql}` answers with `columns` and `rows`,
lists of lists (activeloopai/hivemind, src/deeplake-api.ts, read 2026-11-23).
"""

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from hivemind.errors import HivemindError

API_URL = "https://api.deeplake.ai"
MAX_ANSWER_BYTES = 64_000_000
#: A statement carries its values, and the endpoint names no limit of its own.
MAX_STATEMENT_BYTES = 64_000_000
TIMEOUT_S = 60.0
#: What is answered so is asked again, after waits that double; the server may ask for a longer one.
_AGAIN = frozenset({429, 500, 502, 503, 504})
MAX_TRIES, FIRST_WAIT_S, MAX_WAIT_S = 4, 0.5, 30.0
#: No new attempt begins later.
MAX_TOTAL_S = 90.0
#: Answers that judge the statement, not who asks and not the moment.
_REFUSED = frozenset({400, 404, 409, 422})
LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Hold what opens a workspace."""

    token: str = field(repr=False)
    organisation: str
    workspace: str = "default"
    api_url: str = API_URL


class StatementRefusedError(Exception):
    """Report what the endpoint said of a statement that it did not run."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Hold the table that a statement gave."""

    columns: list[str]
    rows: list[list[Any]]


class Endpoint:
    """Ask one workspace; threads may share it."""

    def __init__(self, account: Account, *, pause: Callable[[float], None] = time.sleep) -> None:
        import httpx2

        self.account, self._pause = account, pause
        self._url = f"{account.api_url}/workspaces/{quote(account.workspace, safe='')}/tables/query"
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
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def ask(self, statement: str) -> Answer:
        """Ask one statement; raise HivemindError where no answer can be had.

        It may be run more than once: an answer that was lost on its way looks like one never given.
        """
        sent = json.dumps({"query": statement}).encode()
        if len(sent) > MAX_STATEMENT_BYTES:
            raise failed(f"a statement is larger than {MAX_STATEMENT_BYTES:,} bytes")
        began = time.monotonic()
        for attempt in range(1, MAX_TRIES + 1):
            status, said, wait_s = self._post(sent)
            if status == 200:
                return _table(said)
            is_late = time.monotonic() - began > MAX_TOTAL_S
            if status not in _AGAIN or attempt == MAX_TRIES or is_late:
                break
            self._pause(max(wait_s, FIRST_WAIT_S * 2 ** (attempt - 1) * random.uniform(1, 1.4)))  # noqa: S311 - no secret
        raise self._trouble(status, said)

    def _trouble(self, status: int, said: bytes) -> Exception:
        api_url = self.account.api_url
        text = " ".join(said[:300].decode("utf-8", "replace").replace(self.account.token, "***").split())
        if status in (401, 403):
            return unusable(f"{api_url} does not let this token in ({status}): {text}")
        if status == 402:
            return HivemindError(
                "deeplake-credit",
                f"{api_url} asks for payment: {text}",
                hint="top the organisation's balance up; nothing was stored, and nothing is lost here",
            )
        if status in _REFUSED:
            return StatementRefusedError(f"{status}: {text}")
        return failed(f"{api_url} answered {status}: {text}" if status else f"{api_url}: {text}")

    def _post(self, sent: bytes) -> tuple[int, bytes, float]:
        """Give the status, what was said, and how long the server asks to wait."""
        import httpx2

        try:
            with self._http.stream(
                "POST", self._url, content=sent, headers={"Content-Type": "application/json"}
            ) as answer:
                said = bytearray()
                for part in answer.iter_bytes():
                    said += part
                    if len(said) > MAX_ANSWER_BYTES:
                        raise failed(f"an answer is larger than {MAX_ANSWER_BYTES:,} bytes")
                return answer.status_code, bytes(said), _seconds(answer.headers.get("Retry-After", ""))
        except httpx2.HTTPError as error:
            return 503, f"{type(error).__name__}: {error}".encode(), 0.0


def _seconds(text: str) -> float:
    return min(float(text), MAX_WAIT_S) if text.isascii() and text.isdigit() else 0.0


def _table(said: bytes) -> Answer:
    try:
        answer = json.loads(said)
    except (ValueError, RecursionError) as error:
        raise failed(f"the answer is no JSON: {error}") from error
    if not isinstance(answer, dict):
        raise failed("the answer is no JSON object")
    columns, rows = answer.get("columns"), answer.get("rows")
    if columns is None or rows is None:
        return Answer([], [])
    if not isinstance(columns, list) or not isinstance(rows, list):
        raise failed("the answer's columns or rows are no list")
    return Answer([str(column) for column in columns], [row for row in rows if isinstance(row, list)])


def failed(message: str) -> HivemindError:
    """Say that no usable answer came."""
    return HivemindError(
        "deeplake-failed", message, hint="try again later: what was stored until then is kept"
    )


def unusable(message: str) -> HivemindError:
    """Say that an account opens nothing."""
    return HivemindError(
        "deeplake-account",
        message,
        hint="log in with the other product first, or set HIVEMIND_TOKEN and HIVEMIND_ORG_ID",
    )
