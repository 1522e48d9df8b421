"""Edits of YAML text: what changes, what must not, and what is refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from hivemind.agents.base import FileChange
from hivemind.agents.editing.edits import same
from hivemind.agents.editing.files import apply_changes
from hivemind.agents.editing.receipts import SettingsPart, plan_unwire, plan_wire
from hivemind.agents.editing.yaml_edit import MAX_BYTES, Document, parse
from hivemind.errors import HivemindError

PATH = Path("/home/someone/config.yaml")
HOOK = {"command": '/opt/it\'s "here"/python -I hook.py || true', "timeout": 5}
SERVER = {"command": "python", "args": ["-m", "hivemind"], "env": {"HOME": "/d"}}
EXAMPLES = 30  # reading YAML is slow
UNHURRIED = settings(
    deadline=None,
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

LAYOUTS = [
    "",
    "\n",
    "# nothing yet",
    "---\n",
    "model: x",
    "model:\n    default: x # the model\n\n# servers\nmcp_servers:\n    other:\n        command: x\n",
    "hooks: {}\nmodel: x\n",
    "hooks:\n  pre_llm_call: [] # none\n",
    "hooks: {pre_llm_call: [{command: x}], }\n",
    "hooks:\n  pre_llm_call:\n  - command: x\n    timeout: 1\n\n  # next\n  on: []\n",
    "\ufeffhooks:\r\n    pre_llm_call:\r\n      - command: x\r\n\r\n# end\r\n",
    "{}",
    '{\n  "hooks": {\n    "pre_llm_call": [\n      1, # one\n      2 # two\n    ]\n  }\n}\n',
    "%YAML 1.1\n---\na: &x [1]\nb: *x\n...\n",
    "a: |+\n  text\n\n\n",
    "a: >-\n  text\n\n\n# c\n",
    "a: 'x\n\n  y' # c\n",
    "base: &b\n  k: 1\nhooks:\n  <<: *b\n",
    "? hooks\n: pre_llm_call:\n  - command: x\n",
    "hooks: !!map\n  pre_llm_call: &a\n  - command: x\n",
    "a:\n- - 1\n  - 2\n",
]


def _parse(text: str) -> Document:
    return parse(text.encode(), path=PATH)


def _undone(document: Document) -> str:
    text = document.text
    for edit in reversed(document.edits):
        text = edit.reverse().apply(text)
    return text


def _add(document: Document) -> Document:
    document = document.append(("hooks", "pre_llm_call"), HOOK).append(("hooks", "on_session_end"), HOOK)
    return document.set(("mcp_servers", "hivemind"), SERVER)


def _strip(document: Document) -> Document:
    for event in ("pre_llm_call", "on_session_end"):
        document = document.remove_where(("hooks", event), lambda value: value == HOOK)
    return document.remove_where(("mcp_servers",), lambda value: value == SERVER)


def _part(folder: Path) -> SettingsPart[Document]:
    return SettingsPart(
        agent="hermes",
        path=folder / "config.yaml",
        data_dirs=lambda value: [folder / "data"] if "mcp_servers" in value else [],
        strip=_strip,
        parse=parse,
    )


def _apply(changes: list[FileChange], folder: Path) -> None:
    apply_changes(changes, backup_dir=folder / "backups")


def _install(folder: Path) -> None:
    changes = plan_wire(
        _part(folder),
        data_dir=folder / "data",
        is_wired=lambda value: "hivemind" in (value.get("mcp_servers") or {}),
        add=_add,
    )
    _apply(changes, folder)


def _uninstall(folder: Path) -> None:
    _apply(plan_unwire(_part(folder)), folder)


def _round_trip(folder: Path, text: str) -> None:
    file = folder / "config.yaml"
    file.write_bytes(text.encode())
    before = _parse(text).value
    _install(folder)
    assert _parse(file.read_bytes().decode()).value["hooks"]["on_session_end"] == [HOOK]
    _uninstall(folder)
    assert file.read_bytes() == text.encode()
    assert list((folder / "data" / "installs").iterdir()) == []
    _install(folder)
    installed = file.read_bytes()
    # No blank line, which would be part of a block scalar that keeps those after it.
    file.write_bytes(installed + (b"# theirs" if installed.endswith(b"\n") else b"\n# theirs"))
    _uninstall(folder)
    left = file.read_bytes().decode()
    assert same(_parse(left).value, before, ordered=True)
    assert "".join(left.split()) == "".join(f"{text}\n# theirs".split())


@pytest.mark.parametrize("text", LAYOUTS)
def test_uninstalling_restores_every_byte(tmp_path: Path, text: str) -> None:
    """Undone exactly while the file is as we left it; after a foreign edit, only white space may differ."""
    _round_trip(tmp_path, text)


SCALARS = [
    "1",
    "x y",
    "'it''s # no'",
    '"a\\n: b"',
    "~",
    "",
    "yes",
    "1.5",
    "!!str 1",
    "{a: 1, b: [x, 'y'] }",
    "[]",
]
SCALARS += [
    "{a: 1, b: [x, 'y'] }",
    "[ a, b, ]",
    "{\n          a: 1, # c\n          b: }",
    "/a:b",
    "2001-01-01",
    "é😀",
]
ENDS = ["", "", "", " # c", "  # {[|- c"]
BETWEEN = ["", "", "", "\n", "# c: d\n", "\n  # c\n\n", "      # - deep\n"]


class _Writer:
    """Write block style with what draws decide: indentation, comments, blank lines, spellings."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.unit = draw(st.integers(1, 4))
        self.dash = draw(st.integers(0, 3))

    def pick(self, options: list[str]) -> str:
        return self.draw(st.sampled_from(options))

    def mapping(self, column: int, depth: int, *, names: list[str]) -> str:
        keys = self.draw(st.lists(st.sampled_from(names), unique=True, min_size=1, max_size=4))
        text = ""
        for key in keys:
            inner = ["pre_llm_call", "on_session_start", "other"] if key == "hooks" else ["a", "b", "'c d'"]
            body = self.body(column, depth, key, inner)
            text += f"{self.pick(BETWEEN)}{' ' * column}{key}:{body}"
        return text

    def body(self, column: int, depth: int, key: str, inner: list[str]) -> str:
        end = self.pick(ENDS) + "\n"
        kinds = {"hooks": ["map", "{}"], "mcp_servers": ["map", "{}"], "pre_llm_call": ["seq", "[]"]}
        kind = self.pick(kinds.get(key, ["map", "seq", "text", "leaf", "leaf"]))
        if kind in ("{}", "[]"):
            return f" {kind}{end}"
        if kind == "leaf" or depth == 0:
            leaf = "[1]" if key == "pre_llm_call" else "{}" if key in kinds else self.pick(SCALARS)
            return f" {leaf}{end}" if leaf else end
        if kind == "text":
            header = self.pick(["|", ">-", "|+"])
            pad = " " * (column + 2)
            return f" {header}\n{pad}one\n\n{pad}# two\n" + self.pick(["", "\n"])
        if kind == "map":
            return end + self.mapping(column + self.unit, depth - 1, names=inner)
        return end + self.sequence(column + self.dash, depth - 1)

    def sequence(self, column: int, depth: int) -> str:
        text = ""
        for _ in range(self.draw(st.integers(1, 3))):
            text += f"{self.pick(BETWEEN)}{' ' * column}-"
            if depth > 0 and self.draw(st.booleans()):
                member = self.mapping(column + 2, depth - 1, names=["command", "timeout", "a"])
                is_compact = member.startswith(" " * (column + 2)) and member[column + 2] not in " #\n"
                text += " " + member[column + 2 :] if is_compact else "\n" + member
            else:
                leaf = self.pick(SCALARS)
                text += f" {leaf}{self.pick(ENDS)}\n" if leaf else "\n"
        return text


