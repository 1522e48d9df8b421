"""Long skills cost tokens in every session and help less, so very long ones are refused."""

from collections.abc import Iterator

from hivemind.domain.skills import Finding, SkillDocument
from hivemind.library.gates.base import GateContext

name = "size"

MAX_LINES = 500
MAX_TOKENS = 5_000
GOOD_LINES = 60
#: Bytes of UTF-8 that make a token in the common tokenisers, on average and rather too few.
_BYTES_PER_TOKEN = 4


def check(document: SkillDocument, context: GateContext) -> Iterator[Finding]:  # noqa: ARG001
    """Report a body beyond the limits of the Agent Skills specification, or beyond what helps."""
    lines, tokens = document.body.count("\n") + 1, estimated_tokens(document.body)
    if lines > MAX_LINES:
        yield Finding(gate=name, message=f"The body has {lines:,} lines; the limit is {MAX_LINES}.")
    elif lines > GOOD_LINES:
        yield Finding(
            gate=name, message=f"The body has {lines} lines; aim for {GOOD_LINES} or fewer.", blocking=False
        )
    if tokens > MAX_TOKENS:
        yield Finding(
            gate=name, message=f"The body has about {tokens:,} tokens; the limit is {MAX_TOKENS:,}."
        )


def estimated_tokens(text: str) -> int:
    """Estimate the tokens of a text from its length."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // _BYTES_PER_TOKEN)
