"""Find the few skills that a prompt is worth, or none.

The worker calls `relevant` on its own connection; the hook calls `cold.answer` where no worker answers. Both
run the same ranking. The modules that the hook needs, this one included, import the standard library only.
"""

from hivemind.retrieval import rank, select, withholding
from hivemind.retrieval.render import XML

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from hivemind.retrieval.rank import Candidate

__all__ = ["Answer", "relevant"]


class Answer:
    """Hold what an agent gets at a prompt.

    `text` is what it reads, `skills` are those in it as (id, version, confidence), best first: confidence
    lies between 0 and 1, with the threshold of showing anything at one half. `offers` are all that fitted the
    prompt, as (id, version, arm, share): these, those withheld, and those that the session has already.
    """

    __slots__ = ("chosen", "offers", "skills", "text")

    def __init__(
        self,
        text: str,
        skills: list[tuple[str, int, float]],
        offers: "Sequence[tuple[str, int, str, float]]" = (),
        chosen: "Sequence[select.Selected]" = (),
    ) -> None:
        self.text = text
        self.skills = skills
        self.offers = list(offers)
        self.chosen = tuple(chosen)  #: the skills in the text, as they are shown


def relevant(
    connection: "sqlite3.Connection",
    *,
    workspace_id: str,
    project_id: str,
    prompt: str,
    already: frozenset[str] = frozenset(),
    k: int = select.MAX_SKILLS,
    budget_tokens: int = select.BUDGET_TOKENS,
    session_id: str = "",
    agent: str = "",
    withheld: frozenset[str] = frozenset(),
    known: "Mapping[str, withholding.Assignment] | None" = None,
    candidates: "Sequence[Candidate] | None" = None,
    style: str = XML,
    loads: bool = True,
) -> Answer:
    """Choose and render the skills for a prompt; an empty answer where none is relevant.

    `candidates` are ranked already, by the worker's index; without them the database is searched.
    `already` has the ids of the skills that the session was given before, `withheld` of those that came up
    and were not. What is chosen and withheld from the session leaves its place empty: whether another skill
    is shown must not depend on the draw. Without a `session_id` nothing is withheld. `style` is how the text
    is written, `loads` whether its reader has the tool that loads a whole skill.
    """
    if candidates is None:
        candidates = rank.rank(connection, workspace_id=workspace_id, project_id=project_id, prompt=prompt)
    arms = withholding.assign(
        connection,
        workspace_id=workspace_id,
        session_id=session_id,
        agent=agent,
        skill_ids=[one.skill_id for one in candidates if one.relevant],
        known=known,
    )
    # Since nothing is withheld any more, a skill may be due that came up before.
    still = {one for one in withheld if arms.get(one, (withholding.WITHHELD,))[0] == withholding.WITHHELD}
    already |= still
    chosen = select.select(
        candidates,
        prompt=prompt,
        already=already,
        k=k,
        budget_tokens=budget_tokens,
        # What a hook says is cut; what a program puts into its own prompt is not.
        max_chars=select.MAX_CHARS if loads else budget_tokens * 8,
        style=style,
        loads=loads,
    )
    given = [one for one in chosen if arms[one.candidate.skill_id][0] == withholding.GIVEN]
    fitting = [*(one.candidate for one in chosen), *_again(candidates, already=already, k=k)]
    return Answer(
        select.render_selected(given, style=style) if given else "",
        [(one.candidate.skill_id, one.candidate.version, one.candidate.confidence) for one in given],
        [(one.skill_id, one.version, *arms[one.skill_id]) for one in fitting],
        given,
    )


def _again(candidates: "Sequence[Candidate]", *, already: frozenset[str], k: int) -> "list[Candidate]":
    """Give what came up in the session before and fits the prompt, too."""
    fitting = [one for one in candidates if one.relevant]
    least = fitting[0].score * select.LEAST_OF_BEST if fitting else 0.0
    return [one for one in fitting if one.skill_id in already and one.score >= least][:k]
