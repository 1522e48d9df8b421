"""Record what a program's agent does: a session, as a context manager or by its events."""

import itertools
import json
import math
import threading
import time
import uuid
from types import TracebackType
from typing import Any, Self

from hivemind.agents.sdk.transcript import AGENT, MARK
from hivemind.api.surroundings import failed, guarded, here, place
from hivemind.domain.outcomes import Outcome

#: Longer texts keep their beginning and end, in characters.
MAX_TEXT_CHARS = 256 << 10


class Session:
    """Record one session; every call is kept at once, never raises, and works in async code as it is.

    >>> with hivemind.session(agent="shop-bot", project="acme/shop", model="gpt-5-mini") as s:
    ...     s.prompt("Cancel order A11")
    ...     with s.tool("cancel_order", {"order": "A11"}) as tool:
    ...         tool.result = shop.cancel("A11")
    ...     s.assistant("It is cancelled.")
    ...     s.outcome(success=True)
    """

    def __init__(
        self,
        *,
        agent: str = "",
        project: str | None = None,
        model: str = "",
        id: str = "",  # noqa: A002
        strict: bool = False,
    ) -> None:
        self.id = f"{AGENT}.{str(id).removeprefix(f'{AGENT}.') or uuid.uuid4()}"
        self.agent, self.project, self.model, self.strict = agent, project, model, strict
        self._numbers, self._run = itertools.count(), uuid.uuid4().hex[:12]
        self._begun = False
        self._lock = threading.Lock()

    def prompt(self, text: str) -> None:
        """Record what a person asked; what was done before it becomes visible to the worker."""
        self._keep("prompt", {"text": _text(text)}, moment="prompt")

    def assistant(self, text: str, *, model: str = "") -> None:
        """Record what the agent said."""
        self._keep("assistant", {"text": _text(text), "model": model or self.model})

    def system(self, text: str) -> None:
        """Record what the agent was told by its program, such as its instructions."""
        self._keep("system", {"text": _text(text)})

    def tool_call(self, name: str, input: Any = None, *, call_id: str = "") -> str:  # noqa: A002
        """Record that a tool is called; give the id of the call, to be named by its result."""
        call_id = call_id or uuid.uuid4().hex[:16]
        given = input if isinstance(input, dict) else {} if input is None else {"input": input}
        said = {"tool": str(name), "call": call_id, "input": _json(given), "model": self.model}
        self._keep("tool_call", said)
        return call_id

    def tool_result(
        self,
        call_id: str,
        output: Any = "",
        *,
        error: bool = False,
        name: str = "",
        exit_code: int | None = None,
    ) -> None:
        """Record what a tool gave back, and whether it failed."""
        status = "error" if error or exit_code else "ok"
        said = {
            "tool": name,
            "call": call_id,
            "text": _text(output),
            "status": status,
            "exit_code": exit_code,
        }
        self._keep("tool_result", said)

    def tool(self, name: str, input: Any = None) -> "ToolUse":  # noqa: A002
        """Record one use of a tool around the code that does it; what it raises is its failure."""
        return ToolUse(self, name, input)

    def usage(
        self,
        *,
        input_tokens: int = 0,
        output_tokens: int = 0,
        cache_read_tokens: int = 0,
        cache_write_tokens: int = 0,
        model: str = "",
    ) -> None:
        """Record the tokens of one request to a model."""
        said = {
            "input_tokens": input_tokens,
            "output_tokens": output_tokens,
            "cache_read_tokens": cache_read_tokens,
            "cache_write_tokens": cache_write_tokens,
            "model": model or self.model,
        }
        self._keep("usage", said)

    def outcome(
        self, *, success: bool | None = None, reward: float | None = None, note: str = "", by: str = ""
    ) -> None:
        """Say how what was asked last went: whether it worked, or a reward from 0 to 1."""
        self._outcome(success=success, reward=reward, note=note, by=by)

    def end(self) -> None:
        """End the session; a context manager does so by itself."""
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            self._keep("system", {"text": f"the program failed: {type(error).__name__}: {error}"[:2_000]})
        self._end()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    @guarded(lambda: None)
    def _keep(self, kind: str, said: dict[str, Any], *, moment: str = "") -> None:
        around = here()
        if not around.is_captured:
            return
        with self._lock:  # one session may be recorded from several threads
            lines = [] if self._begun else [self._line("start", self._start())]
            lines.append(self._line(kind, said))
            around.transport.record(self.id, lines, moment=moment)
            self._begun = True

    @guarded(lambda: None)
    def _outcome(self, *, success: bool | None, reward: float | None, note: str, by: str) -> None:
        self._keep("outcome", outcome_of(success=success, reward=reward, note=note, by=by), moment="turn")

    def _end(self) -> None:
        if self._begun:
            self._keep("end", {}, moment="end")

    def _start(self) -> dict[str, Any]:
        where = place(self.project)
        return {"agent": self.agent, "project": where.remote, "cwd": where.cwd, "model": self.model}

    def _line(self, kind: str, said: dict[str, Any]) -> dict[str, Any]:
        number = next(self._numbers)
        return {
            MARK: 1,
            "id": f"{self._run}.{number}",
            "at": time.time(),
            "session": self.id,
            "kind": kind,
            "said": said,
        }


