"""What a model is: a question in, an answer out, or one kind of failure; whoever answers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from hivemind.domain.model_calls import CallStatus

#: Bytes of UTF-8 that make a token in the common tokenisers, on average.
BYTES_PER_TOKEN = 4
#: A longer answer is no wording of a skill, in characters.
MAX_ANSWER_CHARS = 64_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Hold what a model is asked: our instructions, and the material, which is data."""

    instructions: str
    material: str
    fields: tuple[str, ...]  #: of the JSON object that is wanted, each a string
    max_output_tokens: int = 4_000
    expected_output_tokens: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Count what a call used, as far as the model says."""

    model: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Hold what a model said: a JSON object in text, if it did as it was told."""

    text: str
    spent: Spent


class ModelError(Exception):
    """Report a call without a usable answer; what it used counts all the same."""

    def __init__(self, status: CallStatus, message: str, *, spent: Spent | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.spent = spent or Spent()


class Model(Protocol):
    """Answer questions, one call each, without repeating a call by itself."""

    @property
    def kind(self) -> str:
        """Name the kind, as `model.kind` does."""

    @property
    def name(self) -> str:
        """Name the model; empty for the client's own default."""

    @property
    def overhead_tokens(self) -> int:
        """Give the tokens that the client adds to each question of its own."""

    def ask(self, question: Question, *, stopped: Callable[[], bool]) -> Answer:
        """Give the answer; raise ModelError, also soon after `stopped` says so."""


def estimated_tokens(text: str) -> int:
    """Estimate the tokens of a text from its length."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN)
