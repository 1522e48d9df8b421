"""Files are known by their bytes, read a row at a time, and whatever is wrong with one is told."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivemind.finetune import reading

ROWS = [{"instruction": f"do {n}", "output": "done"} for n in range(5)]
LINES = "\n".join(map(json.dumps, ROWS))
WHOLE = json.dumps(ROWS)


def read(folder: Path, content: bytes, *, name: str = "data.bin") -> list[reading.RawRow]:
    """Write a file and read it."""
    path = folder / name
    path.write_bytes(content)
    return list(reading.rows(path))


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("json", WHOLE.encode()),
        ("json", json.dumps(ROWS, indent=2).encode()),
        ("jsonl", LINES.encode()),
        ("jsonl", LINES.replace("\n", "\r\n\r\n").encode()),
        ("json", b"\xef\xbb\xbf" + WHOLE.encode()),
        ("jsonl", b"\xef\xbb\xbf" + LINES.encode()),
        ("json", WHOLE.encode("utf-16")),
        ("gzip json", gzip.compress(WHOLE.encode(), mtime=0)),
        ("gzip jsonl", gzip.compress(LINES.encode(), mtime=0)),
        ("json", "\n".join(json.dumps(row, indent=2) for row in ROWS).encode()),
        ("json", json.dumps({"version": "1", "about": {"tags": [{}]}, "data": ROWS}).encode()),
        ("json", json.dumps({"messages": [], "rows": ROWS}, indent=1).encode()),
    ],
)
def test_every_container_gives_the_same_rows(tmp_path: Path, kind: str, content: bytes) -> None:
    """The name of the file says nothing."""
    found = read(tmp_path, content)
    assert [row.value for row in found] == ROWS
    assert [row.number for row in found] == [1, 2, 3, 4, 5]
    assert reading.kind_of(tmp_path / "data.bin") == kind


def test_parquet_gives_the_same_rows(tmp_path: Path) -> None:
    """What other rows have and this one has not is left out."""
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    rows: list[Any] = [*ROWS, {"messages": [{"role": "user", "content": "x"}, {"role": "a", "name": "n"}]}]
    pq.write_table(
        pa.Table.from_pylist(
            rows,
            schema=pa.schema(
                [
                    ("instruction", pa.string()),
                    ("output", pa.string()),
                    (
                        "messages",
                        pa.list_(
                            pa.struct(
                                [("role", pa.string()), ("content", pa.string()), ("name", pa.string())]
                            )
                        ),
                    ),
                ]
            ),
        ),
        tmp_path / "x",
    )
    assert [row.value for row in reading.rows(tmp_path / "x")] == rows
    assert reading.kind_of(tmp_path / "x") == "parquet"


@pytest.mark.parametrize(
    ("content", "values", "problem"),
    [
        (WHOLE[:-20].encode(), ROWS[:4], "the file ends within this row"),
        (LINES[:-10].encode(), ROWS[:4], "the line is not JSON"),
        (b"PAR1 but nothing else", [], "the file is damaged"),
        (b"\x00\x01 nothing at all", [], "the line is not JSON"),
        (b"[" * 100_000, [], "the file ends within this row"),
        (b'{"a": 1}\n' + b"[" * 5_000 + b"]" * 5_000, [{"a": 1}], "the line is not JSON"),
        (b'[{"a": 1}, ' + b"[" * 500 + b"]" * 500 + b"]", [{"a": 1}], "nested too deeply"),
    ],
)
def test_what_is_wrong_is_told_and_the_rest_is_read(
    tmp_path: Path, content: bytes, values: list[Any], problem: str
) -> None:
    """A row that cannot be read is one row with its problem."""
    found = read(tmp_path, content)
    assert [row.value for row in found if not row.problem] == values
    assert [problem in row.problem for row in found if row.problem] == [True]


def test_a_damaged_gzip_gives_what_came_before_the_damage(tmp_path: Path) -> None:
    """A download that broke off is worth what it holds."""
    whole = gzip.compress("\n".join(json.dumps({"n": n, "x": str(n * n)}) for n in range(2_000)).encode())
    found = read(tmp_path, whole[: len(whole) // 2])
    assert [row.value["n"] for row in found[:-1]] == list(range(len(found) - 1))
    assert len(found) > 500
    assert "damaged" in found[-1].problem


def test_a_line_of_fifty_megabytes_is_refused_and_the_next_is_read(tmp_path: Path) -> None:
    """It never has to fit into memory."""
    path = tmp_path / "long"
    with path.open("wb") as file:
        file.write(b'{"text": "')
        for _ in range(50):
            file.write(b"x" * (1 << 20))
        file.write(b'"}\n' + json.dumps(ROWS[0]).encode())
    found = list(reading.rows(path))
    assert [row.problem for row in found] == ["the row is longer than 16 MB", ""]
    assert found[1].value == ROWS[0]


def test_what_json_does_not_have_is_read_all_the_same(tmp_path: Path) -> None:
    """Python and pandas write NaN."""
    found = read(tmp_path, b'[{"a": 1}, {"a": NaN}, {"a": 2}]')
    assert [row.problem for row in found] == ["", "", ""]
    assert found[2].value == {"a": 2}


def test_a_dialogue_by_itself_is_one_row(tmp_path: Path) -> None:
    """A list of turns is no list of rows, also where each line is one."""
    turns = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]
    assert [row.value for row in read(tmp_path, json.dumps(turns).encode())] == [turns]
    lines = f"{json.dumps(turns)}\n{json.dumps(turns)}\n"
    assert [row.value for row in read(tmp_path, lines.encode())] == [turns, turns]


@given(content=st.binary(max_size=200) | st.text(alphabet='[]{}",:\\\n01ab', max_size=80).map(str.encode))
def test_no_bytes_make_reading_raise(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever a file holds, its rows come or say what is wrong."""
    path = tmp_path_factory.mktemp("any") / "file"
    path.write_bytes(content)
    assert all(row.number == n for n, row in enumerate(reading.rows(path), start=1))
    assert reading.kind_of(path)
