"""Choose the few skills that a prompt is worth, within the budget."""

import re

from hivemind.retrieval.render import render_block, render_entry
from hivemind.retrieval.tokens import count_tokens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from hivemind.retrieval.rank import Candidate

MAX_SKILLS = 3
BUDGET_TOKENS = 1500
#: Agents cut what a hook says at 10,000 characters.
MAX_CHARS = 9_500
#: A skill this far behind the best one is left out, however low the threshold.
LEAST_OF_BEST = 0.6
#: Two skills that share this much of their words are one.
DUPLICATE_SHARE = 0.8
_WORD = re.compile(r"\w+")


class Selected:
    """Hold a skill that was chosen, and the text that the agent gets for it."""

    __slots__ = ("candidate", "text", "whole")

    def __init__(self, candidate: "Candidate", *, text: str, whole: bool) -> None:
        self.candidate = candidate
        self.text = text
        self.whole = whole


def select(
    candidates: "Sequence[Candidate]",
    *,
    already: frozenset[str] = frozenset(),
    k: int = MAX_SKILLS,
    budget_tokens: int = BUDGET_TOKENS,
    max_chars: int = MAX_CHARS,
) -> list[Selected]:
    """Choose at most `k` relevant skills, the best first, whose block stays within both budgets.

    What does not fit whole is reduced to its description. Skills whose id is in `already`, and
    near-duplicates of them or of a chosen one, are left out.
    """
    relevant = [candidate for candidate in candidates if candidate.relevant]
    least = relevant[0].score * LEAST_OF_BEST if relevant else 0.0
    shown = [_words(candidate) for candidate in candidates if candidate.skill_id in already]
    chosen: list[Selected] = []
    for candidate in relevant:
        if len(chosen) >= k or candidate.score < least:
            break
        words = _words(candidate)
        if candidate.skill_id in already or any(_alike(words, other) for other in shown):
            continue
        fitting = _fit(chosen, candidate, budget_tokens=budget_tokens, max_chars=max_chars)
        if fitting is not None:
            chosen.append(fitting)
            shown.append(words)
    return chosen


def render_selected(selected: "Sequence[Selected]") -> str:
    """Render the text that the agent gets for what was chosen."""
    return render_block([entry.text for entry in selected])


def _fit(
    chosen: list[Selected], candidate: "Candidate", *, budget_tokens: int, max_chars: int
) -> Selected | None:
    for whole in (True, False):
        text = render_entry(candidate, whole=whole)
        block = render_block([*(entry.text for entry in chosen), text])
        if len(block) <= max_chars and count_tokens(block) <= budget_tokens:
            return Selected(candidate, text=text, whole=whole)
    return None


def _words(candidate: "Candidate") -> set[str]:
    return set(_WORD.findall(f"{candidate.description} {candidate.body}".lower()))


def _alike(words: set[str], others: set[str]) -> bool:
    return len(words & others) >= DUPLICATE_SHARE * len(words | others)
