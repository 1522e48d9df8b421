"""A session of thousands of calls is graded and mined in a time that grows with it, not with its square."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
from episode_stories import rows, said
from stories import Moment, ask, edited, failed, ran

from hivemind.distill import episodes, grading, miners, session_view

FINDING = "src/a.py:1:1: E501 Line too long (120 > 100)"
#: What twice as large a session may cost, as a multiple; four were quadratic.
MAX_GROWTH = 2.6


def _checks(number: int, name: str) -> list[Moment]:
    """Linters that fail, each on another file, and never pass, among tests that do."""
    steps = [
        (failed(f"ruff check src/{name}{n}.py", FINDING), ran(f"pytest {name}{n}.py"))
        for n in range(number // 2)
    ]
    return [ask("Mend the lint"), *(moment for step in steps for moment in step)]


def _work(number: int, name: str) -> list[Moment]:
    """Edits, commits and runs after one request."""
    steps = [
        (edited(f"{name}{n}.py"), ran(f"git commit -m {name}{n}"), ran(f"make {name}{n}"))
        for n in range(number // 3)
    ]
    return [ask("Rename the carts"), *(moment for step in steps for moment in step)]


def _talk(number: int, name: str) -> list[Moment]:
    """Remarks on one piece of work, each of which the agent answers, and commands that fail in between."""
    remarks = [
        (
            said("I have renamed the carts and the baskets of the shop."),
            failed(f"./run {name}{n}", "usage: run --all"),
            ran(f"./run --all {name}{n}"),
            said("The carts and the baskets of the shop are renamed."),
            ask(f"rename the carts and the baskets of the shop, never {name} instead of baskets"),
        )
        for n in range(number // 4)
    ]
    return [ask("Rename the carts and the baskets of the shop"), *(m for step in remarks for m in step)]


def _steps(work: Callable[[], Any]) -> int:
    """Count the functions that some work calls, which unlike its time is the same on each machine."""
    counted = 0

    def count(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return counted


def _grade(story: list[Any]) -> None:
    for episode in episodes.cut(story, session_id="s1"):
        grading.grade(episode)


def _mine(story: list[Any]) -> None:
    miners.mine(
        session_view.build(story, session_id="s1", project_id="p1", project_name="shop", root="/home/dev")
    )


@pytest.mark.parametrize("read", [_grade, _mine])
@pytest.mark.parametrize("tell", [_checks, _work, _talk])
def test_twice_the_calls_are_twice_the_work(
    read: Callable[[list[Any]], None], tell: Callable[[int, str], list[Moment]]
) -> None:
    """Neither grading nor mining looks at each call once for every other call of its session."""
    read(rows(*tell(30, "w")))  # what is read once a process
    small, large = rows(*tell(300, "a")), rows(*tell(600, "b"))
    assert _steps(lambda: read(large)) < MAX_GROWTH * _steps(lambda: read(small))
