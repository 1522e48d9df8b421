"""What was reported about sessions goes up with them, is said once, and by whom it was said."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from benchmarks.team_server import WORKSPACE, Thread
from machines import NOW, Computer, texts

from hivemind.distill.grading.sweep import grade_new
from hivemind.domain.outcomes import CLEARED, Report
from hivemind.errors import HivemindError
from hivemind.store import episodes, jobs, schema
from hivemind.sync import wire

Make = Callable[..., Computer]
KEY = "AKIA" + "Z7QW3RTYPLMN5XCV"


def reports(computer: Computer, *said: tuple[str, str], after: timedelta = timedelta(hours=1)) -> None:
    """Report outcomes on a machine: each a label and who says so."""
    with computer.database.write() as workspace:
        for number, (label, actor) in enumerate(said):
            report = Report(
                session_id="s1",
                label=label,
                score=None,
                actor=actor,
                at=NOW + after + timedelta(seconds=number),
                commit="abc1234",
                note=f"seen in {computer.home}/shop with {KEY}",
            )
            episodes.report(workspace, report)


def on_server(team: Thread, session_id: str = "s1") -> list[Any]:
    """Give what a server has of a session's reports."""
    with team.database.read(WORKSPACE) as workspace:
        return episodes.reports(workspace, session_id)


def test_a_report_goes_up_after_its_session(team: Thread, computer: Make) -> None:
    """It is sent by itself when all events are there, once, without secrets, and decides the grade."""
    ada = computer("Ada")
    ada.has("s1", texts(9))
    ada.sync()
    with team.database.write(WORKSPACE) as workspace:
        workspace.execute(schema.jobs.delete())
    grade_new(team.database, WORKSPACE)
    reports(ada, ("failure", "person:local"))
    done = ada.sync()
    assert (done.sent.batches, done.sent.events, done.sent.reports) == (1, 0, 1)
    (row,) = on_server(team)
    assert (row.score_label, row.evaluation_name, row.commit_id) == ("failure", "person:Ada", "abc1234")
    assert row.at == NOW + timedelta(hours=1)
    assert KEY not in row.note
    assert row.note.startswith("seen in ~/shop")
    with team.database.read(WORKSPACE) as workspace:
        graded = episodes.of_session(workspace, "s1")
        waiting = jobs.listed(workspace)
    assert {one.score_label for one in graded} == {"failure"}
    assert [job.kind for job in waiting] == ["distil"]
    assert ada.sync().sent.batches == 0


def test_a_report_sent_again_changes_nothing(team: Thread, computer: Make) -> None:
    """A machine that forgot what it had sent, and a second one that knows no more, add none."""
    ada = computer("Ada")
    ada.has("s1", texts(5))
    reports(ada, ("success", "person:local"), ("failure", "ci:build"))
    ada.sync()
    before = on_server(team)
    with ada.database.write() as workspace:
        workspace.execute(schema.uploads.delete())
    assert ada.sync().sent.reports == 2
    assert on_server(team) == before
    assert [row.number for row in before] == [1, 2]


def test_who_reported_is_known(team: Thread, computer: Make) -> None:
    """A person is whose token it is; a program is named; nobody's kind of word becomes another's."""
    ada = computer("Ada")
    ada.has("s1", texts(5))
    reports(
        ada,
        ("success", "person:The Chief"),
        ("success", "agent:claude"),
        ("success", "ci:nightly <b>"),
        ("success", "policy:auto"),
    )
    ada.sync()
    said = [row.evaluation_name for row in on_server(team)]
    assert said == ["person:Ada", "agent:claude", "ci:nightly-b", "person:Ada"]


def test_what_is_late_does_not_overrule_what_came_since(team: Thread, computer: Make) -> None:
    """A machine that was offline for a week has said its word before the reviewer, and it stays before."""
    ada = computer("Ada")
    ada.has("s1", texts(5))
    ada.sync()
    grade_new(team.database, WORKSPACE)
    reviewer = Report(
        session_id="s1", label="failure", score=None, actor="person:Rae", at=NOW + timedelta(days=2)
    )
    with team.database.write(WORKSPACE) as workspace:
        episodes.report(workspace, reviewer)
    reports(ada, ("success", "person:local"))
    ada.sync()
    assert label_there(team) == "failure"
    reports(ada, (CLEARED, "person:local"), after=timedelta(days=3))
    ada.sync()
    assert label_there(team) not in ("failure", "success")


def label_there(team: Thread) -> str:
    """Give the outcome of the session's first episode on the server."""
    with team.database.read(WORKSPACE) as workspace:
        return str(episodes.of_session(workspace, "s1")[0].score_label)


def test_a_clock_that_is_ahead_has_no_last_word(team: Thread, computer: Make) -> None:
    """What is said in forty years counts as said now."""
    ada = computer("Ada")
    ada.has("s1", texts(5))
    reports(ada, ("success", "person:local"), after=timedelta(days=365 * 40))
    ada.sync()
    (row,) = on_server(team)
    assert row.at < NOW + timedelta(days=365 * 30)


def test_a_restored_server_gets_the_reports_again(team: Thread, computer: Make) -> None:
    """What an older copy lacks is sent once more."""
    ada = computer("Ada")
    ada.has("s1", texts(5))
    reports(ada, ("success", "person:local"))
    ada.sync()
    with team.database.write(WORKSPACE) as workspace:
        workspace.execute(schema.outcomes.delete())
        workspace.execute(schema.machines.update().values(receipt=0))
    assert ada.sync().was_restored
    assert len(on_server(team)) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "r1"},
        {"label": "splendid"},
        {"score": 2},
        {"score": "1"},
        {"at": None},
        {"at": "yesterday"},
        {"commit": "; rm"},
        {"event_id": "x"},
        {"actor": 7},
        {"note": "n" * (wire.MAX_NOTE_CHARS + 1)},
    ],
)
def test_a_malformed_report_is_refused(wrong: dict[str, Any]) -> None:
    """The reader says which value it will not have."""
    good = {"id": "r" + "0" * 24, "label": "success", "actor": "ci:x", "at": "2026-11-03T10:00:00.000Z"}
    assert wire.read_report(good, session_id="s1").report.label == "success"
    with pytest.raises(HivemindError) as error:
        wire.read_report(good | wrong, session_id="s1")
    assert error.value.slug == "sync-malformed"
