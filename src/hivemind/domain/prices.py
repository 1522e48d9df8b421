"""List prices of models, to estimate what sessions cost; unknown models have no price rather than a guess."""

import re
from dataclasses import dataclass

from hivemind.domain.events import Usage

#: When the prices below were taken from the vendor's public price list.
AS_OF = "2026-02"


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Hold US dollars for a million tokens; cache reads cost a tenth of input, writes a quarter more."""

    input_usd: float
    output_usd: float


_PRICES: tuple[tuple[re.Pattern[str], Price], ...] = (
    (re.compile(r"^claude-opus-4-[5-8]"), Price(input_usd=5.0, output_usd=25.0)),
    (re.compile(r"^claude-opus-4(?:-[01]|-2025|$)"), Price(input_usd=15.0, output_usd=75.0)),
    (re.compile(r"^claude-sonnet-4"), Price(input_usd=3.0, output_usd=15.0)),
    (re.compile(r"^claude-haiku-4-5"), Price(input_usd=1.0, output_usd=5.0)),
    (re.compile(r"^claude-3-5-haiku"), Price(input_usd=0.8, output_usd=4.0)),
)


def cost_usd(model: str, usage: Usage) -> float | None:
    """Estimate what one message cost at list price; None for a model whose price is not known here."""
    for pattern, price in _PRICES:
        if pattern.match(model):
            read_and_written = (
                usage.input_tokens + usage.cache_read_tokens * 0.1 + usage.cache_write_tokens * 1.25
            )
            return (read_and_written * price.input_usd + usage.output_tokens * price.output_usd) / 1e6
    return None