@st.composite
def layouts(draw: st.DrawFn) -> str:
    """Generate YAML in block style, with some flow style in it."""
    writer = _Writer(draw)
    text = writer.mapping(0, 4, names=["hooks", "mcp_servers", "model", "x", '"y"'])
    text = draw(st.sampled_from(["", "", "# top\n", "---\n", "%YAML 1.1\n---\n"])) + text
    text += writer.pick(BETWEEN)
    # Where a block scalar ends without a line end, a line after it would give it one.
    text = text.removesuffix("\n") if draw(st.booleans()) and not {"|", ">"} & set(text) else text
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    return draw(st.sampled_from(["", "\ufeff"])) + text


@UNHURRIED
@given(text=layouts())
def test_uninstalling_restores_generated_settings(tmp_path: Path, text: str) -> None:
    """The round trip holds for any layout, and no install is refused."""
    _round_trip(tmp_path, text)


@UNHURRIED
@given(text=layouts(), data=st.data())
def test_anything_can_be_removed(text: str, data: st.DataObject) -> None:
    """Removing any member or element leaves all the others as they were, and can be undone."""
    document = _parse(text)
    path = data.draw(st.sampled_from([path for path in _paths(document) if path]))
    removed = document.drop(path)
    assert _undone(removed) == text
    assert len(_paths(removed)) < len(_paths(document))


