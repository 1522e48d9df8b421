"""Keep arrays in files that are mapped into memory, and notice when one is damaged."""

import contextlib
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

Arrays = dict[str, npt.NDArray[Any]]

_ALIGNED = 64
_BLOCK = 1 << 20
_LEAST_HEAD = 8


class DamagedError(Exception):
    """Say that a file is not what was written."""


#: What reading files raises that are not as they were written.
NOT_WHOLE = (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, DamagedError)


def make_folder(folder: Path) -> None:
    """Make a folder, and those around it that are missing, for this user alone."""
    for one in (*reversed(folder.parents), folder):
        if not one.exists():
            one.mkdir(mode=0o700, exist_ok=True)


def write(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> int:
    """Write arrays into a new file, and give its checksum."""
    places, offset = [], 0
    for name, array in arrays.items():
        places.append([name, array.dtype.str, list(array.shape), offset])
        offset += -(-array.nbytes // _ALIGNED) * _ALIGNED
    head = json.dumps(places).encode()
    head += b" " * (-(len(head) + _LEAST_HEAD) % _ALIGNED)
    checksum = 0
    with _replacing(path) as file:
        for part in (len(head).to_bytes(_LEAST_HEAD, "little"), head):
            checksum = zlib.crc32(part, checksum)
            file.write(part)
        for array in arrays.values():
            content = np.ascontiguousarray(array).tobytes()
            content += bytes(-len(content) % _ALIGNED)
            checksum = zlib.crc32(content, checksum)
            file.write(content)
    return checksum


def read(path: Path, checksum: int) -> Arrays:
    """Map the arrays of a file into memory; raises DamagedError unless it is whole."""
    try:
        found = 0
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                found = zlib.crc32(block, found)
        if found != checksum:
            raise DamagedError(path.name)
        mapped = np.memmap(path, dtype=np.uint8, mode="r")
        length = int.from_bytes(mapped[:_LEAST_HEAD].tobytes(), "little")
        start = _LEAST_HEAD + length
        arrays: Arrays = {}
        for name, kind, shape, offset in json.loads(mapped[_LEAST_HEAD:start].tobytes()):
            dtype = np.dtype(kind)
            size = int(np.prod(shape)) * dtype.itemsize
            part = mapped[start + offset : start + offset + size]
            arrays[name] = np.asarray(part).view(dtype).reshape(shape) if size else np.zeros(shape, dtype)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DamagedError(path.name) from error
    return arrays


def replace_text(path: Path, text: str) -> None:
    """Replace a small file in one step."""
    with _replacing(path) as file:
        file.write(text.encode("utf-8"))


def replace_manifest(path: Path, head: Mapping[str, object], parts: Mapping[str, Mapping[str, int]]) -> None:
    """Name the parts of an index with the checksums of their files, and remove the files of others.

    A part's file of a kind is called `PART.KIND.arrays`.
    """
    listed = [{"name": name, **checksums} for name, checksums in parts.items()]
    replace_text(path, json.dumps({**head, "parts": listed}))
    kept = frozenset(f"{name}.{kind}.arrays" for name, checksums in parts.items() for kind in checksums)
    remove_others(path.parent, kept)


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """Give a file that takes the place of another once it is whole; on a full disk nothing of it is left."""
    temporary = path.with_name(path.name + ".new")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            yield file
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def remove_others(folder: Path, kept: frozenset[str]) -> None:
    """Remove files of the index that none of its parts is in any more."""
    for path in folder.glob("*.arrays*"):
        if path.name not in kept:
            with contextlib.suppress(OSError):
                path.unlink()
