"""What a shared session did in a project that is not shared stays here."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from benchmarks.team_server import WORKSPACE, Thread
from command_line import run
from hypothesis import given
from hypothesis import strategies as st
from machines import REMOTE, Computer

from hivemind.domain.events import Event, EventKind, ResultStatus, SessionFacts
from hivemind.domain.projects import project_id
from hivemind.store import schema, sessions
from hivemind.store.sessions import ProjectFacts, RedactedEvent
from hivemind.sync.elsewhere import LEFT_OUT, Elsewhere

Make = Callable[..., Computer]
HOME = "/home/ada"


def elsewhere(**more: Any) -> Elsewhere:
    """Make it for a session in ~/src/shop, beside private notes; ~/src/web is shared, too."""
    values: dict[str, Any] = {
        "private": [f"{HOME}/src/notes", f"{HOME}/src/web/drafts", HOME],
        "shared": [f"{HOME}/src/shop", f"{HOME}/src/web", f"{HOME}/src/notes/public"],
        "root": f"{HOME}/src/shop",
        "cwd": f"{HOME}/src/shop/api",
        "home": HOME,
    }
    return Elsewhere(**values | more)


def call(command: str, **more: Any) -> Event:
    """Make a call of a shell."""
    data = {"command": command, **more}
    return Event(
        kind=EventKind.TOOL_CALL,
        native_id="n",
        tool_name="Bash",
        tool_call_id="c1",
        text=command,
        data=data,
    )


@pytest.mark.parametrize(
    ("command", "is_left_out"),
    [
        ("cat /home/ada/src/notes/salary.md", True),
        ("cat ~/src/notes/salary.md", True),
        ("cat $HOME/src/notes/salary.md", True),
        ('cat "${HOME}/src/notes/a b.md"', True),
        ("ls /home/ada/src/notes", True),
        ("cat ../../notes/salary.md", True),
        ("cd .. && cat ../notes/../notes/x", True),
        ("cat ~/src/web/drafts/one.md", True),
        ("cat ~/src/web/index.html", False),
        ("cat ~/src/notes/public/readme.md", False),
        ("cat /home/ada/src/notes-of-all/x", False),
        ("cat /home/ada/src/shop/api/main.py", False),
        ("cat ../web/notes.md", False),
        ("cat /etc/hosts", False),
        ("make test", False),
    ],
)
def test_a_call_is_told_by_the_folders_it_names(command: str, is_left_out: bool) -> None:
    """However they are written; a project within another one is itself, and one's own is never elsewhere."""
    told = elsewhere()
    shown, was = told.without(call(command))
    assert was is is_left_out
    assert (shown.text, shown.data) == ((LEFT_OUT, {}) if was else (command, {"command": command}))
    result = Event(kind=EventKind.TOOL_RESULT, native_id="r", tool_call_id="c1", text="what it printed")
    shown, was = told.without(result)
    assert (shown.text == LEFT_OUT) is was is is_left_out


def test_inputs_of_any_shape_are_looked_at() -> None:
    """A path deep in a tool's input is one, too; a prompt is a person's own words and goes."""
    told = elsewhere()
    assert told.without(call("x", edits=[{"file_path": f"{HOME}/src/notes/x.md"}]))[1]
    prompt = Event(kind=EventKind.PROMPT, native_id="p", text="see ~/src/notes/x.md")
    assert told.without(prompt) == (prompt, False)


def test_where_all_is_shared_nothing_is_looked_for() -> None:
    """A machine without private projects, or whose only one is a checkout of the whole home."""
    assert not elsewhere(private=[HOME]).looks
    assert not elsewhere(private=[]).looks


@given(command=st.text(), cwd=st.text())
def test_any_call_is_told(command: str, cwd: str) -> None:
    """Whatever a call says is no error."""
    shown, was = elsewhere(cwd=cwd).without(call(command))
    assert was is (shown.text == LEFT_OUT != command)


def test_it_does_not_go_up(team: Thread, computer: Make) -> None:
    """Neither the path nor what was printed is on the server, in whichever sync the result goes."""
    ada = computer("Ada")
    shop, notes = str(ada.home / "shop"), str(ada.home / "notes")
    ada.has("notes-session", ["x"], remote="", folder=notes)
    told = [call(f"cat {notes}/salary.md"), call("make test")]
    told[1] = Event(kind=EventKind.TOOL_CALL, native_id="n2", tool_call_id="c2", text="make test")
    put(ada, shop, *told)
    assert ada.sync().sent.left_out == 1
    answers = [
        Event(kind=EventKind.TOOL_RESULT, native_id=f"r{n}", tool_call_id=f"c{n}", text=text, status=status)
        for n, text, status in ((1, "salary 98000", ResultStatus.OK), (2, "12 passed", ResultStatus.OK))
    ]
    put(ada, shop, *answers)
    assert ada.sync().sent.left_out == 1
    with team.database.read(WORKSPACE) as workspace:
        rows = workspace.execute(schema.events.select().order_by(schema.events.c.seq)).all()
    assert [row.text for row in rows] == [LEFT_OUT, "make test", LEFT_OUT, "12 passed"]
    assert [row.status for row in rows] == [None, None, "ok", "ok"]
    assert "notes" not in json.dumps([row.data for row in rows])


def put(computer: Computer, root: str, *events: Event) -> None:
    """Store events of a session in the shop."""
    project = ProjectFacts(
        project_id=project_id(remote=REMOTE, root=root), name="shop", remote=REMOTE, root=root
    )
    with computer.database.write() as workspace:
        facts = SessionFacts(session_id="s1", agent="claude", cwd=root)
        redacted = [RedactedEvent(event=event) for event in events]
        sessions.append(workspace, facts, events=redacted, project=project)


def test_a_person_sees_word_for_word_what_would_go(computer: Make) -> None:
    """`sync --dry-run` counts what is left out, and `--show` prints the rest as the server would get it."""
    ada = computer("Ada")
    shop, notes = str(ada.home / "shop"), str(ada.home / "notes")
    ada.has("notes-session", ["x"], remote="", folder=notes)
    ada.has("s2", ["another session"])
    prompt = Event(kind=EventKind.PROMPT, native_id="p", text=f"look into {shop}/api")
    put(ada, shop, call(f"cat {notes}/salary.md"), prompt)
    (ada.data / "config.toml").write_text(f'[capture]\nteam = ["{REMOTE}"]\n')
    env = {"HIVEMIND_HOME": str(ada.data), "HOME": str(ada.home)}
    dry = run("sync", "--dry-run", env=env)
    assert "1 event about projects that do not go to the team: without their words." in dry.out
    shown = run("sync", "--dry-run", "--show", "--session", "s1", env=env)
    assert shown.code == 0, shown.err
    assert f"-- 0 tool_call Bash\n{LEFT_OUT}\n" in shown.out
    assert "-- 1 prompt\nlook into ~/shop/api\n" in shown.out
    assert "another session" not in shown.out
    assert str(ada.home) not in shown.out
    lines = run("sync", "--dry-run", "--show", "--json", env=env).out.splitlines()
    assert {json.loads(line)["session_id"] for line in lines} == {"s1", "s2"}
    assert run("sync", "--show", env=env).code == 2
