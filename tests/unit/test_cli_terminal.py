"""What a person sees: on a terminal of any width, in their words, and nothing that acts on the terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from claude_records import DEMO
from command_line import CONTROL, backfill_demo
from hypothesis import given
from hypothesis import strategies as st

from hivemind.cli import text
from hivemind.store import offers, problems, sessions, skills
from hivemind.store.database import open_database
from hivemind.store.glance import Glance, glance


def on_terminal(words: Sequence[str], *, columns: int = 80) -> tuple[str, str]:
    """Run a command with stdout and stderr each on a terminal of its own; give what each showed."""
    shown: dict[str, bytes] = {"out": b"", "err": b""}
    ends = {name: pty.openpty() for name in shown}

    def read(name: str) -> None:
        while True:
            try:
                piece = os.read(ends[name][0], 65_536)
            except OSError:  # Linux says so when the other end is closed
                return
            if not piece:
                return
            shown[name] += piece

    environment = {**os.environ, "COLUMNS": str(columns), "LINES": "40", "TERM": "xterm-256color"}
    process = subprocess.Popen(
        [sys.executable, "-m", "hivemind", *words],
        stdin=subprocess.DEVNULL,
        stdout=ends["out"][1],
        stderr=ends["err"][1],
        env=environment,
    )
    readers = [threading.Thread(target=read, args=(name,)) for name in shown]
    for _, child in ends.values():
        os.close(child)
    for reader in readers:
        reader.start()
    assert process.wait(timeout=60) == 0
    for reader in readers:
        reader.join(timeout=10)
    for parent, _ in ends.values():
        os.close(parent)
    return shown["out"].decode(), shown["err"].decode()


@pytest.fixture(scope="module")
def backfilled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Store the demo's sessions once."""
    return backfill_demo(tmp_path_factory.mktemp("backfilled"))


def _plain(shown: str) -> list[str]:
    return shown.replace("\x1b[1m", "").replace("\x1b[0m", "").replace("\r\n", "\n").splitlines()


@pytest.mark.parametrize("columns", [60, 80, 160])
@pytest.mark.parametrize(
    "words", ["skills list", "sessions list", "status", "skills show shop-api-checks", "demo"]
)
def test_lines_fit_the_terminal(
    words: str, columns: int, backfilled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No line is wider than the terminal but for words that are, such as paths."""
    monkeypatch.setenv("HIVEMIND_HOME", str(backfilled))
    out, _ = on_terminal(words.split(), columns=columns)
    for line in _plain(out):
        assert not CONTROL.search(line)
        assert len(line) <= columns or max(map(len, line.split())) > columns - 16


def test_a_bar_is_drawn_on_stderr_of_a_terminal(tmp_path: Path) -> None:
    """Progress goes where results do not, and is wiped away at the end."""
    for words in (["backfill", "--from", str(DEMO)], ["scan", "--from", str(DEMO)]):
        out, err = on_terminal(words)
        assert "sessions" in err
        assert "\x1b[?25l" in err
        assert "\x1b[?25l" not in out
        assert not CONTROL.search("\n".join(_plain(out)))


def test_a_wide_row_is_shown_as_lines(backfilled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a table does not fit, each column of a row has its own line."""
    monkeypatch.setenv("HIVEMIND_HOME", str(backfilled))
    out, _ = on_terminal(["sql", "select * from sessions limit 1"])
    lines = _plain(out)
    assert lines[0] == "── row 1"
    assert lines[1].split() == ["workspace_id", "default"]
    assert all(len(line) <= 80 for line in lines)


@given(st.text())
def test_printable_text_acts_on_no_terminal(given_text: str) -> None:
    """Whatever the text, a terminal shows it and does nothing."""
    assert not CONTROL.search(text.printable(given_text).replace("\t", ""))
    assert "\n" not in text.one_line(given_text, 40)
    assert len(text.one_line(given_text, 40)) <= 40


@given(st.text(alphabet="ab -\n", max_size=300), st.integers(20, 100))
def test_wrapping_keeps_every_word(given_text: str, width: int) -> None:
    """Wrapped text has the same words, on lines that fit unless one word does not."""
    shown = text.wrapped(given_text, width)
    assert shown.split() == given_text.split()
    for line in shown.split("\n"):
        assert len(line.rstrip()) <= width or len(line.split()) == 1


def test_wrapped_lines_hang_below_their_text() -> None:
    """A bullet's, a label's or an indented text's next lines begin where its first word does."""
    assert text.wrapped("- one two three four five", 20) == "- one two three four\n  five"
    assert text.wrapped("cost:  one two three four", 20) == "cost:  one two three\n       four"
    assert text.wrapped("    one two three four five", 20) == "    one two three\n    four five"


def test_tables_give_way_in_one_column() -> None:
    """The column that shrinks is cut to what is left; without a width nothing is."""
    rows = [["name", "what"], ["a", "x" * 30], ["店店", "y"]]
    assert text.laid_out(rows, width=None, shrink=1) == ["name  what", f"a     {'x' * 30}", "店店  y"]
    assert text.laid_out(rows, width=20, shrink=1) == ["name  what", f"a     {'x' * 13}…", "店店  y"]
    assert text.laid_out([["n"], ["10"], ["9"]], width=None, shrink=1, right={0}) == [" n", "10", " 9"]


@pytest.mark.parametrize(
    ("number", "wanted"), [(0, "0 sessions"), (1, "1 session"), (2, "2 sessions"), (1234, "1,234 sessions")]
)
def test_nouns_follow_their_number(number: int, wanted: str) -> None:
    """One session, two sessions."""
    assert text.count(number, "session") == wanted


@pytest.mark.parametrize(
    ("ago", "wanted"),
    [(5, "just now"), (90, "1 min ago"), (7_200, "2 h ago"), (200_000, "2 d ago"), (-60, "just now")],
)
def test_how_long_ago(ago: int, wanted: str) -> None:
    """A time is told in its largest unit; a clock that runs ahead is now."""
    assert text.ago(datetime.now(UTC) - timedelta(seconds=ago)) == wanted
    assert text.ago(None) == "never"


def test_sizes() -> None:
    """Sizes have a unit that suits them."""
    assert [text.bytes_text(n) for n in (0, 999, 1_000, 1_234_567, 5e9)] == [
        *("0 B", "999 B", "1.0 kB", "1.2 MB", "5.0 GB")
    ]


def test_a_glance_counts_what_the_store_counts(backfilled: Path, tmp_path: Path) -> None:
    """The quick counts of `status` are the store's own."""
    database = open_database(backfilled / "hivemind.db")
    with database.read() as workspace:
        totals = sessions.totals(workspace)
        wanted = Glance(
            sessions=totals["sessions"],
            events=totals["events"],
            transcripts=totals["transcripts"],
            offers=offers.total(workspace),
            problems=len(problems.recent(workspace, limit=1_000)),
            skills={str(s): n for s, n in skills.counts(workspace).items() if n},
        )
    database.close()
    assert glance(backfilled / "hivemind.db", "default") == wanted
    assert glance(backfilled / "hivemind.db", "other") == Glance()
    assert glance(tmp_path / "none.db", "default") == Glance()