class ToolUse:
    """Hold one use of a tool while it runs; set `result` to what it gave."""

    def __init__(self, session: Session, name: str, given: Any) -> None:
        self.result: Any = ""
        self._session, self._name = session, name
        self._failed = False
        self.call_id = session.tool_call(name, given)

    def fail(self, message: str = "") -> None:
        """Say that the tool failed, where it does not raise."""
        self._failed = True
        self.result = message or self.result

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        said = f"{type(error).__name__}: {error}" if error is not None else self.result
        is_error = self._failed or error is not None
        self._session.tool_result(self.call_id, said, error=is_error, name=self._name)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)


def session(
    *,
    agent: str = "",
    project: str | None = None,
    model: str = "",
    id: str = "",  # noqa: A002
    strict: bool = False,
) -> Session:
    """Begin a session: of which agent, on which project, with which model; `id` is your own id of it.

    A session with an `id` goes on where one with the same id stopped. With `strict` its calls raise.
    """
    return Session(agent=agent, project=project, model=model, id=id, strict=strict)


@guarded(lambda: None)
def record_outcome(
    session: Session | str,
    *,
    success: bool | None = None,
    reward: float | None = None,
    note: str = "",
    by: str = "",
    strict: bool = False,  # noqa: ARG001 - read by `guarded`
) -> None:
    """Say how a session went, also later and from another process; what was asked last is meant.

    `session` is a session, its id, or the id of one that came in as traces. `by` names who says so, such as
    `person:ada`.
    """
    around = here()
    session_id = session if isinstance(session, str) else session.id
    line = {
        MARK: 1,
        "id": uuid.uuid4().hex,
        "at": time.time(),
        "session": session_id,
        "kind": "outcome",
        "said": outcome_of(success=success, reward=reward, note=note, by=by),
    }
    if around.is_captured:
        around.transport.record(session_id, [line], moment="turn")


def outcome_of(*, success: bool | None, reward: float | None, note: str, by: str) -> dict[str, Any]:
    """Write down an outcome; raise where it says nothing."""
    if reward is not None and not (math.isfinite(reward) and 0 <= reward <= 1):
        raise ValueError(f"a reward lies between 0 and 1, and {reward!r} does not")
    if success is None and reward is None:
        raise ValueError("an outcome needs success or reward")
    label = "" if success is None else (Outcome.SUCCESS if success else Outcome.FAILURE).value
    return {"label": label, "reward": reward, "note": _text(note), "by": by}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        try:
            value = json.dumps(value, ensure_ascii=False, default=str)
        except (TypeError, ValueError, RecursionError) as error:
            failed("text", error)
            value = repr(type(value))
    if len(value) <= MAX_TEXT_CHARS:
        return str(value)
    half = MAX_TEXT_CHARS // 2
    return f"{value[:half]}\n[…]\n{value[-half:]}"


def _json(given: dict[str, Any]) -> dict[str, Any]:
    """Give an input that can be written, whatever objects it holds."""
    try:
        written = json.dumps(given, default=str)
        if len(written) <= MAX_TEXT_CHARS:
            return {str(key): value for key, value in json.loads(written).items()}
        return {"input": _text(written)}
    except (TypeError, ValueError, RecursionError) as error:
        failed("input", error)
        return {}
