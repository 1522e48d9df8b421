"""The one way to a model: redacted, written into the ledger, under the day's cap."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from hivemind.capture.redaction import Redactor
from hivemind.domain.events import Usage
from hivemind.domain.model_calls import CallStatus, Cap
from hivemind.domain.prices import cost_usd
from hivemind.llm.base import Answer, Model, ModelError, Question, Spent, estimated_tokens
from hivemind.store import model_calls
from hivemind.store.database import Database
from hivemind.store.model_calls import Wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """Say what a question is asked for."""

    name: str
    subject: str = ""
    evidence_hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Hold how a call went: an answer that is to be judged and settled, or why there is none."""

    call_id: str = ""
    answer: Answer | None = None
    status: CallStatus | None = None
    detail: str = ""
    refused: str = ""  #: why no call was made: capped, asked


class Ledger:
    """Ask a model through the ledger."""

    def __init__(
        self, database: Database, workspace_id: str, *, model: Model, cap: Cap, redactor: Redactor
    ) -> None:
        self.database = database
        self.workspace_id = workspace_id
        self.model = model
        self.cap = cap
        self._redactor = redactor

    def ask(
        self, question: Question, purpose: Purpose, *, stopped: Callable[[], bool] = lambda: False
    ) -> Asked:
        """Make one call, unless this evidence was put to a model before or the cap is reached."""
        question = replace(question, material=self.redacted(question.material))
        with self.database.write(self.workspace_id) as workspace:
            if purpose.evidence_hash and model_calls.asked(
                workspace, subject=purpose.subject, evidence_hash=purpose.evidence_hash
            ):
                return Asked(refused="asked")
            known = model_calls.dearest(workspace, kind=self.model.kind, model=self.model.name)
            estimate = self.estimated_usd(question)
            wanted = Wanted(
                purpose=purpose.name,
                subject=purpose.subject,
                evidence_hash=purpose.evidence_hash,
                kind=self.model.kind,
                model=self.model.name,
                cost_usd=known if estimate is None else estimate,
            )
            call_id = model_calls.begin(workspace, wanted, cap=self.cap)
        if call_id is None:
            return Asked(refused="capped")
        return self._call(call_id, question, stopped)

    def redacted(self, text: str) -> str:
        """Give a text without its secrets, for the ledger."""
        return self._redactor.redact(text).text

    def estimated_usd(self, question: Question) -> float | None:
        """Estimate what a question costs; None where the model's price is not known."""
        asked, said = estimate(question, self.model)
        return cost_usd(self.model.name, Usage(message_id="", input_tokens=asked, output_tokens=said))

    def _call(self, call_id: str, question: Question, stopped: Callable[[], bool]) -> Asked:
        began = time.monotonic()
        answer, spent, status, detail = None, Spent(), CallStatus.FAILED, "Hivemind itself failed"
        try:
            answer = self.model.ask(question, stopped=stopped)
            spent, status, detail = answer.spent, CallStatus.ANSWERED, ""
        except ModelError as error:
            # What a provider says may quote a key.
            spent, status, detail = error.spent, error.status, self.redacted(error.message)
        finally:
            with self.database.write(self.workspace_id) as workspace:
                model_calls.settle(
                    workspace,
                    call_id,
                    status=status,
                    detail=detail,
                    duration_ms=round((time.monotonic() - began) * 1000),
                    **self._columns(spent, question, answer),
                )
        return Asked(call_id=call_id, answer=answer, status=status, detail=detail)

    def _columns(self, spent: Spent, question: Question, answer: Answer | None) -> dict[str, object]:
        columns: dict[str, object] = {
            "model": spent.model[:200],
            "input_tokens": spent.input_tokens,
            "output_tokens": spent.output_tokens,
        }
        price = spent.cost_usd
        if price is None and spent.input_tokens is not None:
            used = Usage(
                message_id="", input_tokens=spent.input_tokens, output_tokens=spent.output_tokens or 0
            )
            price = cost_usd(spent.model or self.model.name, used)
        if price is not None:
            columns["cost_usd"] = price
        elif answer is not None:
            # The estimate is of no use once the answer is there without a price; a failed call keeps it.
            columns["cost_usd"] = self.estimated_usd(question)
        return columns


def estimate(question: Question, model: Model | None) -> tuple[int, int]:
    """Estimate the tokens of a question and of its answer."""
    given = estimated_tokens(question.instructions) + estimated_tokens(question.material)
    return given + (model.overhead_tokens if model else 0), question.expected_output_tokens