def _paths(document: Document) -> list[tuple[Any, ...]]:
    def below(node: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        yield path
        for index, child in enumerate(node.children):
            yield from below(child, (*path, index if node.kind == "seq" else child.key))

    return list(below(document.root, ())) if document.root else [()]


@UNHURRIED
@given(text=layouts(), data=st.data())
def test_a_damaged_file_is_read_or_refused(text: str, data: st.DataObject) -> None:
    """With one character put in or taken out, a file is edited rightly or refused, and can be put back."""
    at = data.draw(st.integers(0, len(text)))
    put = data.draw(st.sampled_from([*"\t:-?{}[],&*!|>'\"%@` \n#\u2028\x85", "<<: *", "--- ", "&a ", "*a "]))
    damaged = text[:at] + put + text[at + data.draw(st.integers(0, 1)) :]
    try:
        document = _add(_parse(damaged))
    except HivemindError as error:
        assert error.slug in ("settings-unparseable", "settings-shape")  # noqa: PT017 -- either is right here
    else:
        assert _undone(document) == damaged


@UNHURRIED
@given(st.text().map(lambda text: text.encode("utf-8", "replace")) | st.binary())
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """Whatever the bytes, they are read or refused, and nothing else is raised."""
    try:
        document = parse(data, path=PATH)
    except HivemindError as error:
        assert error.slug == "settings-unparseable"  # noqa: PT017 -- either way is right here
    else:
        assert document.encode() == data


@UNHURRIED
@given(key=st.text(max_size=200), value=st.text())
@pytest.mark.parametrize("text", ["a: 1\n", "t: {}\n", "t: [{}]\nu:\n  - 1\n"])
def test_any_text_can_be_a_key_and_a_value(text: str, key: str, value: str) -> None:
    """Keys and strings are quoted so that another reader of YAML reads them back as they were."""
    added = {"n": [value, {key: value}], key: value}
    document = _parse(text).set(("u" if "u" not in text else "v", key), added)
    read = YAML(typ="safe", pure=True).load(document.text)
    assert added in [inner for outer in read.values() if isinstance(outer, dict) for inner in outer.values()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "k:\n  a:\n    - 1\n"),
        ("# c", "# c\nk:\n  a:\n    - 1\n"),
        ("x: 1", "x: 1\nk:\n  a:\n    - 1"),
        ("k:\n  a:\n  - 0 # zero\n\n# x\nx: 1\n", "k:\n  a:\n  - 0 # zero\n  - 1\n\n# x\nx: 1\n"),
        ("x:\n- 0\nk: {}\n", "x:\n- 0\nk: {a: [1]}\n"),
        ("x:\n    y:\n    - 0\nk:\n    b: 1\n", "x:\n    y:\n    - 0\nk:\n    b: 1\n    a:\n    - 1\n"),
        ("k: # here\n\n# x\nx: 1\n", "k: # here\n  a:\n    - 1\n\n# x\nx: 1\n"),
        ("k: null # here\n", "k: # here\n  a:\n    - 1\n"),
        ("k:\r\n  a: ~\r\n", "k:\r\n  a:\r\n    - 1\r\n"),
        ("{k: {a: }, x: 1}", "{k: {a: [1]}, x: 1}"),
        ("{k: {a: null }, x: 1}", "{k: {a: [1] }, x: 1}"),
        ("k: {a: [\n  0, # zero\n]}\n", "k: {a: [\n  0, # zero\n  1,\n]}\n"),
        ("k: {a: [ # none\n]}\n", "k: {a: [ # none\n1]}\n"),
        ("k:\n a:\n   - - 0\n", "k:\n a:\n   - - 0\n   - 1\n"),
        ("x: |\n  text\n\n\n", "x: |\n  text\nk:\n  a:\n    - 1\n\n\n"),
        ("x: |+\n  text\n\n", "x: |+\n  text\n\nk:\n  a:\n    - 1\n"),
    ],
)
def test_new_text_follows_the_style_of_the_file(text: str, expected: str) -> None:
    """Indentation, newlines, comments and flow style are those of the file."""
    assert _parse(text).append(("k", "a"), 1).text == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [9]", "a: []"),
        ("a: [ 9, ]", "a: [  ]"),
        ("a: [9, 1]", "a: [1]"),
        ("a: [1, 9]", "a: [1]"),
        ("a: [1, 9,]", "a: [1,]"),
        ("a: [9, # c\n  1]", "a: [ # c\n  1]"),
        ("a: [1, # c\n  9]", "a: [1 # c\n  ]"),
        ("a: {b: 9, c: 1}", "a: {c: 1}"),
        ("a:\n- 9\n- 1\n", "a:\n- 1\n"),
        ("a:\n  - 1\n  - 9", "a:\n  - 1"),
        ("a:\n  - 1\n  - 9 # c\n", "a:\n  - 1\n   # c\n"),
        ("a:\n  # c\n  - 9\nb: 1\n", "a: []\n  # c\nb: 1\n"),
        ("a: # c\n  b: 9", "a: {} # c"),
        ("a: &x\n  b: 9\n", "a: &x {}\n"),
        ("a:\n  b: 9\n  c: 1\n", "a:\n  c: 1\n"),
        ("a:\n  b: 1\n\n  # c\n  c: 9\n\n# d\n", "a:\n  b: 1\n\n  # c\n\n# d\n"),
    ],
)
def test_removal_takes_the_lines_of_an_entry(text: str, expected: str) -> None:
    """An entry goes with its comma or its lines; comments stay, and so does an empty container."""
    assert _parse(text).remove_where(("a",), lambda value: value == 9).text == expected


