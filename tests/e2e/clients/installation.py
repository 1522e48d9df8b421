"""Install a pinned client once, into a cache folder that all test runs share.

The folder is `HIVEMIND_E2E_CLIENTS`, else one in the user's cache; below it each client has a folder named by
the hash of its pins, which are in `pins/NAME`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PINS = Path(__file__).parent / "pins"
INSTALL_S = 600


class ClientUnavailableError(Exception):
    """A client cannot run here; the text says why."""


def npm_package(name: str, *, timeout_s: float = INSTALL_S) -> Path:
    """Return the `node_modules` of a client, installed from its lock file where it is missing."""

    def install(folder: Path) -> None:
        npm = shutil.which("npm")
        if npm is None:
            raise ClientUnavailableError(f"npm is not installed, and {name} comes from npm")
        shutil.copytree(PINS / name, folder)
        # No client needs its scripts: they download or move what the packages bring along.
        _call([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder, name, timeout_s)

    return _installed(PINS / name / "package-lock.json", install) / "node_modules"


def python_package(name: str, *, timeout_s: float = INSTALL_S) -> Path:
    """Return the interpreter of an environment with a client that is written in Python."""
    requirements = PINS / name / "requirements.txt"

    def install(folder: Path) -> None:
        _call([sys.executable, "-m", "venv", str(folder)], folder.parent, name, timeout_s)
        command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-deps"]
        _call([*command, "--requirement", str(requirements)], folder, name, timeout_s)

    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return _installed(requirements, install, version) / "bin" / "python"


def node() -> str:
    """Return the Node.js that runs clients written for it."""
    found = shutil.which("node")
    if found is None:
        raise ClientUnavailableError("node is not installed")
    return found


def native(folder: Path, patterns: Sequence[str]) -> Path:
    """Return the first program below `folder` that fits a pattern with `{system}` and `{cpu}` in it."""
    machine = platform.machine().lower()
    cpu = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64"}.get(machine, machine)
    for pattern in patterns:
        if found := sorted(folder.glob(pattern.format(system=sys.platform, cpu=cpu))):
            return found[0]
    raise ClientUnavailableError(f"{folder.parent.name} holds no program for {sys.platform} on {cpu}")


def cache() -> Path:
    """Return the folder that all runs share."""
    if chosen := os.environ.get("HIVEMIND_E2E_CLIENTS"):
        return Path(chosen)
    default = "~/Library/Caches" if sys.platform == "darwin" else "~/.cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or default).expanduser() / "hivemind-e2e"


def _installed(pins: Path, install: Callable[[Path], None], *also: str) -> Path:
    digest = hashlib.sha256(b"\0".join([pins.read_bytes(), *(part.encode() for part in also)]))
    folder = cache() / digest.hexdigest()[:16]
    with _locked(folder.with_suffix(".lock")):
        if not folder.exists():
            # Install beside the final place and rename: what was interrupted must not be taken for whole.
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            install(partial)
            partial.rename(folder)
    return folder


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)  # released when the file is closed, or its process dies
        yield


def _call(command: Sequence[str], folder: Path, name: str, timeout_s: float) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ClientUnavailableError(f"{name} was not installed within {timeout_s} s") from error
    if done.returncode:
        raise ClientUnavailableError(f"{name} could not be installed:\n{done.stderr[-2000:]}")
