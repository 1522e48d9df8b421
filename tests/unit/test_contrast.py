"""What attempts that worked share and those that failed lack is found, and chance is not."""

from __future__ import annotations

import random

import pytest
from contrast_stories import Did, attempt, did, episode
from hypothesis import given, settings
from hypothesis import strategies as st

from hivemind.distill.contrast import mine, patterns, wording
from hivemind.distill.contrast.evidence import Stratum, judge, taken
from hivemind.distill.contrast.families import Asked, families
from hivemind.distill.contrast.mine import Attempt, Demands
from hivemind.distill.contrast.patterns import Pattern

LOOK, CHANGE = did("get_order", order="A11", output="order A11 is open"), did("cancel_order", order="A11")
CARELESS = ("Cancel order A11.", CHANGE)
CAREFUL = ("Cancel order A11.", LOOK, "Yes, please.", CHANGE)


def kinds(*told: str | Did) -> set[tuple[str, ...]]:
    """Give the patterns of an episode as plain tuples."""
    return {(p.kind, *p.about) for p in patterns.found(episode(*told))}


def careful_and_careless(each: int = 8) -> list[Attempt]:
    """Tell attempts that looked first and worked, and attempts that did not and failed."""
    return [
        attempt(*(CAREFUL if n % 2 else CARELESS), worked=bool(n % 2), session=f"s{n}")
        for n in range(2 * each)
    ]


def said(attempts: list[Attempt], demands: Demands | None = None) -> list[str]:
    """Give what is learnt, in words."""
    return [
        (wording.advice if c.log_odds > 0 else wording.warning)(c.patterns)
        for c in mine.mine(attempts, demands)
    ]


def test_order_confirmation_and_origin_are_seen() -> None:
    """An attempt shows what it called, in which order, with which values, and how careful it was."""
    found = kinds(*CAREFUL)
    assert ("before", "get_order", "cancel_order") in found
    assert ("agreed", "cancel_order") in found
    assert ("gives", "cancel_order", "order", "A11") in found
    assert ("invents", "cancel_order") not in found
    assert ("changes", "1") in found
    careless = kinds("Cancel my order.", CHANGE)
    assert {("unagreed", "cancel_order"), ("invents", "cancel_order")} <= careless


def test_a_repeated_look_counts_until_something_changed() -> None:
    """The same call twice is a repetition, but not when a change lies between."""
    assert ("repeats", "get_order") in kinds("Go.", LOOK, LOOK)
    assert ("repeats", "get_order") not in kinds("Go.", LOOK, CHANGE, LOOK)


def test_failures_of_the_environment_are_no_steps() -> None:
    """A call that the network made fail shows nothing; one that failed at the work does."""
    down = did("get_order", order="A1", output="Error: connection refused", failed=True)
    wrong = did("get_order", order="A1", output="Error: no such order", failed=True)
    assert not any("get_order" in p for p in kinds("Go.", down))
    assert ("fails", "get_order") in kinds("Go.", wrong)


def test_commands_are_named_by_what_they_do() -> None:
    """A shell command counts under its program and verb, and looking around does not count."""
    found = kinds("Go.", did("Bash", command="cd src && make test"), did("Bash", command="ls -la"))
    assert ("does", "make test") in found
    assert not any("ls" in p for p in found)


def test_what_sets_them_apart_is_said_once() -> None:
    """Patterns that come together are one lesson, in plain words."""
    learnt = said(careful_and_careless())
    assert learnt[0] in (
        "Call `get_order` with `order` `A11`.",
        "Going ahead with a change before the person said yes.",
    )
    assert len(learnt) == 2


def test_what_all_do_alike_is_no_lesson() -> None:
    """A pattern of every attempt, or of as many that failed, says nothing."""
    alike = [attempt(*CAREFUL, worked=bool(n % 2), session=f"s{n}") for n in range(20)]
    assert mine.mine(alike) == []


def test_one_session_is_no_evidence() -> None:
    """Many episodes of one session count once: what happened once is no lesson."""
    once = [attempt(*(CAREFUL if n % 2 else CARELESS), worked=bool(n % 2), session="s1") for n in range(20)]
    assert mine.mine(once) == []


def test_an_easy_task_does_not_make_a_good_pattern() -> None:
    """Where one task always works and another always fails, what they differ in is not learnt."""
    confounded = [attempt(*CAREFUL, worked=True, session=f"easy{n}", family="easy") for n in range(9)] + [
        attempt(*CARELESS, worked=False, session=f"hard{n}", family="hard") for n in range(9)
    ]
    assert mine.mine(confounded) == []


def test_order_is_judged_among_those_that_could() -> None:
    """That a look comes before a change is not credited with the change itself."""
    told = [("Go.", LOOK, CHANGE)] * 8 + [("Go.", LOOK)] * 8
    attempts = [attempt(*t, worked=n < 8, session=f"s{n}") for n, t in enumerate(told)]
    shown = {p.kind for c in mine.mine(attempts) for p in c.patterns}
    assert "does" in shown
    assert "before" not in shown


@given(st.randoms(use_true_random=False))
@settings(max_examples=25)
def test_the_order_of_attempts_does_not_matter(generator: random.Random) -> None:
    """The same attempts in another order give the same lessons, and so does a second run."""
    attempts = careful_and_careless(5)
    first = mine.mine(attempts)
    generator.shuffle(attempts)
    assert mine.mine(attempts) == first == mine.mine(attempts)


