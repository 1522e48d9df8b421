"""Signals are found, told apart from the environment's failures, and added up with care."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from episode_stories import Row, cut, graded, names, rows, said, stopped, used
from hypothesis import given, settings
from hypothesis import strategies as st
from stories import Moment, ask, edited, failed, ran
from test_episodes import _ROWS

from hivemind.distill import episodes, grading
from hivemind.distill.grading import features, history, sweep
from hivemind.distill.grading.model import shipped
from hivemind.domain.events import Event, EventKind, ResultStatus, SessionFacts
from hivemind.domain.outcomes import Grade, Outcome
from hivemind.store import episodes as stored
from hivemind.store import sessions
from hivemind.store.database import open_database

_ASK = ask("Fix the rounding of the discount in the cart")
_DONE = said("Done: the discount is rounded now.")


@settings(deadline=None)
@given(st.lists(_ROWS, max_size=30))
def test_grading_never_raises(drawn: list[Row]) -> None:
    """Whatever a session holds, its grade is a probability with signals that can be stored."""
    numbered = [replace(row, seq=n, event_id=f"e{n}") for n, row in enumerate(drawn)]
    for episode in episodes.cut(numbered, session_id="s1"):
        grade = grading.grade(episode)
        assert 0 <= grade.score <= 1
        json.dumps([signal.as_json() for signal in grade.signals])
        assert all(math.isfinite(value) for value in features.measure(episode).values())


def test_the_last_state_of_each_check_counts() -> None:
    """Tests that failed first and pass in the end speak for the work; a failing build against it."""
    grade = graded(
        _ASK,
        failed("pytest -q"),
        edited("cart.py"),
        ran("pytest -q", "4 passed"),
        failed("make build"),
        _DONE,
    )
    assert names(grade)["test_passed"] == "success"
    assert names(grade)["build_failed"] == "failure"
    assert "test_failed" not in names(grade)


def test_passing_tests_a_commit_and_thanks_are_a_success() -> None:
    """What tools and the person confirm is a success, and says why."""
    grade = graded(
        _ASK, edited("cart.py"), ran("pytest -q"), ran("git commit -m 'fix'"), _DONE, ask("Great, thanks!")
    )
    assert grade.label is Outcome.SUCCESS
    assert {"test_passed", "committed", "praise", "claim"} <= set(names(grade))


def test_failing_tests_at_the_end_are_a_failure() -> None:
    """An agent that says it is done while its tests fail has failed."""
    grade = graded(_ASK, edited("cart.py"), failed("pytest -q", "1 failed"), _DONE)
    assert grade.label is Outcome.FAILURE


def test_nothing_to_go_by_is_unknown() -> None:
    """A session without any signal is unknown, and the agent's own claim does not make it a success."""
    assert graded(_ASK, said("The discount is a property of the cart.")).label is Outcome.UNKNOWN
    assert graded(_ASK, edited("cart.py"), _DONE).label is Outcome.UNKNOWN


@pytest.mark.parametrize(
    "output",
    [
        "sh: 1: pytest: not found",
        "curl: (6) could not resolve host: pypi.org",
        "429 too many requests",
        "permission denied while trying to connect",
    ],
)
def test_failures_of_the_environment_are_no_evidence(output: str) -> None:
    """What the machine, the network or a limit stopped speaks for neither side."""
    found = names(graded(_ASK, failed("pytest -q", output), said("I looked at the cart.")))
    assert found["environment"] == "unknown"
    assert set(found) == {"environment", "last_call_stopped"}
    assert set(found.values()) == {"unknown"}


def test_a_refused_call_is_no_evidence() -> None:
    """A person's refusal of a call is not the call's failure."""
    refused = ran("pytest -q", "refused", status=ResultStatus.DENIED)
    found = names(graded(_ASK, refused, said("I looked at the cart.")))
    assert found == {"environment": "unknown", "last_call_stopped": "unknown"}


def test_a_test_that_is_named_after_a_failure_of_the_network_can_fail() -> None:
    """What a test run prints of its tests is no word of the machine."""
    output = "✓ should set the rate limit (4 ms)\nTests: 1 failed, 8 passed\nError: rate limit exceeded"
    assert names(graded(_ASK, failed("npx jest", output), said("Hm.")))["test_failed"] == "failure"


