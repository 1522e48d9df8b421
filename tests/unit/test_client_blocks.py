"""Blocks that clients and hooks put into prompts are taken out, whatever the prompt holds besides."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivemind.agents.client_blocks import without


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("a <x>b</x> c", "a  c"),
        ('<x n="1">b</x>c<x>d</x>', "c"),
        ("<x>open", "<x>open"),
        ("</x><x>open", "</x><x>open"),
        ("<x><y></x></y>", "</y>"),
        ("<xy>other</xy>", "<xy>other</xy>"),
        ("<y>b</y><x>open", "<x>open"),
    ],
)
def test_blocks_are_taken_out_and_all_else_stays(said: str, left: str) -> None:
    """A block that is not closed is what the person wrote."""
    assert without(said, "x", "y") == left


@given(st.lists(st.sampled_from(["<x>", "</x>", "<y a>", "</y>", "t", " ", "<"])).map("".join))
def test_no_closed_block_is_left(said: str) -> None:
    """Taking out twice changes nothing that one pass has left without a block."""
    left = without(said, "x", "y")
    assert len(left) <= len(said)
    opened = left.find("<x>")
    assert opened < 0 or "</x>" not in left[opened:] or left != said


def test_many_openings_take_linear_time() -> None:
    """A prompt made to be slow is not."""
    started = time.perf_counter()
    without("<x>" * 300_000, "x", "y")
    without("<x> </y>" * 100_000, "x", "y")
    assert time.perf_counter() - started < 2
