"""Sessions are cut into episodes: each event is in one, and only a new request begins another."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from episode_stories import Row, cut, rows, said, stopped
from hypothesis import given, settings
from hypothesis import strategies as st
from stories import START, ask, failed, ran

from hivemind.distill import episodes
from hivemind.domain.events import EventKind, ResultStatus

_ASKED = "Please add a discount field to the cart model"
_DONE = "I added the field and its migration."

_ROWS = st.builds(
    Row,
    event_id=st.just(""),
    seq=st.just(0),
    kind=st.sampled_from([kind.value for kind in EventKind]),
    text=st.text(max_size=80),
    agent_id=st.sampled_from(["", "", "a1"]),
    at=st.none() | st.integers(0, 10_000).map(lambda minutes: START + timedelta(minutes=minutes)),
    tool_name=st.sampled_from(["", "Bash", "Edit", "cancel_order"]),
    tool_call_id=st.sampled_from(["", "c1", "c2"]),
    data=st.none() | st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=9), max_size=3),
    status=st.none() | st.sampled_from([status.value for status in ResultStatus]),
)


@settings(deadline=None)
@given(st.lists(_ROWS, max_size=40))
def test_cutting_is_a_partition_and_gives_the_same_each_time(drawn: list[Row]) -> None:
    """Every event is in exactly one episode, whatever the rows hold, and cutting again changes nothing."""
    numbered = [replace(row, seq=n, event_id=f"e{n}") for n, row in enumerate(drawn)]
    found = episodes.cut(numbered, session_id="s1")
    assert sorted(key for one in found for key in one.event_ids) == sorted(row.event_id for row in numbered)
    assert all(one.event_ids for one in found)
    assert found == episodes.cut(numbered, session_id="s1")
    assert [one.number for one in found] == list(range(1, len(found) + 1))
    assert len({one.episode_id for one in found}) == len(found)


def test_an_episode_keeps_its_id_when_the_session_grows() -> None:
    """What comes later leaves the ids of the episodes before as they are."""
    story = rows(
        ask(_ASKED), said(_DONE), ask("Write the release notes for version two now"), said("Written.")
    )
    short, long = (episodes.cut(part, session_id="s1") for part in (story[:2], story))
    assert len(long) == 2
    assert long[0].episode_id == short[0].episode_id
    assert long[0].next_prompt is not None


@pytest.mark.parametrize(
    "then",
    [
        "no, use the existing column instead of a new one",
        "that still fails with the same error in the tests",
        "thanks, looks good",
        "also update the changelog for this please",
        "Nein, das ist falsch, bitte nimm die andere Spalte",
        "non, utilise plutôt la colonne existante du modèle",
        "no funciona, sigue sin pasar la prueba de integración",
        "não funciona, ainda dá erro ao salvar o pedido",
        "non funziona ancora, la migrazione dà errore di nuovo",
        "还是不行，测试仍然失败，请再检查一下",
        "まだ動きません。もう一度確認してください",
        "여전히 안 됩니다. 다시 해 주세요 부탁합니다",
        "не работает, тест по-прежнему падает с ошибкой",
        "/compact",
    ],
)
def test_corrections_answers_and_follow_ups_stay(then: str) -> None:
    """What is said about the work at hand begins no new episode."""
    assert len(cut(ask(_ASKED), ran("make test"), said(_DONE), ask(then), said("Done."))) == 1


@pytest.mark.parametrize(
    "then",
    ["Write the release notes for version two now", "Rename the billing service to invoices everywhere"],
)
def test_a_new_request_begins_an_episode(then: str) -> None:
    """A request for something else, after the agent has answered, is an episode of its own."""
    first, second = cut(ask(_ASKED), ran("make test"), said(_DONE), ask(then), ran("ls"), said("Done."))
    assert [p.text for p in second.prompts] == [then]
    assert first.next_prompt == second.prompts[0]
    assert [c.text for c in first.next_calls] == ["ls"]


def test_an_answer_to_a_question_stays() -> None:
    """What answers the agent's question belongs to the request that it was asked for."""
    question = said("Which of the two carts do you mean, the guest's or the customer's?")
    assert len(cut(ask(_ASKED), question, ask("Customers who have signed in before"), said(_DONE))) == 1


def test_a_message_after_an_interrupt_stays() -> None:
    """Whoever stops the agent and writes redirects it."""
    assert len(cut(ask(_ASKED), ran("make"), stopped(), ask("Rename the billing service everywhere"))) == 1


def test_a_subagent_belongs_to_the_episode_in_which_it_ran() -> None:
    """A subagent's events count where they happened, also when its file is read last."""
    story = rows(
        ask(_ASKED), said(_DONE), ask("Write the release notes for version two now"), said("Written.")
    )
    late = rows(ran("make lint", agent_id="a1"), failed("make"), session="side")[:2]
    moved = [
        replace(row, seq=10 + n, at=START + timedelta(seconds=30), event_id=f"late{n}", agent_id="a1")
        for n, row in enumerate(late)
    ]
    first, second = episodes.cut([*story, *moved], session_id="s1")
    assert [call.text for call in first.subagents[0]] == ["make lint"]
    assert second.subagents == ()
