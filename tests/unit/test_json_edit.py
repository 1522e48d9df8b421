"""Edits of JSON text: what changes, what must not, and what is refused."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, reject, settings
from hypothesis import strategies as st

from hivemind.agents.editing.edits import MAX_BYTES
from hivemind.agents.editing.json_edit import Document, parse
from hivemind.agents.editing.json_scan import MAX_DEPTH
from hivemind.errors import HivemindError

PATH = Path("/home/someone/settings.json")
MINE = {"mine": ["x"]}
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # busy machines

BLANKS = st.sampled_from(
    [
        "",
        "",
        " ",
        "\n",
        "\t",
        "\r\n",
        "\n  ",
        "\n\t\t",
        " /* c, ]} */ ",
        '// c "]}\n',
        "\r\n// é\r\n  ",
        "/*\n*/",
    ]
)
LEAVES = st.one_of(
    st.sampled_from(
        ["1.0e3", "-0", "1E+2", "true", "false", "null", r'"\u00e9\/"', r'"\ud83d\ude00"', '"//"', '"/*"']
    ),
    st.text().map(lambda text: json.dumps(text, ensure_ascii=False).replace("\ud800", "")),
    st.integers().map(str),
)
KEYS = st.sampled_from(['"hooks"', '"Stop"', '"a"', '"b"', r'"\u0061"', '"mine"', '""'])


def _joined(opening: str, closing: str) -> Callable[[list[str]], st.SearchStrategy[str]]:
    def join(members: list[str]) -> st.SearchStrategy[str]:
        gaps = st.lists(BLANKS, min_size=len(members) + 2, max_size=len(members) + 2)
        trailing = st.booleans()
        return st.tuples(gaps, trailing).map(lambda drawn: _text(opening, closing, members, *drawn))

    return join


def _text(opening: str, closing: str, members: list[str], gaps: list[str], trailing: bool) -> str:
    inner = ",".join(gap + member for gap, member in zip(gaps, members, strict=False))
    comma = "," if trailing and members else ""
    return f"{opening}{inner}{gaps[-2]}{comma}{gaps[-1]}{closing}"


def _member(value: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(KEYS, BLANKS, BLANKS, value, BLANKS).map(lambda p: f"{p[0]}{p[1]}:{p[2]}{p[3]}{p[4]}")


def objects(value: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Generate the text of objects; the same key may come twice."""
    return st.lists(_member(value), max_size=4).flatmap(_joined("{", "}"))


