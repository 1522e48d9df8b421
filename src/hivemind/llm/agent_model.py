"""Ask the user's own agent, started for one answer in an empty folder, so that it does nothing but answer."""

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from hivemind.capture import layout
from hivemind.domain.model_calls import CallStatus
from hivemind.llm import process
from hivemind.llm.base import MAX_ANSWER_CHARS, Answer, ModelError, Question
from hivemind.llm.process import Finished, Limits

MAX_OUTPUT_BYTES = 4 << 20
_ENDED: Mapping[str, tuple[CallStatus, str]] = {
    "time": (CallStatus.TIMEOUT, "it did not answer in time"),
    "output": (CallStatus.TOO_LONG, "it wrote more than an answer can be"),
    "stopped": (CallStatus.STOPPED, "Hivemind was told to stop"),
}
#: What an agent tells the programs it starts: Hivemind may have been started by one of its hooks.
_OF_A_SESSION = frozenset(
    (
        *("CLAUDECODE", "CLAUDE_PID", "CLAUDE_PROJECT_DIR", "CLAUDE_PLUGIN_ROOT", "CLAUDE_PLUGIN_DATA"),
        *("CLAUDE_CODE_SESSION_ID", "CLAUDE_CODE_ENTRYPOINT", "CLAUDE_CODE_SSE_PORT", "CLAUDE_CODE_SIMPLE"),
        *("PLUGIN_ROOT", "PLUGIN_DATA"),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Hold how a client is called for one question."""

    arguments: Sequence[str]
    given: str = ""  #: on stdin
    variables: Mapping[str, str] = field(default_factory=dict)
    drop: bytes = b""  #: lines of its output that begin so are not kept


class Client(Protocol):
    """Know how one agent is asked; a module satisfies it."""

    PROGRAM: str
    OVERHEAD_TOKENS: int
    TOOLS_LEFT: str  #: which tools it offers its model all the same; empty: none

    def call(self, question: Question, *, model: str, files: Path, variables: Mapping[str, str]) -> Call:
        """Give the call; `files` is an empty folder for what is passed as files."""

    def read(self, done: Finished, *, files: Path) -> Answer:
        """Give the answer of a run that ended by itself; raise ModelError where it holds none."""

    def kept_session(self, *, files: Path) -> str:
        """Name the session that the client stored of this run; empty where it stores none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentModel:
    """Answer through an agent's command line."""

    kind: str
    name: str
    client: Client
    program: str  #: its path
    variables: Mapping[str, str]
    data: Path  #: Hivemind's folder: a temporary one below it is nobody else's
    timeout_s: float

    @property
    def overhead_tokens(self) -> int:
        """Give the tokens that the client adds to each question of its own."""
        return self.client.OVERHEAD_TOKENS

    def ask(self, question: Question, *, stopped: Callable[[], bool]) -> Answer:
        """Give the answer; raise ModelError, also soon after `stopped` says so."""
        try:
            folder = Path(tempfile.mkdtemp(prefix="model-", dir=self.data))
        except OSError as error:
            raise ModelError(CallStatus.FAILED, f"no folder to run it in: {error}") from error
        try:
            return self._ask(question, folder, stopped)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _ask(self, question: Question, folder: Path, stopped: Callable[[], bool]) -> Answer:
        empty, files = folder / "empty", folder / "files"
        empty.mkdir()
        files.mkdir()
        asked = self.client.call(question, model=self.name, files=files, variables=self.variables)
        try:
            done = process.run(
                [self.program, *asked.arguments],
                given=asked.given,
                folder=empty,
                variables={**_outside(self.variables), **asked.variables, "HIVEMIND_INSIDE": "1"},
                limits=Limits(time_s=self.timeout_s, output_bytes=MAX_OUTPUT_BYTES),
                stopped=stopped,
                drop=asked.drop,
            )
        except (OSError, ValueError) as error:
            raise ModelError(CallStatus.FAILED, f"{self.program} cannot be run: {error}") from error
        finally:
            self._keep_out(self.client.kept_session(files=files))
        if done.ended_by:
            status, message = _ENDED[done.ended_by]
            raise ModelError(status, message)
        answer = self.client.read(done, files=files)
        if len(answer.text) > MAX_ANSWER_CHARS:
            raise ModelError(CallStatus.TOO_LONG, "its answer is too long", spent=answer.spent)
        return answer

    def _keep_out(self, session_id: str) -> None:
        """Keep a session that the client stored out of every later backfill, as its hook would."""
        if session_id:
            mark = Path(layout.skipped_dir(str(self.data))) / layout.session_file(session_id)
            mark.parent.mkdir(mode=0o700, exist_ok=True)
            mark.touch(mode=0o600)


def failure(done: Finished) -> ModelError:
    """Give the error of a run that ended with a failure, with the end of what it said."""
    said = " ".join((done.stderr.strip() or done.stdout.strip()).split())[-300:]
    return ModelError(CallStatus.FAILED, f"it exited with {done.code}: {said}")


def _outside(variables: Mapping[str, str]) -> dict[str, str]:
    """Give the variables without those that say which session we were started in."""
    return {name: value for name, value in variables.items() if name not in _OF_A_SESSION}
