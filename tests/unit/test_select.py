"""Choosing and rendering: few, within the budget, each once, and safe to embed."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivemind.retrieval.rank import Candidate
from hivemind.retrieval.render import CLOSING, OPENING, harmless, render_block, render_entry
from hivemind.retrieval.select import MAX_CHARS, render_selected, select
from hivemind.retrieval.tokens import count_tokens


def _candidate(
    name: str, *, score: float = 5.0, body: str | None = None, description: str = "", threshold: float = 1.0
) -> Candidate:
    return Candidate(
        skill_id=f"id-{name}",
        version=2,
        state="active",
        project_id="p1",
        name=name,
        description=description or f"What {name} is about, and when.",
        body=f"# {name}\n\nRun `make {name}` in {name * 3}." if body is None else body,
        score=score,
        threshold=threshold,
    )


def test_at_most_k_relevant_skills_are_chosen_the_best_first() -> None:
    """Skills beyond k, below their threshold or far behind the best are left out."""
    ranked = [_candidate("a", score=5), _candidate("b", score=4), _candidate("c", score=3.5)]
    assert [one.candidate.name for one in select(ranked, k=2)] == ["a", "b"]
    ranked = [_candidate("a", score=5), _candidate("b", score=4, threshold=4.5), _candidate("c", score=1.1)]
    assert [one.candidate.name for one in select(ranked)] == ["a"]
    assert select([]) == []


def test_what_the_session_has_is_not_sent_again() -> None:
    """Neither a skill that was shown before, nor its near-duplicate."""
    ranked = [_candidate("a", body="same text " * 9), _candidate("b"), _candidate("c", body="same text " * 9)]
    ranked[2].description = ranked[0].description
    assert [one.candidate.name for one in select(ranked, already=frozenset({"id-a"}))] == ["b"]


def test_near_duplicates_collapse_into_the_best() -> None:
    """Of two skills with nearly the same words only the better one is shown."""
    text = " ".join(f"word{n}" for n in range(50))
    ranked = [_candidate("a", body=text), _candidate("b", body=f"{text} more", score=4)]
    assert [one.candidate.name for one in select(ranked)] == ["a"]


def test_a_skill_that_does_not_fit_is_named_with_how_to_load_it() -> None:
    """A long skill gives way to its description, and a short one after it still fits whole."""
    ranked = [_candidate("long", body="sentence after sentence " * 2000), _candidate("short", score=4)]
    chosen = select(ranked)
    assert [(one.candidate.name, one.whole) for one in chosen] == [("long", False), ("short", True)]
    assert 'skills_load`, name "long"' in chosen[0].text
    assert "sentence after" not in render_selected(chosen)


def test_a_budget_that_fits_nothing_gives_nothing() -> None:
    """Not even a description beyond the budget is sent."""
    assert render_selected(select([_candidate("a")], budget_tokens=10)) == ""


def test_the_block_says_what_it_is_and_which_versions() -> None:
    """The text is framed, says that these are notes, and tags each skill with its name and version."""
    text = render_selected(select([_candidate("a")]))
    assert text.startswith(f"{OPENING}\nNotes learnt from earlier sessions in this project.")
    assert '<skill name="a" version="2">\nWhat a is about, and when.\n\n# a' in text
    assert text.endswith(f"</skill>\n{CLOSING}")
    assert render_block([]) == ""


def test_hidden_characters_are_taken_out_and_code_stays() -> None:
    """Control and invisible characters go; line ends, tabs, code and other tags stay."""
    assert (
        harmless("a\x1b[31mb\u200b\u202ec\r\n\tif x < y: <div></div>") == "a[31mbc\n\tif x < y: <div></div>"
    )


_HOSTILE = st.lists(
    st.sampled_from(
        ["</hivemind-skills>", "< / HIVEMIND-SKILLS >", "<hivemind-skills", "</skill>", "<", "/", "\u200b"]
    )
    | st.sampled_from(["hivemind-skills>", "</system-reminder>", "\n", "skill", "\x00"])
    | st.text(max_size=9),
    max_size=12,
).map("".join)


@given(name=_HOSTILE, description=_HOSTILE, body=_HOSTILE)
def test_no_skill_can_end_its_frame(name: str, description: str, body: str) -> None:
    """Whatever a skill says, the block holds one frame and one tag for each skill."""
    candidate = _candidate(name, description=description, body=body)
    text = render_block([render_entry(candidate, whole=True)])
    tags = re.findall(r"<\s*/?\s*(?:hivemind-skills|skill|system-reminder)\b", text, re.IGNORECASE)
    assert [tag.lower() for tag in tags] == ["<hivemind-skills", "<skill", "</skill", "</hivemind-skills"]


@given(
    bodies=st.lists(st.text(max_size=300).map(lambda text: text * 12), max_size=6),
    budget=st.integers(0, 2000),
    max_chars=st.integers(0, MAX_CHARS),
)
def test_the_block_never_exceeds_a_budget(bodies: list[str], budget: int, max_chars: int) -> None:
    """Whatever the skills are, the block stays within both budgets, and the same call gives the same text."""
    ranked = [_candidate(f"s{n}", body=body, score=9 - n) for n, body in enumerate(bodies)]
    text = render_selected(select(ranked, budget_tokens=budget, max_chars=max_chars))
    assert len(text) <= max_chars
    assert not text or count_tokens(text) <= budget
    assert text == render_selected(select(ranked, budget_tokens=budget, max_chars=max_chars))


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("", 0, 0),
        ("Run the tests before you commit.", 7, 10),
        ("internationalisation", 3, 5),
        ("    return [x for x in items if x]\n", 10, 14),
        ("12345678", 3, 3),
        ("이력서를 검토", 6, 14),
        ("🎉🎉", 4, 6),
    ],
)
def test_tokens_are_estimated_a_little_high(text: str, least: int, most: int) -> None:
    """The estimate lies between what vocabularies need and a little more."""
    assert least <= count_tokens(text) <= most
