"""What every test has: a home of its own, none of the developer's settings, and no network."""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from hivemind.capture import boundary

#: Variables that say where a person's files are or change what Hivemind or an agent does.
_OF_THE_PERSON = (
    *("HIVEMIND_", "XDG_", "CLAUDE", "ANTHROPIC_", "CODEX_", "CURSOR_", "GIT_"),
    *("PI_", "HERMES_", "GEMINI_", "COPILOT_", "OPENCODE_"),
)
#: Where the end-to-end tests keep the clients that they install once; read before the home is replaced.
_CLIENTS = "HIVEMIND_E2E_CLIENTS"


pytest_plugins = ["browsers", "databases"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the server's programs be named: a run with an older PostgreSQL, or without the wheel."""
    parser.addoption("--postgresql", metavar="FOLDER", help="run this PostgreSQL: the folder of initdb")


def pytest_configure() -> None:
    """Keep the end-to-end tests' cache of clients, and make what CI generates the same in every run."""
    # A developer's runs look for new examples; a change is judged by the same ones each time.
    settings.register_profile(
        # How long a draw takes says how busy the machine is, and nothing of what is tested.
        "ci",
        derandomize=True,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    if os.environ.get("CI", "").lower() in ("1", "true"):
        settings.load_profile("ci")
    default = "~/Library/Caches" if sys.platform == "darwin" else "~/.cache"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or default).expanduser()
    os.environ.setdefault(_CLIENTS, str(cache / "hivemind-e2e"))


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point every place for a user's files into the test's own folder."""
    for name in list(os.environ):
        if name.startswith(_OF_THE_PERSON) and name != _CLIENTS:
            monkeypatch.delenv(name)
    home = tmp_path / "home of the test"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / ".local" / "share"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
    monkeypatch.setenv("HIVEMIND_HOME", str(tmp_path / "hivemind"))


@pytest.fixture(autouse=True)
def _no_rules_of_another() -> Iterator[None]:
    """Forget the rules of secrets that a test's own command used."""
    yield
    boundary.use_rules_of(None)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that connects to anything but this machine, even if the code under test hides the error."""
    refused: list[Any] = []
    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name), refused))
    yield
    assert not refused, f"the test opened connections to {refused}"


def _guarded(connect: Any, refused: list[Any]) -> Any:
    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_local(address[0]):
            refused.append(address)
            raise OSError(f"tests have no network: {address}")
        return connect(self, address)

    return guarded


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