def test_the_first_key_of_an_element_can_be_removed() -> None:
    """What shares its line with the dash goes without the dash."""
    document = _parse("a:\n  - b: 1\n    c: 2\n  - d: 3\n")
    assert document.drop(("a", 0, "b")).text == "a:\n  - c: 2\n  - d: 3\n"
    assert document.drop(("a", 1, "d")).text == "a:\n  - b: 1\n    c: 2\n  - {}\n"


def test_a_key_without_a_value_is_left_an_empty_container() -> None:
    """Once others have changed the file, what was null before us is empty after us, and stays."""
    document = _parse("hooks:\nx: 1\n").append(("hooks", "on"), HOOK)
    assert document.created == (("hooks", "on"),)
    assert document.drop(("hooks", "on")).text == "hooks: {}\nx: 1\n"


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("t: {}\n", True),
        ("t: [ ]\n", True),
        ("t: &a {}\n", True),
        ("t: {} # c\n", True),
        ("t: { # c\n}\n", False),
        ("t:\n", False),
        ("t: x\n", False),
        ("t: {a: }\n", False),
        ("a: &a {}\nt: *a\n", False),
        ("", False),
    ],
)
def test_a_container_with_a_comment_is_not_bare(text: str, bare: bool) -> None:
    """What holds a value or a comment is not taken for one that may go."""
    assert _parse(text).is_bare(("t",)) is bare


@pytest.mark.parametrize(
    "text",
    [
        "- hooks\n",
        "x\n",
        "hooks: 1\n",
        "hooks: []\n",
        "hooks: {pre_llm_call: {}}\n",
        "hooks:\n  pre_llm_call: x\n",
        "a: &a {}\nhooks: *a\n",
        "a: &a\n  pre_llm_call: [1]\nhooks:\n  <<: *a\n",
        "a: &a\n  - 1\nhooks:\n  pre_llm_call: *a\n",
        "hooks: &a\n  pre_llm_call: [1]\ncopy: *a\n",
        "hooks:\n  pre_llm_call: &a []\nb: *a\n",
        "hooks: &a\nb: 1\n",
        "x: |\n  text without an end",
        "--- []\n...\n# end\n",
    ],
)
def test_an_unexpected_shape_is_refused(text: str) -> None:
    """Where something else is, or where a change would reach further than ours, nothing is overwritten."""
    with pytest.raises(HivemindError) as caught:
        _parse(text).append(("hooks", "pre_llm_call"), HOOK)
    assert caught.value.slug == "settings-shape"
    assert caught.value.hint


