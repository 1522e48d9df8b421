"""Tell shell lines that fetch something and run it: nobody can say what such a line did."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

_FETCHING = frozenset({"aria2c", "curl", "fetch", "http", "https", "iwr", "wget", "xh"})
_SHELLS = frozenset({"ash", "bash", "dash", "fish", "ksh", "pwsh", "sh", "zsh"})
_INTERPRETERS = _SHELLS | {"deno", "node", "perl", "php", "python", "python3", "ruby"}
#: Programs that run the words behind them.
_PREFIXES = frozenset({"command", "doas", "env", "exec", "nice", "nohup", "sudo", "time", "timeout", "xargs"})
_OUTPUT_FLAGS = frozenset({"-o", "-O", "--output", "--output-document"})
_SOURCING = frozenset({".", "source"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Hold the words between two separators of a shell line."""

    words: tuple[str, ...]  #: without redirections
    is_piped: bool = False  #: it reads what the one before it writes
    writes: tuple[str, ...] = ()  #: files that its output is redirected to


def runs_a_download(segments: Sequence[Segment]) -> bool:
    """Say whether a line runs what it fetches, from a pipe or from a file."""
    files: set[str] = set()
    is_fetched = False
    for segment in segments:
        words = _called(segment.words)
        name = _name(words[0]) if words else ""
        is_fetched = segment.is_piped and is_fetched
        if (is_fetched and _reads_a_program(name, words)) or _substitutes(words):
            return True
        if name in _FETCHING:
            is_fetched = True
            files |= _written(words)
        if is_fetched:
            files.update(map(_name, segment.writes))
            files |= {_name(word) for word in words[1:]} if name == "tee" else set()
        elif _runs_one_of(files, name, words):
            return True
    return False


def _called(words: Sequence[str]) -> list[str]:
    """Leave out what only runs the rest: `sudo -E env A=1 sh` is a call of `sh`."""
    left = list(words)
    while left and (_name(left[0]) in _PREFIXES or "=" in left[0].partition("/")[0]):
        is_prefix = _name(left.pop(0)) in _PREFIXES
        while is_prefix and left and (left[0].startswith("-") or left[0][:1].isdigit()):
            left.pop(0)
    return left


def _name(word: str) -> str:
    return word.rstrip("/").rsplit("/", 1)[-1]


def _reads_a_program(name: str, words: Sequence[str]) -> bool:
    """Say whether a call takes its program from the pipe; `python -m json.tool` takes data."""
    if name not in _INTERPRETERS:
        return False
    rest = words[1:]
    if any(word in ("-", "-s", "/dev/stdin") for word in rest):
        return True
    has_program = any(not word.startswith("-") or word in ("-c", "-e", "-m", "-r", "-n") for word in rest)
    return not has_program


def _substitutes(words: Sequence[str]) -> bool:
    """Say whether a call reads its program from a process that fetches it: `bash <(curl …)`."""
    if not words or _name(words[0]) not in _INTERPRETERS | _SOURCING:
        return False
    places = [place for place, word in enumerate(words[:-1]) if word.endswith("<(")]
    return any(_name(words[place + 1]) in _FETCHING for place in places)


def _written(words: Sequence[str]) -> set[str]:
    """Name the files that a fetching call may write."""
    named = {_name(value) for flag, value in pairwise(words) if flag in _OUTPUT_FLAGS}
    named |= {_name(word.partition("=")[2]) for word in words if word.startswith("--output")}
    # With -O, and from wget, a file is called what its address ends with.
    named |= {_name(word.partition("?")[0]) for word in words[1:] if "://" in word}
    return {name for name in named if name not in ("", "-")}


def _runs_one_of(files: set[str], name: str, words: Sequence[str]) -> bool:
    if not files or not words:
        return False
    if name in files:
        return True
    operands = [word for word in words[1:] if not word.startswith("-")]
    return name in _INTERPRETERS | _SOURCING and bool(operands) and _name(operands[0]) in files
