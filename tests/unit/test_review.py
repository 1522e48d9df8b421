"""`hivemind review`: what waits, all that is needed to decide on it, and what each key does."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import CONTROL, run
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from shown_lessons import FAILURE, LESSON, START, UNKNOWN, shows

from hivemind.cli.review_case import framed
from hivemind.domain.skills import Finding, SkillDocument, SkillState
from hivemind.library import lifecycle, review, rules
from hivemind.library.rules import Policies
from hivemind.store import flags, schema, skills
from hivemind.store.database import Workspace, open_database
from hivemind.store.flags import FlagKind

GOLDEN = Path(__file__).parent / "golden" / "review.txt"
CANDIDATE, TRIAL, ACTIVE, RETIRED, REJECTED = SkillState
DOCUMENT = SkillDocument(
    name="shop-checks",
    description="How to run the tests in shop. Use when asked to run the tests.",
    body="# Tests in shop\n\n- `pytest` fails with “No module named 'shop'”. Run `make test` instead.",
)


@contextmanager
def library() -> Iterator[Workspace]:
    """Give a write transaction on the database that the command reads."""
    database = open_database(Path(os.environ["HIVEMIND_HOME"]) / "hivemind.db")
    try:
        with database.write() as workspace:
            yield workspace
    finally:
        database.close()


def waits(workspace: Workspace, name: str = "shop-checks", *, state: SkillState = CANDIDATE) -> skills.Skill:
    """Make a skill of the lesson, on trial or active where that is asked for."""
    skill = lifecycle.create(
        workspace,
        replace(DOCUMENT, name=name),
        project_id="p1",
        topic=name,
        lesson_ids=[LESSON],
        origin="template",
        actor="policy:distill",
        findings=[Finding(gate="size", message="It is long.", blocking=False)],
    )
    for each in {CANDIDATE: [], TRIAL: [TRIAL], ACTIVE: [ACTIVE]}[state]:
        skill = lifecycle.decide(workspace, skill.skill_id, each, actor="policy:auto")
    return skill


def flag(workspace: Workspace, skill: skills.Skill, kind: FlagKind, message: str) -> None:
    """Flag a skill."""
    flags.raise_one(workspace, skill.skill_id, kind, message=message, at=START)


def stands(name: str = "shop-checks") -> tuple[str, int]:
    """Give a skill's state and version."""
    found = run("skills", "show", name, "--json").json
    return found["state"], found["version"]


def test_what_is_shown_of_a_candidate() -> None:
    """The whole of a walk over a pipe, byte for byte."""
    with library() as workspace:
        shows(workspace, "0a1b2c3d-first")
        shows(workspace, "1a2b3c4d-second", outcome=FAILURE, agent="codex")
        shows(workspace, "2a3b4c5d-third", outcome=UNKNOWN, explicit=True)
        waits(workspace)
    done = run("review", answer="a I know it\n")
    assert (done.code, done.err) == (0, "")
    assert done.out == GOLDEN.read_text("utf-8")
    assert stands() == ("active", 1)


def test_an_approval_on_too_little_says_so_in_the_ledger() -> None:
    """The reason is the person's, with what was missing."""
    with library() as workspace:
        shows(workspace, "first", outcome=UNKNOWN)
        waits(workspace)
    run("review", answer="a I know it\n")
    (last,) = run("skills", "show", "shop-checks", "--json").json["decisions"][1:]
    assert last["reason"].startswith("I know it; no session shows it in work that went well")
    assert last["numbers"]["override"] is True


@pytest.mark.parametrize(("answer", "left"), [("", 2), ("q\n", 2), ("a\nq\n", 1), ("a\nr\nu\nq\n", 1)])
def test_the_end_says_what_still_waits(answer: str, left: int) -> None:
    """Whether the queue, the input or the person ended, and after an undo of the last decision."""
    with library() as workspace:
        for name in ("a-checks", "b-checks"):
            waits(workspace, name)
    done = run("review", answer=answer)
    assert f"{left} skill{'s still wait' if left > 1 else ' still waits'} for you." in done.out


def test_an_approval_sets_the_share_at_once() -> None:
    """What became active is withheld as an active skill is; undone, not at all."""
    with library() as workspace:
        waits(workspace)
    done = run("review", answer="a\n")
    assert "approving now overrides the rule" in done.out
    assert run("holdout", "--json").json["skills"][0]["share"] > 0
    run("skills", "undo", "shop-checks")
    assert run("holdout", "--json").json["skills"] == []