def test_shuffled_outcomes_teach_almost_nothing() -> None:
    """Of outcomes dealt out by chance, at most one project in ten learns a lesson."""
    generator = random.Random(7)  # noqa: S311
    demands = Demands(sessions_each_side=3, sessions_showing=3, false_discoveries=0.1)
    tools = [did(f"get_{n}", a=str(n)) for n in range(12)]
    found = 0
    for _ in range(40):
        attempts = [
            attempt("Go.", *generator.sample(tools, 4), worked=generator.random() < 0.5, session=f"s{n}")
            for n in range(16)
        ]
        found += len(mine.mine(attempts, demands))
    assert found <= 4


def test_the_judgement_follows_the_counts() -> None:
    """More of the same is surer, the reverse has the other sign, and strata add up."""
    some, more = judge([Stratum(6, 6, 5, 1)]), judge([Stratum(12, 12, 10, 2)])
    assert 0.5 < some.probability < more.probability < 1
    assert some.log_odds > 0 > judge([Stratum(6, 6, 1, 5)]).log_odds
    assert judge([Stratum(6, 6, 5, 1)] * 2).probability > some.probability
    assert judge([Stratum(50, 50, 25, 25)]).probability < 0.3
    assert judge([Stratum(5, 0, 5, 0), Stratum(5, 5, 5, 5)]).probability == 0


@given(*[st.integers(0, 400)] * 4)
def test_any_counts_can_be_judged(succeeded: int, failed: int, with_one: int, with_other: int) -> None:
    """A judgement is a probability, whatever the counts."""
    verdict = judge([Stratum(succeeded, failed, min(succeeded, with_one), min(failed, with_other))])
    assert 0 <= verdict.probability <= 1


def test_lessons_are_taken_while_few_are_wrong() -> None:
    """The mean probability of error among those taken stays below the limit."""
    assert taken([0.99, 0.9, 0.6, 0.2], limit=0.2) == 3
    assert taken([0.5], limit=0.2) == 0
    assert taken([], limit=0.2) == 0


def asked(number: int, request: str, *, own_tools: bool = False) -> Asked:
    """Give a request."""
    return Asked(episode_id=f"p{number}", request=request, at=str(number), agent="a", own_tools=own_tools)


def test_like_requests_are_a_family() -> None:
    """Requests with the same words are alike, whatever their numbers; a coding agent's others are not."""
    found = families(
        [
            asked(1, "Cancel order 4411 of the customer, please."),
            asked(2, "Please cancel the customer order 5522"),
            asked(3, "Write a parser for dates."),
        ]
    )
    assert found[0] == found[1] is not None
    assert found[0].label == "cancel order customer"
    assert found[2] is None


def test_one_policy_makes_the_rest_alike() -> None:
    """What an agent with its own tools does is alike even where nothing else is."""
    found = families(
        [asked(1, "Cancel it.", own_tools=True), asked(2, "Where is my parcel?", own_tools=True)]
    )
    assert found[0] == found[1] is not None


@given(st.permutations(range(6)))
def test_families_do_not_depend_on_order(order: list[int]) -> None:
    """The same requests in another order have the same families."""
    words = ["red", "green", "blue", "black", "white", "brown"]
    requests = [asked(n, f"{words[n]} {words[(n + 1) % 6]} paint") for n in range(6)]
    usual = dict(zip((r.episode_id for r in requests), families(requests), strict=True))
    shuffled = [requests[n] for n in order]
    assert dict(zip((r.episode_id for r in shuffled), families(shuffled), strict=True)) == usual


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)


@given(
    st.lists(
        st.tuples(st.text(max_size=20), st.dictionaries(st.text(max_size=9), JSON, max_size=4)), max_size=5
    )
)
@settings(max_examples=60)
def test_any_calls_can_be_read_and_said(calls: list[tuple[str, dict[str, object]]]) -> None:
    """No name or input of a tool makes reading or wording fail, and a sentence stays on one line."""
    for pattern in patterns.found(episode("Go.", *(Did(name, data) for name, data in calls))):
        assert "\n" not in wording.advice([pattern])
        assert "\n" not in wording.warning([pattern])


@pytest.mark.parametrize(
    ("pattern", "advice", "warning"),
    [
        (Pattern("does", ("get",)), "Call `get`.", "Calling `get`."),
        (Pattern("before", ("get", "put")), "Before `put`, call `get`.", "Calling `get` before `put`."),
        (Pattern("then", ("", "get")), "Begin with `get`.", "Beginning with `get`."),
        (Pattern("then", ("get", ".")), "End with `get`.", "Ending right after `get`."),
        (Pattern("changes", ("0",)), "Make no change.", "Making no change."),
        (
            Pattern("items", ("put", "ids", "1")),
            "Call `put` with 1 entry in `ids`.",
            "Calling `put` with 1 entry in `ids`.",
        ),
        (
            Pattern("repeats"),
            "Make sure by repeating the same call.",
            "Repeating the same call although nothing had changed.",
        ),
    ],
)
def test_patterns_are_said_plainly(pattern: Pattern, advice: str, warning: str) -> None:
    """Each pattern is an instruction and an observation."""
    assert wording.advice([pattern]) == advice
    assert wording.warning([pattern]) == warning
