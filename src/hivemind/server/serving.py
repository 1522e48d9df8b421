"""Start a team's server: its database, its first workspace, its socket, and a stop that loses nothing."""

import signal
import socket
import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import FastAPI

from hivemind.config import Settings
from hivemind.domain.accounts import Role
from hivemind.errors import HivemindError
from hivemind.server.access import joining
from hivemind.server.access.team import TeamAccess
from hivemind.server.site import Limits, Site
from hivemind.store import accounts, jobs
from hivemind.store.database import Database, open_database, open_url

#: Requests that are being answered when the server is told to stop get so long.
GRACE_S = 20
KEEP_ALIVE_S = 30
BACKLOG = 2048
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Name the files of a certificate with its chain, and of its key."""

    certificate: Path
    key: Path


def open_store(url: str, *, file: Path) -> Database:
    """Open the PostgreSQL database that a URL names; without one, a file of this machine."""
    return open_url(url) if url else open_database(file)


def found(database: Database, *, workspace_id: str, organisation: str) -> str:
    """Make the first workspace of a server; gives an admin's invitation, and nothing where there is one."""
    with database.write(workspace_id) as workspace:
        if accounts.team_workspaces(workspace):
            return ""
        accounts.found_workspace(workspace, organisation=organisation or workspace_id)
        return joining.invite(workspace, role=Role.ADMIN, invited_by="")[1]


def bind(host: str, port: int) -> socket.socket:
    """Listen on an address; the port 0 is any that is free."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(BACKLOG)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        raise HivemindError(
            "address-unusable",
            f"{host}:{port} cannot be listened on: {error.strerror or error}",
            hint="choose another with --host and --port",
        ) from error
    listening.set_inheritable(True)
    return listening


def address_of(listening: socket.socket, *, host: str, is_tls: bool) -> str:
    """Give the URL under which people reach a socket that listens, as far as this machine knows."""
    port = listening.getsockname()[1]
    if not host or _is_any(host):
        host = socket.gethostname()
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if is_tls else 'http'}://{shown}:{port}"


def checked_base_url(text: str) -> str:
    """Give a server's own URL without a slash at its end; raise where it is none."""
    parts = urlsplit(text)
    try:
        is_good = parts.scheme in _DEFAULT_PORTS and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_good = False
    if not is_good or parts.query or parts.fragment or parts.username or parts.path not in ("", "/"):
        raise HivemindError(
            "base-url",
            f"{text!r} is not a server's address",
            hint="write it as people open it: https://hivemind.example.com",
        )
    return f"{parts.scheme}://{parts.netloc}"


def site_of(
    database: Database,
    *,
    base_url: str,
    is_named: bool,
    metrics_token: str = "",
    settings: Settings | None = None,
) -> Site:
    """Give the site of a team's server; `is_named` where its operator said how it is reached."""
    is_known = is_named or _is_loopback(urlsplit(base_url).hostname or "")
    return Site(
        database=database,
        access=TeamAccess(database=database, base_url=base_url),
        limits=Limits(),
        base_url=base_url,
        hosts=_hosts(base_url) if is_known else frozenset(),
        metrics_token=metrics_token,
        settings=settings or Settings(),
        counts_ahead=True,
        after_decision=lambda space: _settle(database, space),
    )


def _settle(database: Database, space: str) -> None:
    """Have a worker set what is withheld anew: a skill that was just approved is withheld from now on."""
    with database.write(space, alone=False) as workspace:
        jobs.ask_to_settle(workspace)


def _hosts(base_url: str) -> frozenset[str]:
    """Name what requests may call the server, as browsers write it."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    names = {shown, "localhost", "127.0.0.1", "[::1]"} if _is_loopback(host) else {shown}
    port = parts.port or _DEFAULT_PORTS[parts.scheme]
    found = {f"{name}:{port}" for name in names}
    return frozenset(found | names if port == _DEFAULT_PORTS[parts.scheme] else found)


def is_exposed(base_url: str) -> bool:
    """Say whether tokens would travel in plain text between machines."""
    parts = urlsplit(base_url)
    return parts.scheme == "http" and not _is_loopback(parts.hostname or "")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _is_any(host: str) -> bool:
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False


def run(app: FastAPI, listening: socket.socket, *, tls: Tls | None = None) -> None:
    """Serve until the process is told to stop; requests that are being answered are finished first."""
    import uvicorn

    options = {"ssl_certfile": str(tls.certificate), "ssl_keyfile": str(tls.key)} if tls else {}
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        **options,  # type: ignore[arg-type]
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise HivemindError(
            "tls-files",
            f"the certificate and its key cannot be used: {error}",
            hint="give --tls-cert and --tls-key as PEM files, without a passphrase, that this user may read",
        ) from error
    # uvicorn raises the signal again once it has stopped; the caller has work left by then.
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, before)