def test_each_key_over_a_pipe() -> None:
    """What is rejected has its reason; undo goes back; what is no key is said; the end of the input quits."""
    with library() as workspace:
        for name in ("a-checks", "b-checks", "c-checks"):
            waits(workspace, name)
    done = run("review", answer="u\nwhat\nr it is wrong\ns\nu\nr\n")
    assert done.code == 0
    assert "nothing was decided in this review" in done.err
    assert "press a, e, r, s, u or q" in done.err
    assert "taken back: a-checks is candidate, version 1, again" in done.out
    assert [line.split(":")[0] for line in done.out.splitlines() if line.startswith("━━")] == [
        "━━ 1 of 3",
        "━━ 2 of 3",
        "━━ 3 of 3",
        "━━ 1 of 3",
        "━━ 2 of 3",
    ]
    assert [stands(f"{name}-checks")[0] for name in "abc"] == ["rejected", "candidate", "candidate"]
    reasons = [d["reason"] for d in run("skills", "show", "a-checks", "--json").json["decisions"]]
    assert reasons[1] == "it is wrong"
    assert run("review", answer="q\n").out.count("━━") == 1


@pytest.mark.parametrize("line", ["", " ", "ae", "er", "aer"])
def test_what_is_no_single_key_decides_nothing(line: str) -> None:
    """An empty line, or keys that run together, leave the skill as it is."""
    with library() as workspace:
        waits(workspace)
    done = run("review", answer=f"{line}\n")
    assert (done.code, stands()) == (0, ("candidate", 1))
    assert "press a, e, r, s, u or q" in done.err


def test_over_a_pipe_what_fails_costs_its_own_skill_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line after one that cannot be carried out is for the next skill, and the command says so."""
    with library() as workspace:
        for name in ("a-checks", "b-checks"):
            waits(workspace, name)
    monkeypatch.setenv("VISUAL", "false")
    monkeypatch.setenv("EDITOR", "false")
    done = run("review", answer="e\nr it is wrong\n")
    assert [stands(f"{name}-checks")[0] for name in "ab"] == ["candidate", "rejected"]
    assert done.code == 1


def test_editing_makes_a_version_that_is_shown_with_its_diff(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An edit runs the gates, is the person's, and is shown again before anything is decided."""
    with library() as workspace:
        waits(workspace, state=TRIAL)
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nsed -i.bak 's/make test/make check/' \"$1\"\n")
    editor.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(editor))
    monkeypatch.setenv("EDITOR", str(editor))
    done = run("review", "--skill", "shop-checks", answer="e\na\n")
    assert "shop-checks is now trial, version 2" in done.out
    assert "── your edit of version 1" in done.out
    assert done.out.count("━━") == 2
    assert stands() == ("active", 2)
    shown = run("skills", "show", "shop-checks", "--json").json
    assert "make check" in shown["document"]["body"]
    assert shown["decisions"][2]["actor"].startswith("person:")