@pytest.mark.parametrize("undo", ["git revert --no-edit HEAD", "git reset --hard HEAD~1"])
def test_a_commit_taken_back_speaks_against(undo: str) -> None:
    """A commit counts until it is reverted, also where that happens in the next episode."""
    done = (_ASK, edited("cart.py"), ran("git commit -am fix"), _DONE)
    assert names(graded(*done))["committed"] == "success"
    found = names(graded(*done, ask("Write the release notes for version two"), ran(undo), said("Written.")))
    assert found["reverted"] == "failure"
    assert "committed" not in found


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("that's wrong, the total is still off", "complaint"),
        ("das funktioniert nicht", "complaint"),
        ("ça ne marche pas du tout", "complaint"),
        ("no funciona", "complaint"),
        ("não funciona", "complaint"),
        ("non funziona", "complaint"),
        ("还是不对", "complaint"),
        ("動きません", "complaint"),
        ("작동하지 않아요", "complaint"),
        ("не работает", "complaint"),
        ("never mind, I'll do it myself", "giving_up"),
        ("perfect", "praise"),
        ("vielen Dank", "thanks"),
        ("merci beaucoup", "thanks"),
        ("muchas gracias", "thanks"),
        ("obrigado", "thanks"),
        ("grazie mille", "thanks"),
        ("谢谢", "thanks"),
        ("ありがとう", "thanks"),
        ("감사합니다", "thanks"),
        ("спасибо", "thanks"),
    ],
)
def test_a_persons_last_word_is_read_in_many_languages(words: str, name: str) -> None:
    """Thanks and complaints are told apart, whatever they are written in."""
    expected = "failure" if name in ("complaint", "giving_up") else "success"
    assert names(graded(_ASK, _DONE, ask(words)))[name] == expected


def test_the_next_request_may_begin_with_thanks() -> None:
    """What opens the next episode is said of the one before."""
    grade = graded(_ASK, _DONE, ask("Perfect. Write the release notes for version two"), said("Written."))
    assert names(grade)["praise"] == "success"


def test_failing_calls_speak_against() -> None:
    """The same call failing again, most calls failing and the last one failing are each a signal."""
    found = names(graded(_ASK, *[failed("./run.sh --all", "error: bad total")] * 4, said("Hm.")))
    assert {"repeated_failure", "failed_share", "last_call_failed"} <= set(found)


def test_an_admission_a_handover_and_silence_speak_against() -> None:
    """The agent's own account counts, and so does none."""
    assert names(graded(_ASK, said("Unfortunately I was unable to fix it.")))["admission"] == "failure"
    found = names(graded(_ASK, used("transfer_to_human_agents", summary="x"), said("One moment.")))
    assert found["handover"] == "failure"
    assert names(graded(_ASK, ran("ls")))["no_answer"] == "failure"
    assert names(graded(_ASK, ran("ls"), stopped()))["interrupted"] == "failure"


def test_subagents_count_for_their_parent() -> None:
    """A subagent whose last call failed is a signal of the episode."""
    side = replace(failed("make"), agent_id="a1")
    assert names(graded(_ASK, side, said("Looked.")))["subagents_failed"] == "failure"


def _says_success(_: episodes.Episode, before: Grade) -> Grade:
    return replace(before, label=Outcome.SUCCESS, score=0.9)


def _breaks(_: episodes.Episode, before: Grade) -> Grade:
    raise OSError(before.label)


def test_a_judge_is_asked_where_the_signals_leave_it_unknown() -> None:
    """The seam for a model that reads the episode is a callable; where it fails the outcome stays unknown."""
    (episode,) = cut(_ASK, edited("cart.py"), _DONE)
    assert grading.grade(episode, judge=_says_success).label is Outcome.SUCCESS
    assert grading.grade(episode, judge=_breaks) == grading.grade(episode)


@pytest.mark.parametrize(
    "evidence",
    [failed("pytest -q", "1 failed"), said("Unfortunately I was unable to fix it."), ask("It still fails.")],
)
def test_a_judge_overrules_no_evidence(evidence: Moment) -> None:
    """What was verified, admitted or said by the person stands, whatever a model thinks."""
    (episode,) = cut(_ASK, edited("cart.py"), evidence)
    assert grading.grade(episode, judge=_says_success) == grading.grade(episode)


@pytest.mark.parametrize(
    "after",
    [
        (edited("cart.py"), _DONE),
        (_DONE, ask("and the same for the vouchers"), said("Looked at it.")),
        (_DONE, ask("I'm not seeing the discount in the cart page"), said("Let me look.")),
        (_DONE, ask("Uncaught TypeError: cart is undefined at cart.js:3:1"), said("Let me look.")),
        (failed("git push", "rejected"), _DONE),
        (_DONE, stopped()),
    ],
)
def test_what_was_verified_has_to_be_the_last_word(after: tuple[Moment, ...]) -> None:
    """Tests that passed make no success of what came after them, nor of what the person then found."""
    passed = (_ASK, edited("cart.py"), ran("pytest -q"))
    assert graded(*passed, _DONE).label is Outcome.SUCCESS
    assert graded(*passed, *after).label is Outcome.UNKNOWN


def test_a_record_that_ends_in_a_call_is_unknown() -> None:
    """A session that was cut off while something ran tells nothing of how it ended."""
    story = rows(_ASK, edited("cart.py"), ran("pytest -q"), ran("git push"))[:-1]
    grade = grading.grade(episodes.cut(story, session_id="s1")[0])
    assert "cut_off" in names(grade)
    assert grade.label is Outcome.UNKNOWN


