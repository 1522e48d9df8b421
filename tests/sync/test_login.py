"""Logging in and out, what is sent and shown, as a person does it on the command line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from benchmarks import team_server
from machines import REMOTE, Computer, stored, texts

from hivemind.errors import HivemindError
from hivemind.store.database import open_database
from hivemind.sync import credentials
from hivemind.sync.credentials import Credentials


@pytest.fixture
def team(tmp_path: Path) -> Iterator[team_server.Thread]:
    """Serve a team's workspace from a file: what is tested here is the machine's side."""
    database = open_database(tmp_path / "server" / "hivemind.db")
    team_server.found(database)
    with team_server.Thread(database) as server:
        yield server
    database.close()


@dataclass
class Shell:
    """Run the command in a home of its own."""

    home: Path

    def environment(self) -> dict[str, str]:
        """Give its whole environment."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "HIVEMIND_HOME": str(self.home / "data"),
            "LANG": "C.UTF-8",
        }

    def run(self, *arguments: str, check: bool = True, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run the command to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "hivemind", *arguments],
            env=self.environment(),
            cwd=self.home,
            capture_output=True,
            text=True,
            input=given,
            timeout=120,
            check=False,
        )
        assert not check or done.returncode == 0, done.stderr + done.stdout
        return done


def test_a_machine_logs_in_sends_what_it_is_told_to_and_logs_out(
    team: team_server.Thread, computer: Callable[..., Computer], tmp_path: Path
) -> None:
    """A code is confirmed by a member; nothing goes before a project is named; the token dies at the end."""
    _, browser = team_server.join(team.database, "Ada")
    ada = computer("Ada", token="none")
    ada.has("s1", texts(3))
    ada.close()
    shell = Shell(ada.home)
    started = subprocess.Popen(
        [sys.executable, "-m", "hivemind", "login", team.url],
        env=shell.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert started.stdout is not None
    code = ""
    for line in started.stdout:
        if found := re.search(r"code: (\S+)", line):
            code = found[1]
            break
    headers = {"Authorization": f"Bearer {browser}"}
    answer = httpx.post(
        f"{team.url}/api/v1/login/device/approve", json={"user_code": code}, headers=headers, timeout=30
    )
    assert answer.status_code == 200, answer.text
    rest = started.stdout.read()
    started.stdout.close()
    assert started.wait(timeout=60) == 0, rest
    file = credentials.path_of(ada.data)
    assert file.stat().st_mode & 0o777 == 0o600
    token = json.loads(file.read_text())["token"]
    assert json.loads(shell.run("sync", "--dry-run", "--json").stdout) == []
    shell.run("sync")
    assert stored(team.database, team_server.WORKSPACE) == {}
    (shown,) = json.loads(shell.run("project", "shop", "--capture", "team", "--json").stdout)
    assert (shown["capture"], shown["remote"]) == ("team", REMOTE)
    (planned,) = json.loads(shell.run("sync", "--dry-run", "--json").stdout)
    assert (planned["events"], planned["remote"]) == (3, REMOTE)
    assert "Nothing was." in shell.run("sync", "--dry-run").stdout
    assert stored(team.database, team_server.WORKSPACE) == {}
    shell.run("sync")
    assert stored(team.database, team_server.WORKSPACE) == {"s1": texts(3)}
    assert f"team: acme-shop on {team.url}; last sync" in shell.run("status").stdout
    (off,) = json.loads(shell.run("project", "shop", "--capture", "off", "--json").stdout)
    assert off["capture"] == "off"
    (local,) = json.loads(shell.run("project", "shop", "--capture", "local", "--json").stdout)
    assert local["capture"] == "local"
    assert shell.run("logout").stdout.strip() == "Logged out."
    assert not file.exists()
    state = httpx.get(
        f"{team.url}/api/v1/sync/state?machine={'0' * 32}", headers={"Authorization": f"Bearer {token}"}
    )
    assert state.status_code == 401
    assert shell.run("sync", check=False).returncode == 1


def test_a_pasted_token_is_tried_before_it_is_kept(team: team_server.Thread, tmp_path: Path) -> None:
    """One that lets nobody in is not written down, and one of another workspace neither."""
    home = tmp_path / "home"
    home.mkdir()
    shell = Shell(home)
    _, token = team_server.join(team.database, "Ada")
    for given, more in (("hm.acme-shop.x.y", ()), (token, ("--workspace", "other"))):
        assert shell.run("login", team.url, "--paste", *more, given=f"{given}\n", check=False).returncode == 1
        assert not credentials.path_of(home / "data").exists()
    shell.run("login", team.url, "--paste", "--workspace", "acme-shop", given=f"{token}\n")
    found = credentials.find(home / "data", {})
    assert found is not None
    assert found.workspace == "acme-shop"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    """It is said how to mend it."""
    credentials.save(tmp_path, Credentials(url="https://x.example", token="t"))
    path = credentials.path_of(tmp_path)
    path.chmod(mode)
    with pytest.raises(HivemindError, match="can be read by others") as error:
        credentials.find(tmp_path, {})
    assert "chmod 600" in error.value.hint


def test_the_environment_wins_and_the_token_is_never_shown(tmp_path: Path) -> None:
    """As in CI, where there is no file."""
    credentials.save(tmp_path, Credentials(url="https://x.example", token="file"))
    found = credentials.find(tmp_path, {credentials.URL: "https://y.example/", credentials.TOKEN: "s3cret"})
    assert found is not None
    assert (found.url, found.token) == ("https://y.example", "s3cret")
    assert "s3cret" not in repr(found)


@pytest.mark.parametrize(
    ("url", "variables", "good"),
    [
        ("https://x.example", {}, True),
        ("http://localhost:8765", {}, True),
        ("http://127.0.0.1:1", {}, True),
        ("http://x.example", {}, False),
        ("http://x.example", {credentials.INSECURE: "true"}, True),
        ("http://x.example", {credentials.INSECURE: "no"}, False),
        ("https://u:p@x.example", {}, False),
        ("ftp://x.example", {}, False),
        ("x.example", {}, False),
        ("https://[", {}, False),
        ("", {}, False),
    ],
)
def test_a_token_goes_over_https_only(url: str, variables: dict[str, str], *, good: bool) -> None:
    """But to this machine itself, or where somebody says so."""
    if good:
        assert credentials.check_url(url, variables=variables) == url
        return
    with pytest.raises(HivemindError) as error:
        credentials.check_url(url, variables=variables)
    assert error.value.slug == "sync-url"


def test_a_broken_file_is_said_to_be_one(tmp_path: Path) -> None:
    """A file that is no JSON, or holds no token, is an error with a hint and no crash."""
    for content in ("", "[]", "{}", "\x00", '{"url": 1}'):
        path = credentials.path_of(tmp_path)
        path.write_text(content)
        path.chmod(0o600)
        with pytest.raises(HivemindError) as error:
            credentials.find(tmp_path, {})
        assert error.value.slug == "credentials-unusable"
