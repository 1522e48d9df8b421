"""Settings come from config.toml, what is wrong in it is named, and the environment is read in one place."""

from __future__ import annotations

import os
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from hivemind import config
from hivemind.capture import announce, layout
from hivemind.config import SETTINGS, Settings
from hivemind.errors import HivemindError


def write(data: Path, text: str) -> None:
    """Write the settings."""
    data.mkdir(exist_ok=True)
    config.config_path(data).write_text(text)


def refusal(data: Path) -> HivemindError:
    """Load settings that are wrong."""
    with pytest.raises(HivemindError) as error:
        config.load(data)
    assert error.value.hint
    return error.value


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    """Every described setting has a field with the described default."""
    loaded = config.load(tmp_path)
    assert loaded == Settings()
    described = {
        s.key.replace(".", "_"): tuple(s.default) if s.default == [] else s.default for s in SETTINGS
    }
    assert described == {f.name: getattr(loaded, f.name) for f in fields(loaded)}
    assert all(s.help for s in SETTINGS)


def test_what_the_file_says_replaces_the_defaults(tmp_path: Path) -> None:
    """Each kind of value is read."""
    write(
        tmp_path,
        '[capture]\nenabled = false\nexclude = ["~/secret"]\n'
        '[publish]\npolicy = "review"\n[worker]\nidle_s = 5\n',
    )
    loaded = config.load(tmp_path)
    assert (loaded.capture_enabled, loaded.capture_exclude) == (False, ("~/secret",))
    assert (loaded.publish_policy, loaded.worker_idle_s, loaded.inject_enabled) == ("review", 5, True)


@pytest.mark.parametrize(
    ("text", "slug", "named"),
    [
        ("[capture", "config-unparseable", "config.toml"),
        ("[capture]\nenable = true\n", "config-unknown", "capture.enable"),
        ("capture = 1\n", "config-unknown", "capture"),
        ("[capture]\nenabled = 1\n", "config-value", "capture.enabled"),
        ('[capture]\nenabled = "false"\n', "config-value", "capture.enabled"),
        ('[capture]\nexclude = "~/x"\n', "config-value", "capture.exclude"),
        ("[capture]\nexclude = [1]\n", "config-value", "capture.exclude"),
        ('[capture]\nexclude = [""]\n', "config-value", "capture.exclude"),
        ('[publish]\npolicy = "never"\n', "config-value", "publish.policy"),
        ("[worker]\nidle_s = 0\n", "config-value", "worker.idle_s"),
        ("[worker]\nidle_s = true\n", "config-value", "worker.idle_s"),
        ("[worker]\nidle_s = 1e3\n", "config-value", "worker.idle_s"),
        ("[inject]\nmax_skills = 99\n", "config-value", "inject.max_skills"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, slug: str, named: str) -> None:
    """The message has the key or the file, and the hint what is right."""
    write(tmp_path, text)
    error = refusal(tmp_path)
    assert error.slug == slug
    assert named in error.message


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    """Bytes that are no UTF-8, and a folder in its place, are no defaults: a person meant something."""
    config.config_path(tmp_path).write_bytes(b"\xff\xfe")
    assert refusal(tmp_path).slug == "config-unreadable"
    config.config_path(tmp_path).unlink()
    config.config_path(tmp_path).mkdir()
    assert refusal(tmp_path).slug == "config-unreadable"


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        (
            "/home/u/secret",
            ["/home/u/secret", "/home/u/secret/a/b"],
            ["/home/u/secrets", "/home/u", "/secret", ""],
        ),
        ("/home/u/secret/", ["/home/u/secret", "/home/u/secret/a"], ["/home/u/secrets"]),
        ("~/private", ["{home}/private/x"], ["/private/x"]),
        ("*/client-*", ["/a/client-x", "/a/client-x/src/deep"], ["/a/clients", "client-x"]),
        ("/srv/[ab]", ["/srv/a", "/srv/b/x"], ["/srv/c", "/srv/ab"]),
        ("/", ["/", "/anything"], []),
    ],
)
def test_excluded_folders(pattern: str, inside: list[str], outside: list[str]) -> None:
    """A folder or pattern covers all that is below it, and nothing beside it."""
    settings = Settings(capture_exclude=(pattern,))
    home = str(Path.home())
    assert [f for f in inside if not settings.excludes(f.replace("{home}", home))] == []
    assert [f for f in outside if settings.excludes(f)] == []


def test_nothing_is_excluded_by_default() -> None:
    """Without a pattern every folder is captured."""
    assert not Settings().excludes("/anything")


@pytest.mark.parametrize("value", ["false", "False", " FALSE ", "0", "off", "no", "disabled", "f", "nein"])
def test_capture_is_turned_off_by_the_same_words_everywhere(value: str) -> None:
    """The hook, which reads the variable by itself, and the command line agree."""
    assert not config.environment({"HIVEMIND_CAPTURE": value, "HOME": "/h"}).capture
    assert value.strip().lower() not in announce.ON
    assert set(announce.ON) == config.ON


@pytest.mark.parametrize("value", ["", "true", "1", "yes", " ON "])
def test_capture_is_on_by_the_words_for_it_only(value: str) -> None:
    """A privacy switch fails closed: a misspelt word stores nothing."""
    assert config.environment({"HIVEMIND_CAPTURE": value, "HOME": "/h"}).capture


def test_where_the_data_is() -> None:
    """HIVEMIND_HOME wins, then XDG, then the platform's place; a relative path is made absolute."""
    assert config.environment({"HOME": "/h", "HIVEMIND_HOME": "/d"}).data == Path("/d")
    assert config.environment({"HOME": "/h", "HIVEMIND_HOME": "d"}).data == Path.cwd() / "d"
    found = config.environment({"HOME": "/h", "HIVEMIND_HOME": ""})
    assert (found.home, found.workspace_id) == (Path("/h"), "default")
    if sys.platform == "darwin":
        assert found.data == Path("/h/Library/Application Support/hivemind")
    else:
        assert found.data == Path("/h/.local/share/hivemind")
        assert config.environment({"HOME": "/h", "XDG_DATA_HOME": "/x"}).data == Path("/x/hivemind")


@pytest.mark.parametrize(
    "session_id", ["", ".", "..", "a/b", "a\\b", "x" * 500, "ü", "\ud83d", "a b", "con", "-rf"]
)
def test_a_session_has_one_file_name(session_id: str) -> None:
    """Any id gives a name that stays in its folder, is short, and differs from that of another id."""
    name = layout.session_file(session_id)
    assert 0 < len(os.fsencode(name)) < 200
    assert "/" not in name
    assert "\\" not in name
    assert name not in (".", "..")
    assert name != layout.session_file(session_id + "x")


def test_the_user_has_a_name_even_in_a_container(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user id without an entry in the system's list is no failure."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_123)
    assert config.user_name() == "user-4000000123"
