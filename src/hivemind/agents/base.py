"""What an agent's folder provides: finding it, wiring it, reading its transcripts, its skill folders."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from hivemind.domain.events import Event, SessionFacts
from hivemind.domain.outcomes import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Describe where agents look for their files; built from the environment by the outermost layer only."""

    home: Path  #: the user's home folder
    data_dir: Path = Path(
        "/nonexistent"
    )  #: Hivemind's own folder, where it keeps transcripts for some agents
    env: Mapping[str, str] = field(
        default_factory=dict
    )  #: for agents' own variables, such as CLAUDE_CONFIG_DIR


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """Name the commands that an agent's files will call, every path absolute."""

    python: str  #: the interpreter that Hivemind is installed for
    hook_file: Path  #: `capture/hook.py`
    data_dir: Path  #: Hivemind's own folder


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """Hold one planned edit of a file; `after is None` removes the file, `before is None` makes it.

    Bytes, so that line endings, byte-order marks and odd encodings survive exactly.
    """

    path: Path
    before: bytes | None
    after: bytes | None
    internal: bool = False  #: Hivemind's own bookkeeping: no backup, and not part of the diff
    note: str = ""  #: what a person should be told beyond the path, such as which hooks are now trusted


@dataclass(frozen=True, slots=True, kw_only=True)
class WiringCheck:
    """Report whether one part of the wiring is in place."""

    name: str  #: `hooks`, `mcp`, `trust`
    ok: bool
    detail: str = ""
    hint: str = ""


@dataclass(slots=True)
class ReaderState:
    """Carry what a transcript reader must remember from one read to the next; JSON values only."""

    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineResult:
    """Hold what one transcript line yielded."""

    events: tuple[Event, ...] = ()
    facts: SessionFacts | None = None
    reports: tuple[Report, ...] = ()  #: what was said of how the work went


class Transcript(Protocol):
    """Give the records of one session, as lines of JSON, from where an earlier read stopped.

    A file is read by its bytes; a session in a database is read as if it were a file with a record a line,
    with offsets that the reader chooses: they only have to grow.
    """

    problem: str  #: why reading stopped before the end

    def size_bytes(self) -> int | None:
        """Give the offset behind the last record; None where it shows only by reading."""

    def fingerprint(self, offset: int) -> str:
        """Hash enough of what lies before an offset to notice that it was rewritten."""

    def lines(self, *, start: int = 0, final: bool) -> Iterator[tuple[bytes | None, int]]:
        """Yield each complete record with the offset behind it; None for one that is too long to hold.

        `final` says that nobody is writing the session any more.
        """


class Agent(Protocol):
    """Adapt one agent; a module-level object in the agent's folder satisfies it.

    Its hooks' payloads are read by the module `payload` of the same folder, which the hook imports.
    """

    name: str  #: the word in commands and in `sessions.agent`; also the name of the folder
    title: str  #: the name a person reads
    shell_tools: frozenset[str]  #: tools that run a command, which is the `text` of their calls
    edit_tools: frozenset[str]  #: tools that change a file, whose path is the `text` of their calls

    def detect(self, machine: Machine) -> bool:
        """Say whether the agent is installed or has been used on this machine."""

    def plan_install(self, machine: Machine, wiring: Wiring) -> list[FileChange]:
        """Plan the edits that wire the agent; empty when it is wired. Refuses files that don't parse."""

    def plan_uninstall(self, machine: Machine) -> list[FileChange]:
        """Plan the edits that unwire it; after install then uninstall every file is byte-identical."""

    def check_wiring(self, machine: Machine, wiring: Wiring) -> list[WiringCheck]:
        """Report each part of the wiring as the agent's files have it now; never raises."""

    def default_root(self, machine: Machine) -> Path:
        """Give the folder where the agent keeps its transcripts."""

    def transcripts(self, root: Path) -> Iterator[Path]:
        """Yield the agent's sessions below a folder, in a fixed order.

        A session in a database is named by the database's path and its own id below it.
        """

    def companions(self, transcript: Path) -> Iterator[Path]:
        """Yield the transcripts of the subagents of a session, given its main transcript."""

    def open_transcript(self, path: Path) -> AbstractContextManager[Transcript]:
        """Open a session; raise OSError where it cannot be read."""

    def size_bytes(self, path: Path) -> int:
        """Give a number that changes when the session grows; raise FileNotFoundError where there is none."""

    def recognises(self, first_lines: list[Any]) -> bool:
        """Say whether a transcript whose first decoded lines are these is in this agent's format."""

    def read_line(self, record: Any, *, line: bytes, state: ReaderState) -> LineResult:
        """Turn one decoded record into events; never raises, whatever the JSON."""

    def skill_folder(self, project_root: Path) -> Path | None:
        """Give the folder of a project where the agent reads skills; None where it reads none there."""
