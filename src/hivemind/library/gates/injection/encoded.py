"""Read what a text hides in base64 or hexadecimal, and judge that too."""

import base64
import binascii
import re
from collections.abc import Iterator
from itertools import chain, islice

#: Runs that are decoded; paths and names look like base64 too, so that there may be many.
_MAX_RUNS = 400
_MAX_DECODED = 100_000
_RUN = re.compile(r"[A-Za-z0-9+/_-]{24,20000}={0,2}")
_HEX = re.compile(r"(?:\\x[0-9a-fA-F]{2}){8,4000}|\b(?:[0-9a-fA-F]{2}){20,4000}\b")
_WORDS = re.compile(r"[A-Za-z]{2,20}[ ,.:;/'-]{1,2}(?=[A-Za-z(/~$])")


def decoded(text: str) -> Iterator[tuple[int, str]]:
    """Yield what encoded runs say, where it is text, with each run's position."""
    left = _MAX_DECODED
    for match in chain(islice(_RUN.finditer(text), _MAX_RUNS), islice(_HEX.finditer(text), _MAX_RUNS)):
        plain = _base64(match.group()) or _hexadecimal(match.group())
        left -= len(plain)
        if left < 0:
            return
        if plain:
            yield match.start(), plain


def _base64(run: str) -> str:
    kinds = (any(c.isupper() for c in run), any(c.islower() for c in run))
    if not all(kinds):
        return ""
    bare = run.rstrip("=").replace("-", "+").replace("_", "/")
    bare = bare[: len(bare) - (len(bare) % 4 == 1)]
    try:
        return _text(base64.b64decode(bare + "=" * (-len(bare) % 4)))
    except (binascii.Error, ValueError):
        return ""


def _hexadecimal(run: str) -> str:
    try:
        return _text(bytes.fromhex(run.replace("\\x", "")))
    except ValueError:
        return ""


def _text(data: bytes) -> str:
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        return ""
    readable = all(c.isprintable() or c in "\n\r\t" for c in text)
    return text if readable and len(_WORDS.findall(text)) >= 2 else ""
