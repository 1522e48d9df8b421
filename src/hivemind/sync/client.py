"""Ask a server over HTTP: bounded in time and size, trying again where that can help."""

import gzip
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import hivemind
from hivemind.errors import HivemindError
from hivemind.sync import reading
from hivemind.sync.credentials import Credentials
from hivemind.sync.wire import canonical

if TYPE_CHECKING:
    import httpx2

CONNECT_S, READ_S = 10.0, 60.0
#: The first wait before trying again, and the longest, in seconds; each with a random part.
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 20.0
MAX_TRIES = 5
MAX_ANSWER_BYTES = 64_000_000
#: Statuses that pass by themselves.
PASSING = frozenset({429, 500, 502, 503, 504})
#: Errors that do so, whatever their status.
PASSING_KINDS = frozenset({"transcript-contended"})
#: Smaller bodies are sent as they are, in bytes.
MIN_GZIP_BYTES = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Hold what a server answered."""

    status: int
    value: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Deadline:
    """Bound a whole round in time; also ended by whoever has to leave."""

    seconds: float
    is_stopped: Callable[[], bool] = lambda: False
    began: float = field(default_factory=time.monotonic)

    @property
    def left_s(self) -> float:
        """Give the seconds that are left, none where it was stopped."""
        return 0.0 if self.is_stopped() else max(0.0, self.seconds - (time.monotonic() - self.began))

    def wait(self, seconds: float) -> bool:
        """Wait; False where it would be over by then, or was stopped meanwhile."""
        end = time.monotonic() + seconds
        if seconds > self.left_s:
            return False
        while (rest := end - time.monotonic()) > 0:
            time.sleep(min(rest, 0.1))
            if self.is_stopped():
                return False
        return True


class Client:
    """Call one server with one token."""

    def __init__(self, remote: Credentials, *, deadline: Deadline, tries: int = MAX_TRIES) -> None:
        self.remote = remote
        self.deadline = deadline
        self._tries = tries
        self._http: httpx2.Client | None = None
        self.sent_bytes = 0  #: of bodies, as they went over the wire

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._http is not None:
            self._http.close()

    def get(
        self, path: str, *, query: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask for something."""
        return self._ask("GET", path, query=query, headers=headers or {}, body=b"")

    def post(self, path: str, value: Any) -> Answer:
        """Send something; what arrives twice must be the same as what arrives once."""
        body, headers = canonical(value), {"Content-Type": "application/json"}
        if len(body) >= MIN_GZIP_BYTES:
            body, headers = gzip.compress(body, 6, mtime=0), headers | {"Content-Encoding": "gzip"}
        return self._ask("POST", path, query=None, headers=headers, body=body)

    def delete(self, path: str) -> Answer:
        """Delete something."""
        return self._ask("DELETE", path, query=None, headers={}, body=b"")

    def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None,
        headers: Mapping[str, str],
        body: bytes,
    ) -> Answer:
        problem = "there was no time to ask"
        for attempt in range(self._tries):
            if not self.deadline.left_s:
                break
            wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**attempt) * random.uniform(0.5, 1.0)  # noqa: S311 - spreads machines
            try:
                answer = self._once(method, path, query=query, headers=headers, body=body)
            except _TransportError as error:
                problem = str(error)
            else:
                if answer.status not in PASSING and _kind(answer) not in PASSING_KINDS:
                    return _checked(answer, self.remote)
                problem = f"it answered {answer.status}"
                wait_s = max(wait_s, _retry_after_s(answer))
            if attempt + 1 == self._tries or not self.deadline.wait(wait_s):
                break
        raise HivemindError(
            "sync-unreachable",
            f"{self.remote.url} cannot be used now: {problem}",
            hint="nothing is lost: what is stored here goes up when the server answers again",
        )

    def _once(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None,
        headers: Mapping[str, str],
        body: bytes,
    ) -> Answer:
        if self._http is None:
            self._http = _new_http()
        import httpx2

        timeout = httpx2.Timeout(min(READ_S, self.deadline.left_s + 0.1), connect=CONNECT_S)
        sent = dict(headers)
        if self.remote.token:
            sent["Authorization"] = f"Bearer {self.remote.token}"
        self.sent_bytes += len(body)
        try:
            with self._http.stream(
                method,
                self.remote.url + path,
                params=query,
                headers=sent,
                content=body or None,
                timeout=timeout,
            ) as response:
                parts, size = [], 0
                for part in response.iter_bytes():
                    size += len(part)
                    if size > MAX_ANSWER_BYTES:
                        raise _TransportError(f"its answer is larger than {MAX_ANSWER_BYTES:,} bytes")
                    if not self.deadline.left_s:
                        raise _TransportError("its answer took too long")
                    parts.append(part)
                data = b"".join(parts)
                value = None
                if data and "json" in response.headers.get("content-type", ""):
                    value = reading.decode(data, where="the server's answer")
                return Answer(status=response.status_code, value=value, headers=response.headers)
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, ValueError) as error:
            raise _TransportError(f"{type(error).__name__}: {error}"[:300]) from error
        except HivemindError as error:  # an answer that was cut off
            raise _TransportError(error.message) from error


class _TransportError(Exception):
    pass


def _new_http() -> "httpx2.Client":
    import httpx2

    headers = {"User-Agent": f"hivemind/{hivemind.__version__}", "Accept": "application/json"}
    # Redirects are not followed: the token is for this server alone.
    return httpx2.Client(headers=headers, follow_redirects=False)


def _retry_after_s(answer: Answer) -> float:
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isdigit() and len(text) < 7 else 0.0


def _kind(answer: Answer) -> str:
    """Name the section of docs/errors.md that a server's error is explained in."""
    said = answer.value if isinstance(answer.value, dict) else {}
    return str(said.get("type") or "").rpartition("#")[2][:100]


def _checked(answer: Answer, remote: Credentials) -> Answer:
    if answer.status < 300 or answer.status == 304:
        return answer
    said = answer.value if isinstance(answer.value, dict) else {}
    detail = str(said.get("detail") or f"it answered {answer.status}")[:500]
    hint = str(said.get("hint") or "")[:300]
    if answer.status == 401:
        raise HivemindError(
            "sync-not-let-in",
            f"{remote.url} does not take this machine's token any more",
            hint=f"`hivemind login {remote.url}` gets a new one",
        )
    raise RefusedError(
        "sync-refused",
        f"{remote.url} refused: {detail}",
        hint=hint or "see docs/sync.md",
        status=answer.status,
        kind=_kind(answer),
    )


class RefusedError(HivemindError):
    """Report that a server will not do what it was asked, however often."""

    def __init__(self, slug: str, message: str, *, hint: str, status: int, kind: str) -> None:
        super().__init__(slug, message, hint=hint)
        self.status = status
        self.kind = kind  #: the slug of the server's own error
