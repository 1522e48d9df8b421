"""Read rows out of JSON, JSON lines, gzip and Parquet, one at a time: what a file is shows in its bytes."""

import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import ijson

from hivemind.agents.transcript_file import decode
from hivemind.errors import HivemindError, how_to_install
from hivemind.finetune import documents
from hivemind.finetune.formats.turns import DIALOGUES

#: A longer row is refused: none of a training set is, and one has to fit into memory.
MAX_ROW_BYTES: Final = 16 << 20
#: Rows of a Parquet file that are decoded together.
_PARQUET_ROWS: Final = 256
_GZIP, _PARQUET, _BOM = b"\x1f\x8b", b"PAR1", b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_CHUNK_BYTES: Final = 1 << 16
#: So many lines tell the shape of a file, or so many bytes of them.
_FIRST_LINES: Final = 200
_FIRST_BYTES: Final = 4 << 20
_DAMAGED = "the file is damaged from here on: "
#: A document with what JSON does not have is read whole if it is no longer than this.
MAX_WHOLE_BYTES: Final = 64 << 20
_TOO_LONG = f"the row is longer than {MAX_ROW_BYTES >> 20} MB"
#: Keys of an object that hold parts of one row, so that a list below one is no list of rows.
_OF_A_ROW = frozenset(
    {*DIALOGUES, "chosen", "rejected", "tools", "functions", "prompt", "completion", "contents"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRow:
    """Hold one row as it is in the file, or why it cannot be read; `number` counts from 1."""

    number: int
    value: Any = None
    problem: str = ""


Progress = Callable[[int], object]


def _ignore(_bytes_read: int) -> None:
    return None


def rows(path: Path, *, progress: Progress = _ignore) -> Iterator[RawRow]:
    """Yield a file's rows in order, whatever is wrong with it; `progress` gets the bytes read so far.

    Raises OSError where the file cannot be opened, and HivemindError where it needs what is not installed.
    """
    number = 0
    with path.open("rb") as raw:
        try:
            for value, problem in _values(path, raw):
                number += 1
                progress(raw.tell())
                yield RawRow(number=number, value=value, problem=problem)
        except (EOFError, zlib.error, gzip.BadGzipFile, UnicodeError, OSError) as error:
            yield RawRow(number=number + 1, problem=f"{_DAMAGED}{_first_line(error)}")


def kind_of(path: Path) -> str:
    """Name what a file is by its bytes: parquet, gzip, json (a list or an object) or jsonl."""
    with path.open("rb") as raw:
        start = raw.read(4)
        if start == _PARQUET:
            return "parquet"
        raw.seek(0)
        packed = "gzip " if start.startswith(_GZIP) else ""
        try:
            with closing(_unpacked(raw)) as file:
                return packed + _shape(file)[0]
        except (EOFError, zlib.error, OSError, UnicodeError):
            return f"{packed}damaged"


def _values(path: Path, raw: IO[bytes]) -> Iterator[tuple[Any, str]]:
    start = raw.read(4)
    raw.seek(0)
    if start == _PARQUET:
        yield from _parquet(path)
        return
    with closing(_unpacked(raw)) as file:
        shape, prefix = _shape(file)
    raw.seek(0)
    with closing(_unpacked(raw)) as file:
        if shape == "jsonl":
            yield from _lines(file)
            return
        number = 0
        for value, problem in _streamed(file, prefix):
            if problem.startswith(_DAMAGED):
                break
            number += 1
            yield value, problem
        else:
            return
    yield from _tolerantly(raw, prefix, after=number, problem=problem)


def _tolerantly(raw: IO[bytes], place: str, *, after: int, problem: str) -> Iterator[tuple[Any, str]]:
    """Read on with the slower parser, which takes NaN and the like, where a document is short enough."""
    raw.seek(0)
    with closing(_unpacked(raw)) as file:
        text = file.read(MAX_WHOLE_BYTES + 1)
    try:
        value = json.loads(text) if len(text) <= MAX_WHOLE_BYTES else None
    except (ValueError, RecursionError):
        value = None
    key = place.removesuffix(f".{documents.ITEM}")
    found = value.get(key) if isinstance(value, dict) and key else value
    if isinstance(found, list) and place:
        yield from ((item, "") for item in found[after:])
    elif value is not None and not after:
        yield value, ""
    else:
        yield None, problem


def _unpacked(raw: IO[bytes]) -> Any:
    """Give a file's JSON as UTF-8 without its mark; closing it leaves the file below open."""
    file: Any = io.BufferedReader(_Unclosed(raw), _CHUNK_BYTES)
    if file.peek(2)[:2] == _GZIP:
        # By itself, since a buffer around it would lose what it has when the file turns out to be cut.
        file = gzip.GzipFile(fileobj=file)
    start = file.peek(3)[:3]
    if start.startswith(_BOM):
        file.read(len(_BOM))
    elif start[:2] in _UTF_16:
        file = io.BufferedReader(_Recoded(file), _CHUNK_BYTES)
    return file


class _Unclosed(io.RawIOBase):
    """Read a file without ever closing it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _Recoded(io.RawIOBase):
    """Give a file in UTF-16 as UTF-8."""

    def __init__(self, file: IO[bytes]) -> None:
        self._text = io.TextIOWrapper(file, encoding="utf-16", errors="replace")
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._left:
            self._left = self._text.read(len(buffer) // 4 or 1).encode("utf-8", "replace")
        data, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)


def _shape(file: Any) -> tuple[str, str]:
    """Tell lines of JSON from one document, and where in that the rows are, by the beginning."""
    lines = _first_lines(file)
    first = lines[0] if lines else b""
    second = lines[1] if len(lines) > 1 else b""
    if not first.startswith((b"[", b"{")):
        return "jsonl", ""
    if _is_whole(first):
        if second and _is_whole(second):
            return "jsonl", ""
        if first.startswith(b"{") and (second or not _where(first)):
            return "jsonl", ""
    elif first.startswith(b"{") and second.startswith(b"{") and _is_whole(second):
        return "jsonl", ""  # only its first line is broken
    elif first.startswith(b"{") and not _may_go_on(first):
        return "jsonl", ""
    place = _where(b"\n".join(lines))
    # A very long line is a row, unless it holds a list of rows.
    is_row = len(first) > _FIRST_BYTES - 2 and first.startswith(b"{") and not place
    return ("jsonl", "") if is_row else ("json", place)


def _first_lines(file: Any) -> list[bytes]:
    """Give the first lines that hold anything, of a beginning that is long enough to tell."""
    found: list[bytes] = []
    left = _FIRST_BYTES
    while left > 0 and len(found) < _FIRST_LINES:
        try:
            line = file.readline(left)
        except (EOFError, zlib.error, OSError):
            break  # whoever reads on will find out
        if not line:
            break
        left -= len(line)
        if line.strip():
            found.append(line.rstrip())
    return found


def _is_whole(line: bytes) -> bool:
    try:
        return isinstance(decode(line), (dict, list))
    except ValueError:
        return False


def _may_go_on(line: bytes) -> bool:
    """Say whether a line is the beginning of something that further lines may complete."""
    try:
        for _ in ijson.basic_parse(io.BytesIO(line), multiple_values=True):
            pass
    except ijson.IncompleteJSONError:
        return True
    except ijson.JSONError:
        return False
    return True


def _where(start: bytes) -> str:
    """Give the place of the rows in a document: in its list, below a key, or the document itself."""
    try:
        events = ijson.basic_parse(io.BytesIO(start), multiple_values=True, use_float=True)
        if start.startswith(b"{"):
            return documents.key_of_rows(events, but=_OF_A_ROW)
        first = next(documents.rows(events, documents.ITEM), (None, ""))[0]
    except ijson.JSONError:
        return "" if start.startswith(b"{") else documents.ITEM
    return "" if _is_turn(first) else documents.ITEM


def _is_turn(first: Any) -> bool:
    """Say whether the first item of a list is a turn, so that the list is one row."""
    if not isinstance(first, dict):
        return False
    keys = first.keys()
    turn = {"role", "content"} <= keys or {"from", "value"} <= keys
    return turn and not keys & _OF_A_ROW


def _lines(file: Any) -> Iterator[tuple[Any, str]]:
    while line := file.readline(MAX_ROW_BYTES + 1):
        if len(line) > MAX_ROW_BYTES and not line.endswith(b"\n"):
            while (rest := file.readline(_CHUNK_BYTES)) and not rest.endswith(b"\n"):
                pass
            yield None, _TOO_LONG
            continue
        if not line.strip():
            continue
        try:
            yield decode(line), ""
        except (ValueError, RecursionError):
            yield None, "the line is not JSON"


class _TooLongError(Exception):
    """Report that one row of a document does not end."""


class _Metered:
    """Count what is read between two rows."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.since = 0

    def read(self, size: int = -1) -> bytes:
        if self.since > MAX_ROW_BYTES:
            raise _TooLongError
        data: bytes = self._file.read1(_CHUNK_BYTES if size < 0 else size)
        self.since += len(data)
        return data


def _streamed(file: Any, place: str) -> Iterator[tuple[Any, str]]:
    metered = _Metered(file)
    try:
        events = ijson.basic_parse(metered, multiple_values=True, use_float=True)
        for value, problem in documents.rows(events, place):
            metered.since = 0
            yield value, problem
    except _TooLongError:
        yield None, f"{_TOO_LONG}, and what follows cannot be told from it"
    except (ijson.JSONError, ValueError) as error:
        reason = _first_line(error)
        cut = "EOF" in reason
        yield None, "the file ends within this row" if cut else f"{_DAMAGED}{reason}"


def _parquet(path: Path) -> Iterator[tuple[Any, str]]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise HivemindError(
            "parquet-missing",
            f"{path.name} is a Parquet file, which needs pyarrow",
            hint=f"install it: {how_to_install('parquet')}",
        ) from error
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            packed = [field.name for field in file.schema_arrow if "arrow.json" in str(field.type)]
            for batch in file.iter_batches(batch_size=_PARQUET_ROWS):
                for row in batch.to_pylist():
                    unpacked = {name: _unpacked_json(row[name]) for name in packed}
                    yield _plain({**row, **unpacked}), ""
    except (pa.ArrowException, ValueError) as error:
        yield None, f"{_DAMAGED}{_first_line(error)}"


def _unpacked_json(value: Any) -> Any:
    """Read a column whose type is JSON, which Arrow keeps as texts."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return [_unpacked_json(item) for item in value] if isinstance(value, list) else value


def _plain(value: Any, depth: int = 0) -> Any:
    """Leave out what a column has only because another row has it, and bytes, which are no text."""
    if depth > 64:
        return None
    if isinstance(value, dict):
        return {str(k): _plain(v, depth + 1) for k, v in value.items() if v is not None}
    if isinstance(value, (list, tuple)):
        if value and all(isinstance(item, tuple) and len(item) == 2 for item in value):
            return {str(k): _plain(v, depth + 1) for k, v in value}  # Arrow's map
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, bytes):
        return {"type": "bytes"}
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:120]
