"""Which lessons become skills, and which belong into one."""

from __future__ import annotations

import random
from typing import Any

import pytest
from stories import lesson

from hivemind.distill import compose
from hivemind.distill.compose import Draft
from hivemind.domain.lessons import Lesson


def known(command: str, *, purpose: str = "test", sessions: int = 3) -> Lesson:
    """Give a command known to work."""
    return lesson("command", command, sessions=sessions, command=command, purpose=purpose)


def fixed(
    failing: str, fix: str, *, relation: str = "other", sessions: int = 2, topic: str = "test"
) -> Lesson:
    """Give a failing call and its answer."""
    key = f"{relation}: {failing} -> {fix}"
    data: dict[str, Any] = {"failed": failing, "fix": fix, "relation": relation, "error": "error: x"}
    return lesson("fix", key, sessions=sessions, topic=topic, **data)


def ordered(*steps: str, sessions: int = 3) -> Lesson:
    """Give an order of checks."""
    return lesson("procedure", " && ".join(steps), sessions=sessions, topic="checks", steps=list(steps))


def rule(text: str, *, sessions: int = 1, explicit: bool = True) -> Lesson:
    """Give a stated rule."""
    return lesson("correction", text, sessions=sessions, explicit=explicit, topic="rules", rule=text)


def drafts(*lessons: Lesson) -> list[Draft]:
    """Draft a project's skills."""
    return compose.drafts(lessons, project_id="p1", project_name="shop")


def test_one_session_is_not_enough() -> None:
    """What one session showed and nobody stated is left to wait for a second one."""
    assert drafts(fixed("pytest", "make test", sessions=1), known("make lint", sessions=1)) == []
    assert drafts(rule("Never edit api/client.", explicit=False)) == []


def test_a_followed_rule_is_enough() -> None:
    """A rule that a person stated and the agent followed counts by itself."""
    assert [d.topic for d in drafts(rule("Never edit api/client."))] == ["rules"]


def test_two_commands_need_three_sessions() -> None:
    """Commands that merely worked make a skill only once three sessions show one of them."""
    assert drafts(known("make test", sessions=2), known("make lint", purpose="lint", sessions=2)) == []
    assert len(drafts(known("make test", sessions=3))) == 1


def test_what_any_agent_tries_first_is_no_skill() -> None:
    """One command that every project of its kind has says nothing; two, or one with its folder, do."""
    plain = known("bun run build", purpose="build", sessions=9)
    assert drafts(plain) == []
    assert len(drafts(plain, known("bun run css:build", purpose="build", sessions=9))) == 1


def test_checks_share_a_skill_and_others_do_not() -> None:
    """Tests, lint, formatting, types and builds are asked for together; migrations are not."""
    found = drafts(
        known("make test"),
        known("make lint", purpose="lint"),
        known("make build", purpose="build"),
        known("make migrate", purpose="migrate"),
    )
    assert [(d.topic, [x.key for x in d.commands]) for d in found] == [
        ("checks", ["make build", "make lint", "make test"]),
        ("migrate", ["make migrate"]),
    ]


def test_a_command_known_to_fail_is_not_recommended() -> None:
    """What a fix says fails here is not listed as working, though it once did."""
    found = drafts(known("pytest -n 0"), known("make test"), fixed("pytest -n 0", "make test"))
    assert [x.key for x in found[0].commands] == ["make test"]


def test_one_answer_to_a_failing_call() -> None:
    """Of two answers the one that more sessions found is kept."""
    one = fixed("pytest", "uv run pytest", sessions=2)
    other = fixed("pytest", "make test", sessions=3)
    assert [x.data["fix"] for x in drafts(one, other)[0].fixes] == ["make test"]


def test_an_answer_that_fails_itself_is_no_answer() -> None:
    """A step on the way to what finally worked is left out."""
    found = drafts(fixed("pytest", "npm test"), fixed("npm test", "make test"))
    assert [x.data["failed"] for x in found[0].fixes] == ["npm test"]


