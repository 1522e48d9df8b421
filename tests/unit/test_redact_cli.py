"""`hivemind redact` and a person's own rules."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Ran, run

from hivemind.capture.redaction import Redactor
from hivemind.capture.redaction.user_rules import user_rules
from hivemind.errors import HivemindError

TOKEN = "ghp_" + "9xQ2mWv7Lr4Tz1Bn8Kc5Yd3Hs6Jf0PgAeUoZ"
RULE = """
[[rules]]
id = "acme-badge"
regex = 'ACME-(?P<value>\\d{8})'
keywords = ["acme-"]
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Give Hivemind's folder with one rule in it."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "redaction.toml").write_text(RULE)
    return folder


def _redact(data: Path, *words: str) -> Ran:
    return run("redact", *words, env={"HIVEMIND_HOME": str(data), "HOME": str(data)})


def test_findings_are_shown_by_line_and_rule_and_never_by_value(data: Path, tmp_path: Path) -> None:
    """Both a shipped rule and the person's own count, and no secret is printed in any form."""
    file = tmp_path / "log.txt"
    file.write_text(f"one\ntoken {TOKEN} here\nbadge ACME-12345678\n")
    done = _redact(data, "--test", str(file))
    assert done.code == 0, done.err
    assert "line 2: github" in done.out
    assert "line 3: acme-badge: badge ACME-[REDACTED:acme-badge]" in done.out
    assert "2 secrets would be replaced" in done.out
    listed = _redact(data, "--json", str(file))
    assert [row["line"] for row in listed.json["findings"]] == [2, 3]
    text = _redact(data, str(file)).out
    assert text.startswith("one\ntoken [REDACTED:")
    for out in (done.out, listed.out, text):
        assert TOKEN not in out
        assert "12345678" not in out


def test_without_a_file_there_are_no_rules(tmp_path: Path) -> None:
    """Most people have none."""
    assert user_rules(tmp_path) == ()


@pytest.mark.parametrize(
    "text",
    [
        "[[rules]",
        "rules = 3",
        "rules = [1]",
        "[[rules]]\nid = 'x'",
        "[[rules]]\nid = 'x'\nregex = '('",
        "[[rules]]\nid = 'X y'\nregex = 'a'",
        "[[rules]]\nid = 'x'\nregex = 'a'\nkeyword = ['a']",
        "[[rules]]\nid = 'x'\nregex = 'a'\nkeywords = 'a'",
        "[[rules]]\nid = 'x'\nregex = 5",
        "[[rules]]\nid = 'x'\nregex = 'a'\nentropy = 'high'",
    ],
)
def test_a_rule_that_cannot_be_used_stores_nothing(text: str, data: Path, tmp_path: Path) -> None:
    """A typo is an error that says what is wrong, for the rules and for a backfill."""
    (data / "redaction.toml").write_text(text)
    with pytest.raises(HivemindError) as caught:
        Redactor(extra_rules=user_rules(data))
    assert caught.value.slug == "redaction-rule"
    assert caught.value.hint
    session = tmp_path / "s.jsonl"
    session.write_text('{"type":"user","sessionId":"s","message":{"content":"hi"}}\n')
    done = run("backfill", "--from", str(tmp_path), env={"HIVEMIND_HOME": str(data), "HOME": str(data)})
    assert done.code == 1
    assert "redaction" in done.err