def test_tests_judge_no_work_that_changed_nothing() -> None:
    """Tests that pass on untouched files say nothing of an answer, unless they were what was asked for."""
    asked = ask("Why is the discount a property of the cart?")
    told = said("Because it is the sum of all.")
    assert graded(asked, ran("pytest -q"), told).label is Outcome.UNKNOWN
    assert graded(ask("Please run the tests of the cart"), ran("pytest -q"), told).label is Outcome.SUCCESS


def test_a_note_on_tests_is_no_test() -> None:
    """A text among the words of a command is not what the command does."""
    note = ran("bd update c1 --notes 'follow-up: update the docs and tests as needed'")
    assert "test_passed" not in names(graded(_ASK, edited("cart.py"), note, _DONE))


def test_an_agents_admission_alone_is_no_failure_of_coding() -> None:
    """What is not verified is unknown, also on the bad side."""
    admitted = said("Unfortunately I was unable to fix all of it.")
    assert graded(_ASK, edited("cart.py"), admitted).label is Outcome.UNKNOWN


def test_agreement_with_like_requests_counts_for_the_work() -> None:
    """An episode that ends in the changes of those before it scores above one that ends in others."""
    asked = ask("Please cancel order 4711 for Ada Byron, zip 12345, and refund my card")

    def one(reason: str) -> episodes.Episode:
        done = used("cancel_order", order="4711", reason=reason)
        return cut(asked, said("Shall I go ahead?"), ask("Yes, please"), done, said("It is cancelled."))[0]

    earlier = [history.fingerprint(one("no longer needed"))] * 4
    alike = history.like(earlier[0], earlier)
    assert len(alike) == 4
    same, other = (grading.grade(one(reason), alike=alike) for reason in ("no longer needed", "by mistake"))
    assert same.score > other.score
    assert names(same)["like_requests"] == "success"
    assert history.of_json(json.loads(json.dumps(earlier[0].as_json()))) == earlier[0]


def test_the_shipped_weights_fit_the_features() -> None:
    """Every feature that is measured has a weight, and no weight is for anything else."""
    measured = {**features.measure(cut(_ASK, _DONE)[0]), **history.NONE}
    for part in (shipped().elsewhere, *(kind.part for kind in shipped().kinds)):
        assert set(part.features) <= set(measured)


def test_a_check_that_passed_is_not_outvoted_by_earlier_attempts() -> None:
    """Attempts that gave up ran other commands; that speaks neither for nor against one whose tests pass."""
    (gave_up,) = cut(_ASK, failed("pytest -q"), said("I could not get it to work."))
    (worked,) = cut(_ASK, failed("pytest -q"), edited("cart.py"), ran("pytest -q", "4 passed"), _DONE)
    earlier = [history.fingerprint(gave_up)] * 4
    assert len(history.like(history.fingerprint(worked), earlier)) == 4
    alone = grading.grade(worked)
    beside = grading.grade(worked, alike=history.like(history.fingerprint(worked), earlier))
    assert (alone.label, beside.label) == (Outcome.SUCCESS, Outcome.SUCCESS)
    assert beside.score == alone.score


def test_work_unlike_all_that_was_fitted_on_is_read_with_care() -> None:
    """Only tools that are a kind's own tell that kind; anything else is read by what holds everywhere."""
    known = shipped()
    retail = next(kind for kind in known.kinds if kind.name == "tau2_retail")
    own = frozenset({"get_order_details", "modify_pending_order_items"})
    assert known.part(own) is retail.part
    for tools in ({"get_user_details"}, {*own, "reboot", "check_line"}, {"reboot", "check_line"}, set[str]()):
        assert known.part(frozenset(tools)) is known.elsewhere
    nothing = {name: mean for name, (mean, _, _) in known.elsewhere.features.items()}
    assert known.log_odds(nothing, frozenset()) == 0


def test_grades_follow_the_session_and_stay_the_same(tmp_path: Path) -> None:
    """Stored episodes are replaced when a session grows, and grading again stores the same."""
    database = open_database(tmp_path / "hivemind.db")
    facts = SessionFacts(session_id="s1", agent="claude")
    asked = Event(kind=EventKind.PROMPT, native_id="~1", text="Fix the cart")
    with database.write() as workspace:
        sessions.append(workspace, facts, events=[sessions.RedactedEvent(event=asked)])
    assert sweep.grade_new(database, "default") == 1
    assert sweep.grade_new(database, "default") == 0
    with database.read() as workspace:
        (first,) = stored.of_session(workspace, "s1")
        session = stored.ungraded(workspace, version=0)[0]
        again = sweep.grade_session(workspace, session)
    assert again[0].episode_id == first.episode_id
    assert again[0].graded_value == first.graded_value
    database.close()


def test_rows_are_read_whatever_their_order() -> None:
    """Grading twice gives the same grade."""
    story = rows(_ASK, ran("pytest"), _DONE)
    one, other = (grading.grade(episodes.cut(story, session_id="s1")[0]) for _ in range(2))
    assert one == other
