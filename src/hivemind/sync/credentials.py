"""The server and the token that this machine syncs with: the environment's, else credentials.json."""

import json
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hivemind.config import ON
from hivemind.errors import HivemindError

URL, TOKEN, INSECURE = "HIVEMIND_API_URL", "HIVEMIND_TOKEN", "HIVEMIND_INSECURE_HTTP"
MAX_FILE_BYTES = 65_536
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Hold where to sync, as whom, and which workspace of this machine."""

    url: str
    token: str
    workspace: str = ""  #: the server's name of its workspace, as far as known
    name: str = ""  #: who the token is of
    local_workspace: str = "default"
    is_from_environment: bool = False

    def __repr__(self) -> str:
        """Leave the token out: what is printed by mistake must not let anybody in."""
        return f"Credentials(url={self.url!r}, workspace={self.workspace!r})"


def path_of(data: Path) -> Path:
    """Give the file."""
    return data / "credentials.json"


def find(data: Path, variables: Mapping[str, str]) -> Credentials | None:
    """Give what to sync with; None where nobody logged in."""
    url, token = variables.get(URL, ""), variables.get(TOKEN, "")
    if url and token:
        local = variables.get("HIVEMIND_WORKSPACE_ID") or "default"
        checked = check_url(url, variables=variables)
        return Credentials(url=checked, token=token, local_workspace=local, is_from_environment=True)
    values = _read(path_of(data))
    if values is None:
        return None
    texts = {name: value for name, value in values.items() if isinstance(value, str)}
    if not texts.get("url") or not texts.get("token"):
        raise _unusable(path_of(data), "has no url and token")
    return Credentials(
        url=check_url(texts["url"], variables=variables),
        token=texts["token"],
        workspace=texts.get("workspace", ""),
        name=texts.get("name", ""),
        local_workspace=texts.get("local_workspace", "default"),
    )


def _read(path: Path) -> dict[str, Any] | None:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(MAX_FILE_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(path, f"cannot be read ({error.strerror})") from error
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise HivemindError(
            "credentials-exposed",
            f"{path} can be read by others (mode {stat.S_IMODE(mode):o})",
            hint=f"chmod 600 {path}; if others use this machine, log out and in again for a new token",
        )
    try:
        values = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _unusable(path, "is not JSON") from error
    if not isinstance(values, dict):
        raise _unusable(path, "is not an object")
    return values


def _unusable(path: Path, problem: str) -> HivemindError:
    return HivemindError(
        "credentials-unusable", f"{path} {problem}", hint="`hivemind login URL` makes a new one"
    )


def save(data: Path, found: Credentials) -> None:
    """Write the file, for this user alone from its first byte on."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = path_of(data)
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    names = ("url", "token", "workspace", "name", "local_workspace")
    text = json.dumps({name: getattr(found, name) for name in names}, indent=2)
    with suppress(FileNotFoundError):
        partial.unlink()
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def delete(data: Path) -> bool:
    """Delete the file; say whether there was one."""
    try:
        path_of(data).unlink()
    except FileNotFoundError:
        return False
    return True


def check_url(url: str, *, variables: Mapping[str, str]) -> str:
    """Give a server's address without what follows its path; raise where it is none, or none to trust."""
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.password:
        raise HivemindError(
            "sync-url",
            f"{url[:200]!r} is not a server's address",
            hint="such as https://hivemind.example.com",
        )
    allowed = variables.get(INSECURE, "").strip().lower() in ON - {""}
    if parts.scheme == "http" and host not in _LOOPBACK and not allowed:
        raise HivemindError(
            "sync-url",
            f"{url[:200]} would send your token in the clear",
            hint=f"use https://, or set {INSECURE}=true where the network itself is private",
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
