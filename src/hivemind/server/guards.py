"""What every request passes before anything reads it: host, size, rate; and headers of every answer."""

import time
from collections import OrderedDict
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from threading import Lock

from fastapi import FastAPI, HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hivemind.server import problems
from hivemind.server.site import Site

#: Callers whose rate is remembered; the one not heard of for longest is forgotten.
MAX_CALLERS = 10_000
#: Nothing is loaded from elsewhere, no script or style stands in a page, and no other site frames one.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
#: What is answered whatever host is named.
UNNAMED = frozenset({"/healthz", "/readyz"})
HEADERS = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


@dataclass(slots=True)
class Rates:
    """Count requests of callers, as buckets that fill with time."""

    clock: Callable[[], float] = time.monotonic
    _held: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def wait_s(self, caller: str, *, per_minute: int) -> float:
        """Count a request; gives 0 where it is taken, else after how many seconds one would be."""
        now = self.clock()
        with self._lock:
            left, at = self._held.pop(caller, (float(per_minute), now))
            left = min(float(per_minute), left + (now - at) * per_minute / 60)
            taken = left >= 1
            self._held[caller] = (left - 1 if taken else left, now)
            if len(self._held) > MAX_CALLERS:
                self._held.popitem(last=False)
        return 0.0 if taken else (1 - left) * 60 / per_minute


class Guard:
    """Turn away what names another host, is too large or comes too often."""

    def __init__(self, app: ASGIApp, *, site: Site, rates: Rates | None = None) -> None:
        self.app, self.site = app, site
        self.rates = rates or Rates()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        refused = self._refused(scope, headers)
        if refused is not None:
            await refused(scope, receive, _with_headers(send))
            return
        bounded = _Bounded(receive, self.site.limits.body_bytes)
        try:
            await self.app(scope, bounded, _with_headers(send))
        except _TooLargeError:
            await _too_large(self.site)(scope, receive, _with_headers(send))

    def _refused(self, scope: Scope, headers: MutableMapping[bytes, bytes]) -> ASGIApp | None:
        host = headers.get(b"host", b"").decode("latin-1").lower()
        # Whoever watches over the process asks by its address, and learns nothing but that it runs.
        if self.site.hosts and host not in self.site.hosts and scope["path"] not in UNNAMED:
            return problems.response(
                "host-unknown",
                f"{host[:200]!r} is not what this server is called",
                status=421,
                hint="open it by the address that it printed, or start it with --base-url",
            )
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > self.site.limits.body_bytes:
            return _too_large(self.site)
        token = headers.get(b"authorization", b"")
        limits = self.site.limits
        client = scope.get("client") or ("", 0)
        caller, per_minute = (
            (token[:80].decode("latin-1"), limits.requests_per_minute)
            if token
            else (
                str(client[0]),
                limits.requests_per_minute if self.site.is_local else limits.strangers_per_minute,
            )
        )
        wait_s = self.rates.wait_s(caller, per_minute=per_minute)
        if wait_s:
            return problems.response(
                "too-many-requests",
                f"more than {per_minute} requests a minute",
                hint="wait as long as Retry-After says",
                headers={"Retry-After": str(max(1, round(wait_s)))},
            )
        return None


def _too_large(site: Site) -> ASGIApp:
    return problems.response(
        "body-too-large",
        f"a request holds {site.limits.body_bytes:,} bytes at most",
        hint="send it in parts",
        headers={"Connection": "close"},
    )


class _TooLargeError(HTTPException):
    """Stop the reading of a body: FastAPI takes any other exception for a body that cannot be parsed."""

    def __init__(self) -> None:
        super().__init__(413, "the request's body is larger than a request may be")


class _Bounded:
    """Count what a request's body really holds, whatever it says."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self.receive, self.left = receive, limit

    async def __call__(self) -> Message:
        message = await self.receive()
        if message["type"] == "http.request":
            self.left -= len(message.get("body", b""))
            if self.left < 0:
                raise _TooLargeError
        return message


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            have = {name.lower() for name, _ in message["headers"]}
            message["headers"] = [*message["headers"], *(h for h in HEADERS if h[0] not in have)]
        await send(message)

    return sent


def install(app: FastAPI, site: Site) -> None:
    """Put the guard before an app."""
    app.add_middleware(Guard, site=site)