def arrays(value: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Generate the text of arrays."""
    elements = st.tuples(value, BLANKS).map("".join)
    return st.lists(elements, max_size=4).flatmap(_joined("[", "]"))


VALUES = st.recursive(LEAVES, lambda inner: objects(inner) | arrays(inner), max_leaves=8)
DOCUMENTS = st.tuples(st.sampled_from(["", "\ufeff"]), BLANKS, objects(VALUES), BLANKS).map("".join)


def _parse(text: str) -> Document:
    return parse(text.encode(), path=PATH)


def _undone(document: Document) -> str:
    text = document.text
    for edit in reversed(document.edits):
        text = edit.reverse().apply(text)
    return text


def _added(text: str) -> Document:
    """Insert as an install does; documents with another shape where we insert are passed over."""
    try:
        return _parse(text).append(("hooks", "Stop"), MINE).set(("servers", "mine"), MINE)
    except HivemindError as error:
        if error.slug != "settings-shape":
            raise
        return reject()


@UNHURRIED
@given(DOCUMENTS)
def test_edits_are_undone_exactly(text: str) -> None:
    """Undoing the edits of an insertion gives every byte back, whatever the white space and comments."""
    assert _undone(_added(text)) == text


@UNHURRIED
@given(DOCUMENTS)
def test_inserting_changes_only_the_value_asked_for(text: str) -> None:
    """An insertion adds its own value and leaves every other value as it was."""
    expected = _parse(text).value
    after = _added(text).value
    expected.setdefault("hooks", {}).setdefault("Stop", []).append(MINE)
    expected.setdefault("servers", {})["mine"] = MINE
    assert after == expected


@UNHURRIED
@given(DOCUMENTS)
def test_removing_what_was_inserted_restores_the_values_and_comments(text: str) -> None:
    """Removal by predicate takes out our values alone, and keeps all comments and spellings."""
    document = _added(text)
    document = document.remove_where(("hooks", "Stop"), lambda value: value == MINE)
    document = document.remove_where(("servers",), lambda value: value == MINE)
    for keys in reversed(document.created):
        node = document.at(keys)
        if keys and node is not None and document.is_bare(keys):
            document = document.remove(node)
    assert document.value == _parse(text).value
    assert _ink(document.text) == _ink(text)


def _ink(text: str) -> str:
    return "".join(text.split())


@UNHURRIED
@given(DOCUMENTS, st.data())
def test_any_member_can_be_removed(text: str, data: st.DataObject) -> None:
    """Removing any one member leaves JSON, with the same siblings in the same order."""
    document = _parse(text)
    parents = [node for node in _all(document) if node.children]
    assume(parents)
    index = data.draw(st.integers(0, len(parents) - 1))
    node = data.draw(st.sampled_from(parents[index].children))
    removed = document.remove(node)
    siblings = [child.value for child in parents[index].children if child is not node]
    assert _undone(removed) == text
    assert siblings in [[child.value for child in parent.children] for parent in _all(removed)]


def _all(document: Document) -> list[Any]:
    nodes = [document.root] if document.root else []
    for node in nodes:
        nodes.extend(node.children)
    return nodes


@UNHURRIED
@given(st.text().map(lambda text: text.encode("utf-8", "replace")) | st.binary())
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """Whatever the bytes, the scanner reads them or refuses, and raises nothing else."""
    try:
        document = parse(data, path=PATH)
    except HivemindError as error:
        assert error.slug == "settings-unparseable"  # noqa: PT017 -- either way is right here
    else:
        assert document.encode() == data


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@UNHURRIED
@given(JSON, st.data())
def test_damaged_json_is_judged_as_python_judges_it(value: Any, data: st.DataObject) -> None:
    """With one character changed, text is accepted exactly when Python accepts it, our extras aside."""
    text = json.dumps(value, indent=data.draw(st.sampled_from([None, 2])), ensure_ascii=False)
    at = data.draw(st.integers(0, len(text)))
    put = data.draw(st.sampled_from(',:"[]{}0-.e\\ \n/t'))
    damaged = text[:at] + put + text[at + data.draw(st.integers(0, 1)) :]
    assume(damaged.strip() and not re.search(r",\s*[\]}]|//", damaged))
    assert _judged(lambda: _parse(damaged).value) == _judged(lambda: json.loads(damaged))


def _judged(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except (HivemindError, ValueError):
        return "refused"


@UNHURRIED
@given(JSON)
def test_strict_json_is_read_as_python_reads_it(value: Any) -> None:
    """Decoded values are those of the standard library, whichever way they are printed."""
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=3)):
        assert _parse(text).value == value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", '{\n  "k": {\n    "a": [\n      1\n    ]\n  }\n}'),
        ("", '{\n  "k": {\n    "a": [\n      1\n    ]\n  }\n}\n'),
        ('{"x":1}', '{"x":1,"k":{"a":[1]}}'),
        ('{"x": 1}\n', '{"x": 1, "k": {"a": [1]}}\n'),
        ('{"k":{"a":[0]}}', '{"k":{"a":[0,1]}}'),
        ('{"k":{"a":[0,]}}', '{"k":{"a":[0,1,]}}'),
        ('{"k":{"a":[ ]}}', '{"k":{"a":[1]}}'),
        (
            '{\r\n\t"k": {\r\n\t\t"a": []\r\n\t}\r\n}',
            '{\r\n\t"k": {\r\n\t\t"a": [\r\n\t\t\t1\r\n\t\t]\r\n\t}\r\n}',
        ),
        (
            '{\n    "x": 1 // one\n}',
            '{\n    "x": 1, // one\n    "k": {\n        "a": [\n            1\n        ]\n    }\n}',
        ),
        ('{"k": {"a": [\n  0, // zero\n]}}', '{"k": {"a": [\n  0, // zero\n  1,\n]}}'),
        ('{\n "k": {\n  // empty\n }\n}', '{\n "k": {\n  // empty\n  "a": [\n   1\n  ]\n }\n}'),
        ('\ufeff{"x":1}', '\ufeff{"x":1,"k":{"a":[1]}}'),
        ('{"k": 1, "k": {"a": [0]}}', '{"k": 1, "k": {"a": [0, 1]}}'),
    ],
)
def test_new_text_follows_the_style_of_the_file(text: str, expected: str) -> None:
    """Indentation, newlines, spacing, trailing commas and comments are those of the file."""
    assert _parse(text).append(("k", "a"), 1).text == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[9]", "[]"),
        ("[ 9, ]", "[]"),
        ("[9, 1]", "[1]"),
        ("[1, 9]", "[1]"),
        ("[1, 9, 2]", "[1, 2]"),
        ("[1, 9,]", "[1,]"),
        ("[\n  1,\n  9\n]", "[\n  1\n]"),
        ("[\n  9,\n  1\n]", "[\n  1\n]"),
        ("[1, // one\n 9]", "[1 // one\n ]"),
        ("[ // mine\n 9, 1]", "[ // mine\n 1]"),
        ("[9 /* a */, 1]", "[ /* a */ 1]"),
        ("[9, 9, 1, 9]", "[1]"),
    ],
)
def test_removal_takes_the_element_and_its_comma(text: str, expected: str) -> None:
    """An element goes with one comma and its white space; comments stay, and never swallow what follows."""
    document = _parse(f'{{"a":{text}}}').remove_where(("a",), lambda value: value == 9)
    assert document.text == f'{{"a":{expected}}}'


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b'{"a": 1', "line 1, column 8"),
        (b'{\n  "a": 1\n  "b": 2}', "line 3, column 3"),
        (b'\xef\xbb\xbf{"a" 1}', "line 1, column 6"),
        (b'{"a": 01}', "line 1, column 8"),
        (b"{\"a\": 'x'}", "line 1, column 7"),
        (b'{"a": "tab\there"}', "line 1, column 7"),
        (b'{"a": NaN}', "line 1, column 7"),
        (b"{} {}", "line 1, column 4"),
        (b'{"a": [1,,2]}', "line 1, column 10"),
        (b"{} /* open", "line 1, column 4"),
        (b'\r\n{"a": "\xff"}', "line 2, column 8"),
        (b'{"a": "\xed\xa0\x80"}', "line 1, column 8"),
        (rb'{"a": "\ud83d"}', "line 1, column 7"),
        ('{"a": 1}'.encode("utf-16"), "line 1, column 1"),
        (b"[" * 10_000 + b"]" * 10_000, f"line 1, column {MAX_DEPTH + 1}"),
        (b'{"a":' * 10_000, f"line 1, column {5 * MAX_DEPTH + 1}"),
    ],
)
def test_what_cannot_be_parsed_is_refused_with_its_place(data: bytes, place: str) -> None:
    """A refusal names the file, the line and the column, and says what to do."""
    with pytest.raises(HivemindError) as caught:
        parse(data, path=PATH)
    assert caught.value.slug == "settings-unparseable"
    assert str(PATH) in caught.value.message
    assert place in caught.value.message
    assert caught.value.hint


def test_a_huge_file_is_refused() -> None:
    """A file above the limit is refused before it is read as JSON."""
    with pytest.raises(HivemindError, match="larger than 32 MiB"):
        parse(b" " * (MAX_BYTES + 1), path=PATH)


def test_a_number_with_very_many_digits_is_kept() -> None:
    """A number longer than Python converts is carried through as it is written."""
    digits = "7" * 5000
    assert digits in _parse(f'{{"n": {digits}}}').append(("a",), 1).text


@pytest.mark.parametrize("text", ["[]", '{"a": {}}', '{"a": "x"}', '{"a": null}'])
def test_an_unexpected_shape_is_refused(text: str) -> None:
    """Where an array should be and something else is, nothing is overwritten."""
    with pytest.raises(HivemindError) as caught:
        _parse(text).append(("a",), 1)
    assert caught.value.slug == "settings-shape"
