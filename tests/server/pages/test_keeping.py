"""Figures that are kept: no page waits for them twice, and what was decided is not forgotten."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from hivemind.server.pages.keeping import MAX_AGE_S, Kept

KEY = ("queue", "team")


class Clock:
    """Tell the time that a test sets."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Count:
    """Count how often it was asked, and say when."""

    def __init__(self) -> None:
        self.times = 0
        self.asked = threading.Event()

    def __call__(self) -> int:
        self.times += 1
        self.asked.set()
        return self.times


@pytest.fixture
def clock() -> Clock:
    """Give a clock that stands."""
    return Clock()


def test_a_figure_is_counted_once_while_it_is_good(clock: Clock) -> None:
    """The same space and kind share it; another space has its own."""
    kept, count = Kept(clock=clock), Count()
    assert [kept.get(KEY, count, for_s=5) for _ in range(3)] == [1, 1, 1]
    assert kept.get(("queue", "other"), count, for_s=5) == 2


def test_an_older_figure_is_shown_while_it_is_counted_anew(clock: Clock) -> None:
    """No page waits; the next one has the new figure."""
    kept, count = Kept(clock=clock), Count()
    kept.get(KEY, count, for_s=5)
    count.asked.clear()
    clock.now += 6
    assert kept.get(KEY, count, for_s=5) == 1
    assert count.asked.wait(10)
    for _ in range(500):
        if kept.get(KEY, count, for_s=5) == 2:
            break
        threading.Event().wait(0.01)
    assert (kept.get(KEY, count, for_s=5), count.times) == (2, 2)


def test_what_is_very_old_is_not_shown(clock: Clock) -> None:
    """The page waits for it, as the first one did."""
    kept, count = Kept(clock=clock), Count()
    kept.get(KEY, count, for_s=5)
    clock.now += MAX_AGE_S
    assert kept.get(KEY, count, for_s=5) == 2


def test_a_decision_is_not_undone_by_a_count_that_began_before_it(clock: Clock) -> None:
    """What was changed by hand is newer than what was read before."""
    kept = Kept(clock=clock)
    kept.get(KEY, lambda: "before", for_s=5)

    def slow() -> str:
        clock.now += 1
        kept.change(KEY, lambda _held: "decided")
        return "before"

    kept._counted(KEY, slow)
    assert kept.get(KEY, lambda: "anew", for_s=5) == "decided"
    kept.forget(KEY)
    assert kept.get(KEY, lambda: "anew", for_s=5) == "anew"


def test_of_several_who_need_a_figure_one_counts() -> None:
    """The others wait for it, and nobody counts it again."""
    kept, counted, begun = Kept(), [], threading.Event()

    def count() -> int:
        counted.append(1)
        begun.wait(5)
        return len(counted)

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(lambda: kept.get(KEY, count, for_s=60)) for _ in range(4)]
        begun.set()
        assert [one.result() for one in asked] == [1, 1, 1, 1]
    assert counted == [1]
