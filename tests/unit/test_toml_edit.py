"""Edits of TOML text: what changes, what must not, and what is refused."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from hivemind.agents.base import FileChange
from hivemind.agents.editing.edits import MAX_BYTES, same
from hivemind.agents.editing.files import apply_changes
from hivemind.agents.editing.receipts import SettingsPart, plan_unwire, plan_wire
from hivemind.agents.editing.toml_edit import Document, parse
from hivemind.errors import HivemindError

PATH = Path("/home/someone/config.toml")
SERVER = {"command": '/opt/it\'s "here"/python', "args": ["-m", "hivemind"], "env": {"HOME": "/d"}}
HOOK = ("hooks", "state", "/h/.codex/hooks.json:session_start:0:0")
TRUST = {"trusted_hash": "sha256:1"}
UNHURRIED = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)

LAYOUTS = [
    "",
    "\n",
    "# nothing yet",
    'model = "gpt"',
    'model = "gpt" # the model\n\n# servers\n[mcp_servers.other]\ncommand = "x"\n',
    "\ufeffmodel = 'x'\r\n\r\n[features]\r\nhooks_too = true\r\n",
    "[mcp_servers]\n\n[hooks]\n[features]\n",
    "[mcp_servers.other.env]\nA = 'b'\n[hooks.state]\n",
    "mcp_servers.other.command = 'x'\nfeatures.a = 1\n[z]\n",
    "[features] # here\n# on it\n\n[[profiles]]\nname = '[x]'\n\n\n",
    '[a]\nb = """\n[mcp_servers]\n"""" # c\nc = [ # d\n  1, {x = "]"},\n]',
    "[[hooks.Stop]]\n[[hooks.Stop.hooks]]\ncommand = 'x'\n",
    '["mcp_servers".\'other\']\n  command = "x"\n  [features]\n    b = 1\n',
]


def _parse(text: str) -> Document:
    return parse(text.encode(), path=PATH)


def _undone(document: Document) -> str:
    text = document.text
    for edit in reversed(document.edits):
        text = edit.reverse().apply(text)
    return text


def _add(document: Document) -> Document:
    return document.set(("mcp_servers", "hivemind"), SERVER).set(HOOK, TRUST).set(("features", "hooks"), True)


def _strip(document: Document) -> Document:
    document = document.remove_where(("mcp_servers",), lambda value: value == SERVER)
    document = document.remove_where(("hooks", "state"), lambda value: value == TRUST)
    return document.drop(("features", "hooks"))


def _part(folder: Path) -> SettingsPart[Document]:
    return SettingsPart(
        agent="codex",
        path=folder / "config.toml",
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
        is_wired=lambda value: "hivemind" in value.get("mcp_servers", {}),
        add=_add,
    )
    _apply(changes, folder)


def _uninstall(folder: Path) -> None:
    _apply(plan_unwire(_part(folder)), folder)


def _round_trip(folder: Path, text: str) -> None:
    file = folder / "config.toml"
    file.write_bytes(text.encode())
    _install(folder)
    assert tomllib.loads(file.read_text("utf-8-sig"))["hooks"]["state"][HOOK[-1]] == TRUST
    _uninstall(folder)
    assert file.read_bytes() == text.encode()
    assert list((folder / "data" / "installs").iterdir()) == []
    _install(folder)
    foreign = "\n# theirs\n[theirs]\n"
    file.write_bytes(file.read_bytes() + foreign.encode())
    _uninstall(folder)
    left = file.read_bytes().decode()
    assert same(_parse(left).value, {**_parse(text).value, "theirs": {}}, ordered=False)
    assert "".join(left.split()) == "".join((text + foreign).split())


@pytest.mark.parametrize("text", LAYOUTS)
def test_uninstalling_restores_every_byte(tmp_path: Path, text: str) -> None:
    """Undone exactly while the file is as we left it; after a foreign edit, only white space may differ."""
    _round_trip(tmp_path, text)


@st.composite
def layouts(draw: st.DrawFn) -> str:
    """Generate TOML with tables in any order and spelling, comments, strings over lines and odd endings."""
    gap = st.sampled_from(["", "", "\n", "# [c] = '\n", "\n# c\n\n", "  # c\n"])
    value = st.sampled_from(
        [
            "1",
            "true",
            "'[x]'",
            '"a\\"#"',
            "[\n  1, # ]\n]",
            "{ a = [1] }",
            '"""\n[a]\n"b"""" # c',
            "''''x''''",
        ]
    )
    value = st.one_of(value, st.sampled_from(["true", "1979-05-27", "nan", "0x1F", "1e3"]))
    keys = ["a", "b", "'c d'", '"e.f"', "g.h", '"\\u0041"', "i . j"]
    headers = ["[features]", "[ mcp_servers . x ]", "[hooks]", "[hooks.state]", "[[hooks.Stop]]", "[z.'y']"]
    headers += ["[mcp_servers]", "  [z]", "[z.y.x] # c", "[[list]]", "[list.b]", "[hooks.state.'k:0']"]

    def pairs() -> str:
        names = draw(st.lists(st.sampled_from(keys), unique=True, max_size=3))
        return "".join(f"{draw(gap)}{name} = {draw(value)}\n" for name in names)

    text = draw(gap) + pairs()
    for header in draw(st.lists(st.sampled_from(headers), unique=True, max_size=5)):
        text += f"{draw(gap)}{header}\n{pairs()}"
    text += draw(gap)
    text = text.removesuffix("\n") if draw(st.booleans()) else text
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    return draw(st.sampled_from(["", "\ufeff"])) + text


def _readable(text: str) -> str:
    try:
        tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError:
        reject()
    return text


READABLE = layouts().map(_readable)


@UNHURRIED
@given(text=READABLE)
def test_uninstalling_restores_generated_settings(tmp_path: Path, text: str) -> None:
    """The round trip holds for any layout, and no install is refused."""
    _round_trip(tmp_path, text)


@UNHURRIED
@given(text=READABLE, data=st.data())
def test_anything_can_be_removed_or_is_refused(text: str, data: st.DataObject) -> None:
    """Removing any key leaves the values of all the others, or is refused where a value is around it."""
    document = _parse(text)
    paths = [path for path in _paths(document.value) if path]
    if not paths:
        return
    path = data.draw(st.sampled_from(paths))
    try:
        removed = document.drop(path)
    except HivemindError as error:
        assert error.slug == "settings-shape"  # noqa: PT017 -- either way is right here
        assert not any(s.path[: len(path)] == path for s in document.statements)
    else:
        assert _undone(removed) == text
        assert not removed.has(path) or isinstance(path[-1], int)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    return [path, *(deeper for step, child in children for deeper in _paths(child, (*path, step)))]


@UNHURRIED
@given(st.text().map(lambda text: text.encode("utf-8", "replace")) | st.binary() | READABLE.map(str.encode))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """Whatever the bytes, they are read or refused, and nothing else is raised."""
    try:
        document = parse(data, path=PATH)
    except HivemindError as error:
        assert error.slug == "settings-unparseable"  # noqa: PT017 -- either way is right here
    else:
        assert document.encode() == data


@UNHURRIED
@given(key=st.text(), value=st.text())
def test_any_text_can_be_a_key_and_a_value(key: str, value: str) -> None:
    """Keys and strings are quoted so that they are read back as they were."""
    document = _parse("a = 1\n").set(("t", key), {key: value, "n": [value, {key: value}]})
    assert tomllib.loads(document.text)["t"][key] == {key: value, "n": [value, {key: value}]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "[t]\nk = true\n"),
        ("a = 1", "a = 1\n\n[t]\nk = true"),
        ("a = 1\n\n", "a = 1\n\n[t]\nk = true\n"),
        ("[t]\r\n", "[t]\r\nk = true\r\n"),
        ("[t] # c", "[t] # c\nk = true"),
        ("[t]\n  a = [\n  ] # c\n\n# z\n[z]\n", "[t]\n  a = [\n  ] # c\n  k = true\n\n# z\n[z]\n"),
        ("t.a = 1\n[z]\n", "t.a = 1\nt.k = true\n[z]\n"),
        ("[t.u]\n", "[t.u]\n\n[t]\nk = true\n"),
    ],
)
def test_a_value_goes_into_its_table(text: str, expected: str) -> None:
    """A value is added after the last one of its table, or under a header that is made for it."""
    assert _parse(text).set(("t", "k"), True).text == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "k = 1\n"),
        ("# c", "# c\nk = 1\n"),
        ("\ufeff[t]\n", "\ufeffk = 1\n\n[t]\n"),
        ("a = 1\n[t]\n", "a = 1\nk = 1\n[t]\n"),
        ("# file\n\n# on t\n[t]\n", "# file\n\nk = 1\n\n# on t\n[t]\n"),
    ],
)
def test_a_value_of_the_top_level_goes_before_the_tables(text: str, expected: str) -> None:
    """It stands with the others, or before the first header and the comment on that."""
    assert _parse(text).set(("k",), 1).text == expected


def test_elements_of_arrays_of_tables_are_added_and_removed() -> None:
    """An array that is written with headers takes more of them, and gives back single ones."""
    text = "[[h.Stop]]\na = 1\n[[h.Stop.in]]\nb = 1\n\n[x]\n"
    document = _parse(text).append(("h", "Stop"), {"a": 9}).append(("h", "Start"), {"a": 9})
    assert document.value["h"] == {"Stop": [{"a": 1, "in": [{"b": 1}]}, {"a": 9}], "Start": [{"a": 9}]}
    for keys in (("h", "Stop"), ("h", "Start")):
        document = document.remove_where(keys, lambda value: value == {"a": 9})
    assert document.text == text
    assert document.drop(("h", "Stop", 0)).text == "\n[x]\n"


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("[t]\n", True),
        ("[t]\n\n# on z\n[z]\n", True),
        ("t = {}\n", True),
        ("t = [ # c\n]\n", False),
        ("[t] # c\n", False),
        ("[t]\n# c\n", False),
        ("[t]\n# c\n\n[z]\n", False),
        ("[t]\n# on z\n[z]\n", True),
        ("[t.u]\n", False),
        ("t = 0\n", False),
        ("", False),
    ],
)
def test_a_container_with_a_comment_is_not_bare(text: str, bare: bool) -> None:
    """What holds a value or a comment is not taken for one that may go."""
    assert _parse(text).is_bare(("t",)) is bare


@pytest.mark.parametrize(
    "text",
    [
        "mcp_servers = {}\n",
        "mcp_servers = { a = {} }\n",
        "mcp_servers = []\n",
        "mcp_servers = 'x'\n",
        "[[mcp_servers]]\n",
        "[mcp_servers.hivemind]\n",
        "[mcp_servers]\nhivemind = { command = 'x' }\n",
    ],
)
def test_an_unexpected_shape_is_refused(text: str) -> None:
    """Where a header cannot add a table, or the key is taken, nothing is overwritten."""
    with pytest.raises(HivemindError) as caught:
        _parse(text).set(("mcp_servers", "hivemind"), SERVER)
    assert caught.value.slug == "settings-shape"
    assert caught.value.hint


def test_what_is_inside_of_a_value_is_not_removed() -> None:
    """An entry that somebody moved into an inline table is refused, with its name."""
    with pytest.raises(HivemindError, match=r'"t\.k" is written inside of another value') as caught:
        _parse("t = { k = 1 }\n").drop(("t", "k"))
    assert caught.value.slug == "settings-shape"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"a = 1\na = 2\n", "line 2, column"),
        (b"a = \n", "line 1, column 5"),
        (b"\xef\xbb\xbfa = \n", "line 1, column 5"),
        (b"[a", "line 1, column 3"),
        (b"a = 1\n\xff", "line 2, column 1"),
        (b"a = '\x00'", "line 1, column"),
        (b"a = " + b"9" * 5000, "is not valid TOML: "),
        (b"a = " + b"[" * 10_000 + b"]" * 10_000, "more than 200 values in each other"),
        (b"a = " + b"[" * 300 + b"]" * 300, "more than 200 values in each other"),
        (b"a = " + b"{b=" * 10_000, "more than 200 values in each other"),
        (b".".join([b"a"] * 1000) + b" = 1", "more than 200 values in each other"),
        (b"a = 1\rb = 2", "line 1, column"),
        (b" " * (MAX_BYTES + 1), "larger than 32 MiB"),
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


def test_a_path_that_is_no_text_is_refused() -> None:
    """A folder whose name is not UTF-8 cannot be written into a settings file."""
    with pytest.raises(HivemindError) as caught:
        _parse("").set(("t",), {"command": "/\udcff"})
    assert caught.value.slug == "settings-encoding"
