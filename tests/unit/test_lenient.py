"""A stranger's SKILL.md is read as agents read it, and what was changed is said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivemind.errors import HivemindError
from hivemind.library import document, lenient
from hivemind.library.gates import spec
from hivemind.library.gates.base import GateContext


def read(frontmatter: str, body: str = "Put things away.") -> lenient.Read:
    """Read a file in the folder `tidy-up`."""
    return lenient.read(f"---\n{frontmatter}\n---\n\n{body}\n", folder="tidy-up")


def test_what_is_as_specified_is_read_as_ever() -> None:
    """Nothing is changed and nothing is said."""
    text = "---\nname: tidy-up\ndescription: Tidies. Use when full.\n---\n\nPut things away.\n"
    assert lenient.read(text, folder="x") == lenient.Read(parsed=document.inspect(text))


def test_unquoted_colons_are_text() -> None:
    """Also where a description goes on over several lines."""
    got = read(
        "name: tidy-up\ndescription: Tidies: all of it\n  and more. Use when: full # now\nlicense: MIT"
    )
    assert got.parsed.document.description == "Tidies: all of it and more. Use when: full # now"
    assert got.parsed.document.license == "MIT"
    assert [note.blocking for note in got.notes] == [False]


def test_nested_metadata_becomes_texts() -> None:
    """Dots join the names, lists become one text."""
    got = read(
        "name: a\ndescription: d\nmetadata:\n  by: me\n  deep:\n    tags: [x, y]\n    more:\n      - n: 1"
    )
    assert got.parsed.document.metadata == {"by": "me", "deep.tags": "x, y", "deep.more.1.n": "1"}
    assert "nested" in got.notes[0].message


def test_names_and_descriptions_are_found() -> None:
    """The folder names the skill, and its first paragraph says what it is."""
    got = read("version: 1", body="# Title\n\nTidies the desk.\nWhen full.\n\nMore.")
    assert (got.parsed.document.name, got.parsed.document.description) == (
        "tidy-up",
        "Tidies the desk. When full.",
    )
    assert read("name: My Skill!\ndescription: d").parsed.document.name == "my-skill"
    assert read("name: 你好\ndescription: d").parsed.document.name == "tidy-up"


@pytest.mark.parametrize("frontmatter", ["name: [a", "- a\n- b", "name: &x a\ndescription: *x", "a: 1\na: 2"])
def test_what_no_reader_takes_is_refused(frontmatter: str) -> None:
    """What could be read in two ways is not guessed at."""
    with pytest.raises(HivemindError):
        read(frontmatter)


@given(st.text(max_size=300), st.text(max_size=60))
def test_any_text_is_read_or_refused(frontmatter: str, body: str) -> None:
    """What is read passes through our own writer and reader, and its name is in form."""
    try:
        found = read(frontmatter, body).parsed.document
    except HivemindError:
        return
    assert document.parse(document.render(found)) == found
    assert not any("The name" in f.message for f in spec.check(found, GateContext()) if f.blocking)