def test_wrappers_and_sprawl_are_left_out() -> None:
    """A wrapper around a known command, and a fourth command for one purpose, add nothing."""
    found = drafts(
        known("bun run test", sessions=9),
        known("rtk test bun run test", sessions=8),
        *(known(f"bun run test:{name}", sessions=4) for name in "abc"),
    )
    assert [x.key for x in found[0].commands] == ["bun run test", "bun run test:a", "bun run test:b"]


@pytest.mark.parametrize(
    ("orders", "wanted"),
    [
        ([ordered("fmt", "lint", "test", sessions=8), ordered("test", "fmt", "lint", sessions=2)], 1),
        ([ordered("fmt", "lint", "test", sessions=3), ordered("test", "fmt", "lint", sessions=3)], 0),
        ([ordered("fmt", "lint", sessions=4), ordered("test", "lint", sessions=4)], 1),
        ([ordered("fmt", "lint", sessions=2)], 0),
        ([], 0),
    ],
)
def test_an_order_counts_where_it_prevails(orders: list[Lesson], wanted: int) -> None:
    """Checks that are run in any order have none; two sessions with one order are a coincidence."""
    found = drafts(known("make test"), *orders)
    assert [len(d.procedures) for d in found] == [wanted]


def _area(command: str, folder: str, sessions: int) -> Lesson:
    return lesson(
        "area", f"{command} < {folder}", sessions=sessions, topic="area", command=command, folder=folder
    )


@pytest.mark.parametrize(
    ("areas", "wanted"),
    [
        ([("apps/api", 4), ("apps/api/src", 4), ("apps/api/src/shares", 3)], "apps/api/src"),
        ([("apps/api", 4), ("apps/api/src", 3)], "apps/api"),
        ([("apps/api", 3)], ""),
        ([], ""),
    ],
)
def test_a_command_belongs_to_the_narrowest_folder_that_its_sessions_share(
    areas: list[tuple[str, int]], wanted: str
) -> None:
    """A folder that only some of the sessions had changed is one task's."""
    found = drafts(
        known("make api", purpose="generate", sessions=4), *(_area("make api", f, n) for f, n in areas)
    )
    assert [x.data["folder"] for x in found[0].areas] == ([wanted] if wanted else [])


def test_a_deep_folder_needs_three_sessions() -> None:
    """Two sessions in one deep folder may have been one task."""
    areas = [_area("make css", f, 2) for f in ("web/src", "web/src/pages")]
    found = drafts(known("make css", purpose="build", sessions=2), known("make all", purpose="build"), *areas)
    assert [x.data["folder"] for x in found[0].areas] == ["web/src"]


def test_like_rules_are_one() -> None:
    """Two people who say the same in other words state one rule."""
    one = rule("Never edit api/client by hand.")
    other = rule("Don't change files in api/client by hand, please.")
    assert len(drafts(one, other, rule("Always run the linter on migrations."))[0].rules) == 2


def test_the_order_of_lessons_does_not_matter() -> None:
    """The same lessons give the same drafts however they come."""
    lessons = [
        known("make test"),
        known("make lint", purpose="lint", sessions=5),
        fixed("pytest", "make test"),
        fixed("pytest", "uv run pytest"),
        fixed("gh api", "gh api --paginate", topic="gh", relation="arguments"),
        ordered("make lint", "make test"),
        rule("Never edit api/client."),
        rule("Don't edit api/client by hand."),
        lesson("pitfall", "F401", topic="lint", rule="F401", message="unused import"),
        _area("make lint", "apps/api", 5),
    ]
    wanted = drafts(*lessons)
    for seed in range(20):
        shuffled = random.Random(seed).sample(lessons, len(lessons))  # noqa: S311 - an order, not a secret
        assert drafts(*shuffled) == wanted


def test_one_more_session_moves_no_line() -> None:
    """What is better supported now stands where it stood."""
    before = drafts(fixed("a", "b", sessions=2), fixed("c", "d", sessions=3))[0]
    after = drafts(fixed("a", "b", sessions=9), fixed("c", "d", sessions=3))[0]
    assert [x.key for x in before.fixes] == [x.key for x in after.fixes]


def test_a_draft_counts_sessions_once() -> None:
    """The evidence of several lessons from one session is one session's."""
    assert (
        drafts(known("make test", sessions=3), known("make lint", purpose="lint", sessions=4))[0].sessions
        == 4
    )
