"""SKILL.md: what is parsed, what is refused, and that rendering loses nothing."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from skills_ref import validate

from hivemind.domain.skills import SkillDocument
from hivemind.errors import HivemindError
from hivemind.library import document
from hivemind.library.document import content_hash, inspect, parse, render

HEAD = "---\nname: run-tests\ndescription: Use when testing.\n"
PLAIN = SkillDocument(name="run-tests", description="Use when testing.", body="Run `pytest`.")

#: Text with what YAML and Markdown give a meaning to.
hostile = st.text(max_size=80) | st.lists(
    st.sampled_from(
        [
            "---",
            "\n",
            "\r\n",
            ": ",
            " #",
            '"',
            "'",
            "\\",
            "{",
            "[",
            "&a",
            "*a",
            "!t",
            "  ",
            "…",
            "\x00",
            "yes",
        ]
    ),
    max_size=12,
).map("".join)
documents = st.builds(
    SkillDocument,
    name=hostile,
    description=hostile,
    body=hostile,
    license=hostile,
    compatibility=hostile,
    allowed_tools=hostile,
    metadata=st.dictionaries(hostile, hostile, max_size=4),
)


@given(documents)
@example(replace(PLAIN, description="  use --- for rules: “x” # not a comment\n---\n"))
@example(replace(PLAIN, body="\n---\r\n\n  indented\n\n"))
def test_parsing_gives_back_what_was_rendered(doc: SkillDocument) -> None:
    """Any document survives, whatever is in its fields, and its rendering and hash are stable."""
    again = parse(render(doc))
    assert again == doc
    assert render(again) == render(doc)
    assert content_hash(again) == content_hash(doc)


@given(st.text(max_size=300) | st.lists(hostile, max_size=8).map("\n".join).map(lambda t: f"---\n{t}\n---\n"))
def test_any_text_parses_or_is_refused(text: str) -> None:
    """Parsing raises nothing but a HivemindError."""
    with contextlib.suppress(HivemindError):
        assert parse(text).name is not None


@given(
    name=st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,8}){0,3}", fullmatch=True),
    description=hostile.map(lambda text: f"Use when {text}"),
    metadata=st.dictionaries(st.from_regex(r"[a-z.]{1,10}", fullmatch=True), hostile, max_size=3),
)
def test_rendered_documents_are_valid_skills(
    tmp_path_factory: pytest.TempPathFactory, name: str, description: str, metadata: dict[str, str]
) -> None:
    """The specification's own validator accepts every rendering, `---` in a value included."""
    folder = tmp_path_factory.mktemp("skill") / name
    folder.mkdir()
    doc = SkillDocument(name=name, description=description, body="Do it.", license="MIT", metadata=metadata)
    (folder / "SKILL.md").write_text(render(doc), encoding="utf-8")
    assert validate(folder) == []


def test_rendering_is_what_a_person_would_write() -> None:
    """Plain values stand without quotes, and the body after an empty line."""
    doc = replace(PLAIN, metadata={"hivemind.version": "1.10"})
    assert render(doc) == (
        "---\nname: run-tests\ndescription: Use when testing.\nmetadata:\n"
        '  hivemind.version: "1.10"\n---\n\nRun `pytest`.\n'
    )


def test_scalars_are_strings_as_written() -> None:
    """No value becomes a number, a date or a truth value."""
    doc = parse("---\nname: 1.10\ndescription: yes\nmetadata:\n  version: 2.0\n  on: 2026-01-01\n---\nx\n")
    assert (doc.name, doc.description) == ("1.10", "yes")
    assert doc.metadata == {"version": "2.0", "on": "2026-01-01"}


def test_foreign_files_are_read_leniently() -> None:
    """Unknown keys are named, lists of tools joined, a byte-order mark and Windows line ends accepted."""
    text = (
        "---\nname: a\ndescription: >\n  Use\n  it.\nversion: 2\nallowed-tools: [Bash, Read]\n---\n\nx\ny\n"
    )
    read = inspect("\ufeff" + text.replace("\n", "\r\n"))
    assert read.unknown_keys == ("version",)
    assert read.document.allowed_tools == "Bash Read"
    assert read.document.description == "Use it.\n"
    assert read.document.body == "x\ny"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "first line"),
        ("name: a\n", "first line"),
        (HEAD, "does not end"),
        ("---\n- a\n---\n", "not a map"),
        ("---\nname: a\n---\n", "no description"),
        (HEAD + "name: b\n---\n", "'name' twice"),
        (HEAD + "license: &a x\n---\n", "anchor"),
        (HEAD + "license: *a\n---\n", "alias"),
        (HEAD + "license: !!python/object:os.system x\n---\n", "tag"),
        (HEAD + "license: [a]\n---\n", "license is not a string"),
        (HEAD + "metadata:\n  a: {b: c}\n---\n", "'a' is not a string"),
        (HEAD + "metadata: 3\n---\n", "metadata is not a map"),
        (HEAD + "? [a]\n: b\n---\n", "key that is not a string"),
        (HEAD + "...\nb: c\n---\n", "several YAML documents"),
        ("---\n%YAML 1.1\n---\n", "not valid YAML"),
        (HEAD + "description\n---\n", "on line 4"),
        (HEAD + 'license: "\\U00110000"\n---\n', "not valid YAML"),
        (HEAD + 'license: "\\ud800"\n---\n', "not valid YAML"),
        (HEAD + "---\n\ud800", "no file can hold"),
        (HEAD + "x: " + "[" * 30_000 + "\n---\n", "nested"),
        (HEAD + "x: " + "y" * document.MAX_FRONTMATTER_CHARACTERS + "\n---\n", "frontmatter has"),
        ("-" * (document.MAX_CHARACTERS + 1), "1,048,577 characters"),
    ],
)
def test_what_is_not_a_skill_is_refused(text: str, named: str) -> None:
    """Each refusal says what is wrong, in bounded time."""
    start = time.perf_counter()
    with pytest.raises(HivemindError) as caught:
        parse(text)
    assert named in caught.value.message
    assert (caught.value.slug, bool(caught.value.hint)) == ("skill-unparseable", True)
    assert time.perf_counter() - start < 5


def test_the_hash_follows_the_content_not_the_format(tmp_path: Path) -> None:
    """Quotes and order change nothing; each field and the body do."""
    other = '---\ndescription: "Use when testing."\nname: run-tests\n---\nRun `pytest`.\n'
    assert content_hash(parse(other)) == content_hash(PLAIN)
    changed = [
        replace(PLAIN, body="Run `make`."),
        replace(PLAIN, name="x"),
        replace(PLAIN, description="x"),
        replace(PLAIN, license="MIT"),
        replace(PLAIN, compatibility="MIT"),
        replace(PLAIN, allowed_tools="MIT"),
        replace(PLAIN, metadata={"a": "b"}),
    ]
    assert len({content_hash(doc) for doc in [PLAIN, *changed]}) == 8
