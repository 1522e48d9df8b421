"""Choose the few skills that a prompt is worth, within the budget."""

import re

from hivemind.retrieval.rank import prompt_words
from hivemind.retrieval.render import XML, render_block, render_entry
from hivemind.retrieval.sections import best_section
from hivemind.retrieval.tokens import LETTERS_A_PIECE, count_tokens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hivemind.retrieval.rank import Candidate

MAX_SKILLS = 2
BUDGET_TOKENS = 1500
#: Agents cut what a hook says at 10,000 characters.
MAX_CHARS = 9_500
#: A longer skill gives the section that the prompt is about, of at most so many tokens: what is not about it
#: costs more attention than it is worth, and the rest is one call away.
WHOLE_TOKENS, SECTION_TOKENS = 600, 300
#: A skill this far behind the best one is left out, however low the threshold.
LEAST_OF_BEST = 0.6
#: Two skills that share this much of their words are one.
DUPLICATE_SHARE = 0.8
_WORD = re.compile(r"\w+")


class Selected:
    """Hold a skill that was chosen, and the text that the agent gets for it."""

    __slots__ = ("candidate", "form", "text")

    def __init__(self, candidate: "Candidate", *, text: str, form: str) -> None:
        self.candidate = candidate
        self.text = text
        self.form = form  #: whole, section, description

    @property
    def whole(self) -> bool:
        """Say whether the agent gets all of it."""
        return self.form == "whole"


def select(
    candidates: "Sequence[Candidate]",
    *,
    prompt: str = "",
    already: frozenset[str] = frozenset(),
    k: int = MAX_SKILLS,
    budget_tokens: int = BUDGET_TOKENS,
    max_chars: int = MAX_CHARS,
    style: str = XML,
    loads: bool = True,
) -> list[Selected]:
    """Choose at most `k` relevant skills, the best first, whose block stays within both budgets.

    What is long, or does not fit whole, is reduced to the section that the `prompt` is about, and else to
    its description. Skills whose id is in `already`, and near-duplicates of them or of a chosen one, are
    left out. `loads` says whether the reader can load the rest; without it a description alone is nothing.
    """
    relevant = [candidate for candidate in candidates if candidate.relevant]
    if not relevant:
        return []
    least = relevant[0].score * LEAST_OF_BEST
    shown = [candidate for candidate in candidates if candidate.skill_id in already]
    words: dict[str, set[str]] = {}
    chosen: list[Selected] = []
    for candidate in relevant:
        if len(chosen) >= k or candidate.score < least:
            break
        if candidate.skill_id in already or any(_alike(candidate, other, words) for other in shown):
            continue
        forms = _forms(candidate, prompt, style=style, loads=loads)
        fitting = _fit(
            chosen, candidate, forms, budget_tokens=budget_tokens, max_chars=max_chars, style=style
        )
        if fitting is not None:
            chosen.append(fitting)
            shown.append(candidate)
    return chosen


def render_selected(selected: "Sequence[Selected]", *, style: str = XML) -> str:
    """Render the text that the agent gets for what was chosen."""
    return render_block([entry.text for entry in selected], style=style)


def _fit(
    chosen: list[Selected],
    candidate: "Candidate",
    forms: "Iterator[tuple[str, str]]",
    *,
    budget_tokens: int,
    max_chars: int,
    style: str,
) -> Selected | None:
    for form, text in forms:
        block = render_block([*(entry.text for entry in chosen), text], style=style)
        if len(block) <= max_chars and count_tokens(block) <= budget_tokens:
            return Selected(candidate, text=text, form=form)
    return None


def _forms(candidate: "Candidate", prompt: str, *, style: str, loads: bool) -> "Iterator[tuple[str, str]]":
    """Give what a skill may be shown as, the longest first."""
    # To count takes milliseconds, and most skills are too long by their letters alone.
    letters = len("".join(candidate.body.split()))
    if letters <= WHOLE_TOKENS * LETTERS_A_PIECE and count_tokens(candidate.body) <= WHOLE_TOKENS:
        yield "whole", render_entry(candidate, whole=True, style=style, loads=loads)
    # Who cannot load the rest gets as much of the section as of a whole skill.
    most = SECTION_TOKENS if loads else WHOLE_TOKENS
    section = best_section(candidate.body, prompt_words(prompt), budget_tokens=most)
    if section:
        yield "section", render_entry(candidate, whole=False, section=section, style=style, loads=loads)
    if loads:
        yield "description", render_entry(candidate, whole=False, style=style)


def _alike(one: "Candidate", other: "Candidate", words: dict[str, set[str]]) -> bool:
    """Compare the words of two skills; they are kept: those of a long one take a millisecond."""
    for candidate in (one, other):
        if candidate.skill_id not in words:
            text = f"{candidate.description} {candidate.body}".lower()
            words[candidate.skill_id] = set(_WORD.findall(text))
    its, others = words[one.skill_id], words[other.skill_id]
    return len(its & others) >= DUPLICATE_SHARE * len(its | others)