def test_an_edit_that_the_gates_refuse_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Why is said, and the exit code says that something was; so it is where there is no editor."""
    with library() as workspace:
        waits(workspace)
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nprintf '\\nKey: AKIAIOSFODNN7EXAMPLQ\\n' >> \"$1\"\n")
    editor.chmod(0o755)
    for command in (str(editor), str(tmp_path / "nothing")):
        monkeypatch.setenv("VISUAL", command)
        monkeypatch.setenv("EDITOR", command)
        done = run("review", answer="e\ns\n")
        assert done.code == 1
        assert "0 decisions" in done.out
        assert done.err
    assert stands() == ("candidate", 1)


def test_the_diff_is_against_what_a_person_saw() -> None:
    """A version that the machine made since is compared with the one that was approved."""
    with library() as workspace:
        skill = waits(workspace)
        lifecycle.decide(workspace, skill.skill_id, ACTIVE, actor="person:ann")
        for word in ("check", "verify"):
            body = DOCUMENT.body.replace("make test", f"make {word}")
            lifecycle.add_version(
                workspace,
                skill.skill_id,
                replace(DOCUMENT, body=body),
                origin="template",
                actor="policy:distill",
            )
        flag(workspace, skill, FlagKind.STALE, "`make verify`: no such target")
    done = run("review", answer="q\n")
    assert "── differs from version 1, which was decided on before" in done.out
    told = [line.removeprefix("│ ") for line in done.out.splitlines() if "Run `make" in line]
    assert sorted(line[:1] for line in told if line[:1] in "+-") == ["+", "-", "-"]  # the text has a bullet
    (one,) = run("review", "--json").json
    assert "+- `pytest` fails" in one["diff"]


def test_the_queue_has_what_may_harm_first() -> None:
    """Harm, stale, ready, waiting, unapproved under review, unused; what is fine is not in it."""
    with library() as workspace:
        for session in ("a", "b"):
            shows(workspace, session)
        waits(workspace, "trial-one", state=TRIAL)
        waits(workspace, "fine", state=ACTIVE)
        waits(workspace, "ready")
        unused = waits(workspace, "unused", state=ACTIVE)
        flag(workspace, unused, FlagKind.UNUSED, "given to nobody for 60 days")
        stale = waits(workspace, "stale", state=ACTIVE)
        flag(workspace, stale, FlagKind.STALE, "`make lint` is gone")
        harmful = waits(workspace, "harmful", state=ACTIVE)
        lifecycle.decide(workspace, harmful.skill_id, RETIRED, actor="policy:harm")
        flag(workspace, harmful, FlagKind.HARM, "99 % likely to harm")
        schemaless = lifecycle.create(
            workspace,
            replace(DOCUMENT, name="waiting"),
            project_id="p1",
            origin="import",
            actor="person:ann",
        )
        assert schemaless.state is CANDIDATE
        found = [w.skill.name for w in review.queue(workspace, Policies())]
        assert found == ["harmful", "stale", "ready", "waiting", "unused"]
        found = [w.skill.name for w in review.queue(workspace, Policies(publish="review"))]
        assert found == ["harmful", "stale", "ready", "waiting", "trial-one", "unused"]


def test_a_flag_that_was_seen_is_gone_and_comes_back_with_an_undo() -> None:
    """Keeping an active skill clears its flags and the ledger has them; undo raises them again."""
    with library() as workspace:
        skill = waits(workspace, state=ACTIVE)
        flag(workspace, skill, FlagKind.STALE, "`make test` is gone")
    done = run("review", answer="a it is in another file\n")
    assert "shop-checks is now active, version 1" in done.out
    with library() as workspace:
        assert flags.listed(workspace) == []
        last = skills.decisions(workspace, skill.skill_id)[-1]
        assert rules.seen_flags(last) == {"stale": "`make test` is gone"}
    assert run("review").out == "No skill waits for you.\n"
    run("skills", "undo", "shop-checks")
    with library() as workspace:
        assert [f.message for f in flags.listed(workspace)] == ["`make test` is gone"]


def test_a_harmful_skill_can_be_brought_back_or_put_away_for_good() -> None:
    """Retired by the machine, it is approved or rejected by a person, and the flag goes."""
    for key, state in (("a", "active"), ("r", "rejected")):
        with library() as workspace:
            skill = waits(workspace, f"{key}-checks", state=TRIAL)
            lifecycle.decide(workspace, skill.skill_id, RETIRED, actor="policy:harm")
            flag(workspace, skill, FlagKind.HARM, "it harms")
        run("review", answer=f"{key}\n")
        assert stands(f"{key}-checks")[0] == state
        with library() as workspace:
            assert flags.listed(workspace) == []


def test_json_has_all_that_is_shown() -> None:
    """The queue as data; one skill where it is named, also if it does not wait; nothing is asked."""
    with library() as workspace:
        shows(workspace, "first")
        waits(workspace)
        waits(workspace, "fine", state=ACTIVE)
    (one,) = run("review", "--json").json
    assert (one["name"], one["why"], one["support"]["successful_sessions"]) == ("shop-checks", "waiting", 1)
    (turn,) = one["turns"]
    assert [(m["kind"], m["text"]) for m in turn["moments"]][1:] == [
        ("tool_call", "pytest"),
        ("tool_result", "No module named 'shop'\nexit code 2"),
        ("tool_call", "make test"),
        ("tool_result", "12 passed"),
    ]
    assert {"skill_md", "diff", "findings", "numbers", "flags", "reason", "state", "version"} <= set(one)
    assert run("review", "--skill", "fine", "--json").json[0]["why"] == "asked"
    missing = run("review", "--skill", "nothing")
    assert (missing.code, missing.out) == (1, "")


def test_an_empty_queue_says_so() -> None:
    """Nothing waits: nothing is asked; before anything is stored the command says what to do."""
    assert run("review").code == 1
    with library() as workspace:
        waits(workspace, state=ACTIVE)
    assert run("review").out == "No skill waits for you.\n"
    assert run("review", "--json").json == []


def test_a_skill_cannot_pass_for_the_review() -> None:
    """Each line of its text stands behind a frame, so that none is taken for a heading or a number."""
    forged = "# Tests\n\n── gates\nnothing found\n── numbers\n━━ 2 of 2: fine, active, version 1; shop"
    with library() as workspace:
        skill = waits(workspace)
        text = replace(DOCUMENT, body=forged)
        lifecycle.decide(workspace, skill.skill_id, ACTIVE, actor="person:ann")
        lifecycle.add_version(workspace, skill.skill_id, text, origin="person", actor="policy:distill")
    done = run("review", "--skill", "shop-checks", answer="q\n")
    headings = [line for line in done.out.splitlines() if line.startswith(("──", "━━"))]
    assert [line.split()[1] for line in headings] == ["1", "differs", "evidence:", "gates", "numbers"]
    assert "│ ── gates" in done.out


@given(st.text(alphabet=st.characters(blacklist_categories=["Cs"]), max_size=400), st.integers(30, 120))
def test_no_line_of_a_skill_begins_where_the_review_writes(text: str, width: int) -> None:
    """Whatever a text says, the terminal has nothing to wrap."""
    told = list(framed(text + "\n" + "x" * width + "\u00a0── gates", width=width))
    assert all(line.startswith("│") and cell_len(line) <= width for line in told)


def test_a_part_of_the_queue_can_be_looked_at() -> None:
    """By state and by project; what is left out still waits."""
    with library() as workspace:
        shows(workspace, "first")
        waits(workspace, "one-checks")
        flagged = waits(workspace, "two-checks", state=ACTIVE)
        flag(workspace, flagged, FlagKind.STALE, "`make test`: no such target")
    asked = [("--state", "candidate"), ("--state", "active"), ("--project", "SHOP"), ("--project", "p1")]
    names = [[one["name"] for one in run("review", *words, "--json").json] for words in asked]
    assert names == [
        ["one-checks"],
        ["two-checks"],
        ["two-checks", "one-checks"],
        ["two-checks", "one-checks"],
    ]
    done = run("review", "--state", "candidate", answer="r\n")
    assert "1 of 1" in done.out
    assert "1 skill still waits for you" in done.out
    assert run("review", "--state", "trial").out == "No such skill waits for you.\n"
    unknown = run("review", "--project", "other")
    assert unknown.code == 1
    assert "--error project-unknown" in unknown.err
    assert "known: shop" in unknown.err


def test_several_skills_are_rejected_at_once_or_none() -> None:
    """One reason for all; a name that is wrong, or a step that is not allowed, decides nothing."""
    with library() as workspace:
        for name in "abc":
            waits(workspace, f"{name}-checks")
    wrong = run("skills", "reject", "a-checks", "nothing", "--reason", "noise")
    assert (wrong.code, wrong.out, stands("a-checks")[0]) == (1, "", "candidate")
    done = run("skills", "reject", "a-checks", "b-checks", "a-checks", "--reason", "noise")
    assert [line.split()[0] for line in done.out.splitlines()] == ["a-checks", "b-checks"]
    assert [stands(f"{name}-checks")[0] for name in "abc"] == ["rejected", "rejected", "candidate"]
    for name in "ab":
        assert run("skills", "show", f"{name}-checks", "--json").json["decisions"][-1]["reason"] == "noise"
    (one,) = run("skills", "reject", "c-checks", "c-checks", "--json").json
    assert one["state"] == "rejected"


def test_what_a_session_says_does_not_act_on_the_terminal() -> None:
    """Control and hiding characters of a transcript, a skill, a flag or a typed reason are shown as codes."""
    nasty = "\x1b[2J\x1b]0;owned\x07\u202e\u2066 make\x9b31m \U000e0041"
    with library() as workspace:
        shows(workspace, "first")
        workspace.execute(schema.events.update().values(text=nasty))
        skill = waits(workspace)
        flag(workspace, skill, FlagKind.STALE, nasty)
        lifecycle.add_version(
            workspace, skill.skill_id, replace(DOCUMENT, body=nasty), origin="person", actor="person:ann"
        )
    done = run("review", answer="\x1b[2J\nr \x1b[31m\n")
    assert not CONTROL.search(done.out)
    assert not CONTROL.search(done.err)
    assert "\\u{1b}[2J" in done.out


class _Terminal:
    """Drive the real command on a terminal."""

    def __init__(self, *words: str, env: dict[str, str] | None = None) -> None:
        self.parent, child = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hivemind", *words],
            stdin=child,
            stdout=child,
            stderr=child,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40", **(env or {})},
            start_new_session=True,
        )
        os.close(child)
        self.seen = ""

    def read_until(self, wanted: str, *, timeout_s: float = 30) -> str:
        """Read until a text is shown; give what was shown since the last time."""
        ends, piece = time.monotonic() + timeout_s, ""
        while wanted not in piece:
            assert time.monotonic() < ends, f"{wanted!r} is not shown, but:\n{piece}"
            if select.select([self.parent], [], [], 0.2)[0]:
                try:
                    read = os.read(self.parent, 65_536)
                except OSError:
                    read = b""
                assert read, f"it ended without {wanted!r}:\n{piece}"
                piece += read.decode("utf-8", "replace")
        self.seen += piece
        return piece

    def press(self, key: str) -> None:
        """Press a key once the command waits for one; what is typed before that is dropped."""
        ends = time.monotonic() + 30
        while termios.tcgetattr(self.parent)[3] & termios.ICANON:
            assert time.monotonic() < ends, "it waits for no key"
            time.sleep(0.02)
        os.write(self.parent, key.encode())

    def type_line(self, text: str) -> None:
        """Type a line."""
        os.write(self.parent, f"{text}\n".encode())

    def end(self) -> int:
        """Wait for the command to end."""
        code = self.process.wait(timeout=30)
        os.close(self.parent)
        return code


ASKED = "[q]uit ? "


def test_on_a_terminal_one_key_is_enough(tmp_path: Path) -> None:
    """Wrong key, rejection with a reason, undo, an edit in the editor, approval; each at one key."""
    with library() as workspace:
        shows(workspace, "first")
        waits(workspace)
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nsed -i.bak 's/make test/make check/' \"$1\"\n")
    editor.chmod(0o755)
    terminal = _Terminal("review", env={"VISUAL": str(editor), "EDITOR": str(editor)})
    first = terminal.read_until(ASKED)
    assert "━━ 1 of 1: shop-checks" in first
    terminal.press("x")
    assert "press a, e, r, s, u or q" in terminal.read_until(ASKED)
    terminal.press("r")
    terminal.read_until("why?")
    terminal.type_line("not yet")
    assert "rejected, version 1" in terminal.read_until(ASKED)
    terminal.press("u")
    assert "is candidate, version 1, again" in terminal.read_until(ASKED)
    terminal.press("r")
    terminal.read_until("why?")
    terminal.type_line("")
    terminal.read_until(ASKED)
    terminal.press("q")
    terminal.read_until("no skill waits for you now")
    assert terminal.end() == 0
    assert stands() == ("rejected", 1)
    run("skills", "undo", "shop-checks")
    terminal = _Terminal("review", env={"VISUAL": str(editor), "EDITOR": str(editor)})
    terminal.read_until(ASKED)
    terminal.press("e")
    assert "version 2" in terminal.read_until(ASKED)
    terminal.press("u")
    assert "is candidate, version 1, again" in terminal.read_until(ASKED)
    terminal.press("a")
    terminal.read_until(ASKED)
    terminal.press("q")
    terminal.read_until("no skill waits for you now")
    assert terminal.end() == 0
    assert stands() == ("active", 1)


def test_what_changed_meanwhile_is_not_decided_on() -> None:
    """Another process rejects the skill while it is looked at; an interrupt ends the walk."""
    with library() as workspace:
        waits(workspace)
    terminal = _Terminal("review")
    terminal.read_until(ASKED)
    run("skills", "reject", "shop-checks")
    terminal.press("a")
    assert "changed meanwhile" in terminal.read_until(ASKED)
    terminal.press("\x03")
    assert terminal.end() == 130
    assert stands() == ("rejected", 1)