def test_what_an_alias_needs_is_not_removed() -> None:
    """An entry with an anchor that is used elsewhere cannot go."""
    with pytest.raises(HivemindError) as caught:
        _parse("a: [&x 9]\nb: *x\n").drop(("a", 0))
    assert caught.value.slug == "settings-shape"


def test_values_are_decoded_as_hermes_reads_them() -> None:
    """Scalars follow YAML 1.1; a merge counts, and what no plain type fits stays text."""
    text = "{a: yes, b: 'yes', c: 1_0, d: -.inf, e: 0o7, f: 2001-01-01, g: !!str 1, h: ~, i: 1e3, j: 1.5e+3}"
    assert _parse(text).value == {
        "a": True,
        "b": "yes",
        "c": 10,
        "d": float("-inf"),
        "e": "0o7",
        "f": "2001-01-01",
        "g": "1",
        "h": None,
        "i": "1e3",
        "j": 1500.0,
    }
    merged = _parse("a: &a {x: 1, y: 1}\nb: &b {y: 2}\nc:\n  <<: [*a, *b]\n  x: 3\n").value["c"]
    assert list(merged.items()) == [("y", 1), ("x", 3)] or merged == {"x": 3, "y": 1}


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"a: 1\na: 2\n", "line 2, column 1: this key is given twice"),
        (b"a: {b: 1, 'b': 2}\n", "line 1, column 11: this key is given twice"),
        (b"a: 1\n---\nb: 2\n", "line 2, column 1: a second document begins"),
        (b"a: [", "line 1, column 5"),
        (b"a: 1\n\tb: 2\n", "line 2, column 1"),
        (b"\xef\xbb\xbfa: b: c\n", "line 1, column 5"),
        (b"a: *x\n", "line 1, column 4: this alias has no anchor before it"),
        (b"a: &x [*x]\n", "line 1, column 8: this alias is inside of what it stands for"),
        (b"a: !!python/object/apply:os.system [id]\n", "line 1, column 4: the tag"),
        (b"a: !mine 1\n", "line 1, column 4: the tag !mine"),
        (b"[a]: 1\n", "line 1, column 1: a key is not a plain value"),
        (b"<<: 1\n", "line 1, column 5: this is not something to merge"),
        (b"a: \x00\n", "line 1, column 4"),
        (b"a: 1\n\xff", "is not UTF-8 at line 2, column 1"),
        (b"[" * 10_000, "more than 200 containers are in each other"),
        (b"- " * 10_000, "more than 200 containers are in each other"),
        (b"{a: " * 10_000, "more than 200 containers are in each other"),
        (b" " * (MAX_BYTES + 1), "larger than 4 MiB"),
    ],
)
def test_what_cannot_be_parsed_is_refused_with_its_place(data: bytes, problem: str) -> None:
    """A refusal names the file, the line and the column, and says what to do."""
    with pytest.raises(HivemindError) as caught:
        parse(data, path=PATH)
    assert caught.value.slug == "settings-unparseable"
    assert str(PATH) in caught.value.message
    assert problem in caught.value.message
    assert caught.value.hint


def test_aliases_that_multiply_are_refused() -> None:
    """Aliases of aliases that stand for more values than anybody writes are not followed."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    with pytest.raises(HivemindError, match="with aliases followed"):
        _parse("\n".join(lines))


def test_a_number_with_very_many_digits_is_kept() -> None:
    """A number longer than Python converts is carried through as it is written."""
    digits = "7" * 5000
    assert digits in _parse(f"n: {digits}\n").append(("a",), 1).text


def test_a_path_that_is_no_text_is_refused() -> None:
    """A folder whose name is not UTF-8 cannot be written into a settings file."""
    with pytest.raises(HivemindError) as caught:
        _parse("").set(("t",), {"command": "/\udcff"})
    assert caught.value.slug == "settings-encoding"
