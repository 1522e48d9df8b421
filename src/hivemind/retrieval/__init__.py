"""Find the few skills that a prompt is worth, or none.

The worker calls `relevant` on its own connection; the hook calls `cold.answer` where no worker answers. Both
run the same ranking. The modules that the hook needs, this one included, import the standard library only.
"""

from hivemind.retrieval import rank, select

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

__all__ = ["Answer", "relevant"]


class Answer:
    """Hold what an agent gets at a prompt: the text, and its skills as (id, version, confidence), best first.

    Confidence lies between 0 and 1, with the threshold of showing anything at one half.
    """

    __slots__ = ("skills", "text")

    def __init__(self, text: str, skills: list[tuple[str, int, float]]) -> None:
        self.text = text
        self.skills = skills


def relevant(
    connection: "sqlite3.Connection",
    *,
    workspace_id: str,
    project_id: str,
    prompt: str,
    already: frozenset[str] = frozenset(),
    k: int = select.MAX_SKILLS,
    budget_tokens: int = select.BUDGET_TOKENS,
) -> Answer:
    """Choose and render the skills for a prompt; an empty answer where none is relevant.

    `already` has the ids of the skills that the session was shown before.
    """
    candidates = rank.rank(connection, workspace_id=workspace_id, project_id=project_id, prompt=prompt)
    chosen = select.select(candidates, already=already, k=k, budget_tokens=budget_tokens)
    return Answer(
        select.render_selected(chosen),
        [(one.candidate.skill_id, one.candidate.version, one.candidate.confidence) for one in chosen],
    )
