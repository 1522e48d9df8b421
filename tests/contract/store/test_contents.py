"""What is stored, on every database: whole or not at all, once, by workspace."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from stored import FACTS, NOW, event, offer

from databases import OVER_HTTP, Maker
from hivemind.capture.git import project_of
from hivemind.domain.events import EventKind, SessionFacts, Usage
from hivemind.domain.exposures import Arm, Channel
from hivemind.errors import HivemindError
from hivemind.store import offers, positions, problems, schema, search, sessions
from hivemind.store.database import Database


@pytest.mark.parametrize("name", ["", "a/b", "../x", "x" * 65, "-x", "a b", "ü", "a\n"])
def test_a_workspace_name_that_is_none_is_refused(database: Database, name: str) -> None:
    """Only plain names name a workspace, and nothing is made for another."""
    with pytest.raises(HivemindError) as error, database.write(name):
        pass
    assert error.value.slug == "workspace-name"
    with database.read() as workspace:
        assert workspace.execute(sa.select(schema.workspaces)).all() == []


def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    """What was written before an error is not there after it."""
    with pytest.raises(ZeroDivisionError), database.write() as workspace:
        _ = sessions.append(workspace, FACTS, events=[event("e")]).events / 0
    with database.read() as workspace:
        assert sessions.totals(workspace) == {"sessions": 0, "events": 0, "transcripts": 0}


def test_a_read_sees_one_moment(database: Database, databases: Maker) -> None:
    """What is committed while a transaction reads does not show in it."""
    if databases.engine == OVER_HTTP:
        pytest.skip("over HTTP each query sees its own moment (docs/deeplake.md)")
    with database.read() as reading:
        assert sessions.totals(reading)["events"] == 0
        with database.write() as writing:
            sessions.append(writing, FACTS, events=[event("e")])
        assert sessions.totals(reading)["events"] == 0
    with database.read() as reading:
        assert sessions.totals(reading)["events"] == 1


def test_workspaces_do_not_see_each_other(database: Database) -> None:
    """The same session in two workspaces is two, in search, too."""
    for name in ("one", "two"):
        with database.write(name) as workspace:
            sessions.append(workspace, FACTS, events=[event("e", f"the word of {name}")])
    with database.read("one") as workspace:
        assert [row.text for row in sessions.events_of(workspace, "s")] == ["the word of one"]
        assert [hit.text for hit in search.search_events(workspace, "word")] == ["the word of one"]
        assert search.search_events(workspace, "two") == []


def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    """Nobody would know which hour it means."""
    naive = NOW.replace(tzinfo=None)
    with pytest.raises((sa.exc.StatementError, ValueError), match="naive"), database.write() as workspace:
        sessions.append(workspace, FACTS, events=[event("e", at=naive)])


def test_what_is_pruned_is_not_found_any_more(database: Database, databases: Maker) -> None:
    """Deleting a session takes its events, its index entries and its exposures along, and no other's."""
    inputs = {"command": "make zebra", "n": [1, 2.5, None, {"ü": "☃"}]}
    with database.write() as workspace:
        sessions.append(
            workspace,
            FACTS,
            events=[
                event("a", "the first word"),
                event("b", "make zebra", kind=EventKind.TOOL_CALL, data=inputs),
                event("c", "", kind=EventKind.USAGE, usage=Usage(message_id="m", output_tokens=3)),
            ],
        )
        sessions.append(
            workspace, SessionFacts(session_id="t", agent="claude"), events=[event("d", "another word")]
        )
        offers.record(workspace, [offer("k")])
    with database.write() as workspace:
        assert search.search_events(workspace, "zebra")
        assert sessions.prune(workspace, ["s", "unknown"]) == 3
    with database.write() as workspace:
        assert search.search_events(workspace, "zebra first") == []
        assert [hit.session_id for hit in search.search_events(workspace, "word")] == ["t"]
        assert offers.total(workspace) == 0
        index = "event_documents" if databases.engine == "sqlite" else "event_words"
        assert workspace.execute(sa.text(f"SELECT count(*) FROM {index}")).scalar() == 1  # noqa: S608 - a constant
        if databases.engine == "sqlite":
            workspace.execute(sa.text("INSERT INTO events_search(events_search) VALUES ('integrity-check')"))
        sessions.append(workspace, FACTS, events=[event("e", "zebra again")])
        assert [hit.text for hit in search.search_events(workspace, "zebra")] == ["zebra again"]


def _project(folder: Path, remote: str = "") -> sessions.ProjectFacts:
    (folder / ".git").mkdir(parents=True, exist_ok=True)
    config = f'[remote "origin"]\n\turl = {remote}\n' if remote else ""
    (folder / ".git" / "config").write_text(config)
    found = project_of(str(folder))
    assert found is not None
    return found


def _put(database: Database, session_id: str, project: sessions.ProjectFacts) -> None:
    with database.write() as workspace:
        facts = SessionFacts(session_id=session_id, agent="claude", cwd=project.root)
        sessions.append(workspace, facts, events=[event(session_id)], project=project)


def _projects_of_sessions(database: Database) -> dict[str, str]:
    with database.read() as workspace:
        return {row.session_id: row.project_id for row in sessions.recent(workspace, limit=10)}


def test_sessions_move_to_the_remote_once_it_is_known(database: Database, tmp_path: Path) -> None:
    """A repository that gets its remote later stays one project, and its older sessions are mined again."""
    before = _project(tmp_path / "shop")
    _put(database, "old", before)
    with database.write() as workspace:
        workspace.execute(schema.sessions.update().values(mined_by=3))
    after = _project(tmp_path / "shop", "git@h.example:acme/shop.git")
    assert after.project_id != before.project_id
    _put(database, "new", after)
    assert _projects_of_sessions(database) == {"old": after.project_id, "new": after.project_id}
    with database.read() as workspace:
        assert sessions.session(workspace, "old").mined_by == 0
        assert sessions.session(workspace, "old").git_remote == "h.example/acme/shop"


def test_a_folder_whose_remote_is_gone_keeps_its_project(database: Database, tmp_path: Path) -> None:
    """What an earlier session knew of the folder holds for the next one."""
    known = _project(tmp_path / "shop", "https://h.example/acme/shop")
    _put(database, "first", known)
    forgotten = _project(tmp_path / "shop")
    _put(database, "second", forgotten)
    assert set(_projects_of_sessions(database).values()) == {known.project_id}
    with database.read() as workspace:
        assert sessions.known_project(workspace, forgotten).project_id == known.project_id


def test_two_folders_of_one_remote_are_one_project(database: Database, tmp_path: Path) -> None:
    """Clones, however their remote is spelled, share what is learnt."""
    for n, remote in enumerate(("git@h.example:acme/shop.git", "https://h.example/Acme/Shop")):
        _put(database, f"s{n}", _project(tmp_path / f"clone-{n}", remote))
    assert len(set(_projects_of_sessions(database).values())) == 1


def test_two_readers_of_one_transcript_do_not_both_advance_it(database: Database) -> None:
    """Whoever started from an older place, or from another file of the same length, has to look again."""
    first = positions.Position(path="/t", agent="claude", offset_bytes=10, read_hash="a", lines=1)
    second = positions.Position(path="/t", agent="claude", offset_bytes=10, read_hash="b", lines=1)
    with database.write() as workspace:
        positions.put(workspace, first, was=None)
    for was in (None, second):
        with pytest.raises(positions.ContendedError), database.write() as workspace:
            positions.put(workspace, second, was=was)
    with database.write() as workspace:
        positions.put(workspace, second, was=first)
        assert positions.of(workspace, "/t") == second


def test_a_subagents_model_is_not_the_sessions(database: Database) -> None:
    """The session is said to use the model of its main conversation."""
    with database.write() as workspace:
        for n, (model, agent_id) in enumerate([("small", "a1"), ("large", ""), ("small", "a1")]):
            sessions.append(workspace, FACTS, events=[event(f"e{n}", request_model=model, agent_id=agent_id)])
        assert sessions.session(workspace, "s").request_model == "large"


def test_a_problem_is_counted_and_not_repeated(database: Database) -> None:
    """The same trouble is one row, however often it comes, and the newest is the first."""
    with database.write() as workspace:
        for slug in ("a", "b", "a", "a"):
            problems.record(workspace, source="worker", slug=slug, message="m" * 2_000)
        found = problems.recent(workspace)
        assert {row.slug: row.count for row in found} == {"a": 3, "b": 1}
        assert {len(row.message) for row in found} == {problems.MAX_MESSAGE_CHARS}
        assert problems.clear(workspace) == 2


def test_an_offer_is_recorded_once(database: Database) -> None:
    """One moment counts once, another channel again, and what was withheld was not given."""
    with database.write() as workspace:
        for channel in (Channel.PROMPT, Channel.PROMPT, Channel.MCP):
            offers.record(workspace, [offer("k", channel=channel), offer("l", channel=channel)])
        offers.record(workspace, [offer("m", arm=Arm.WITHHELD)])
        assert offers.total(workspace) == 4
        assert offers.shown_to(workspace, "s", channel="prompt") == {"k", "l"}


def test_a_sessions_short_id_is_its_own(database: Database) -> None:
    """Ids that begin with a date or a time are shown by as much as tells them apart."""
    ids = ["20261122_101500_aa", "20261122_101500_ab", "5f0a7c11-2222", "5f0a7c1"]
    with database.write() as workspace:
        for session_id in ids:
            sessions.append(workspace, SessionFacts(session_id=session_id, agent="hermes"), events=[])
        short = {session_id: sessions.short_id(workspace, session_id) for session_id in ids}
        found = [sessions.session(workspace, each).session_id for each in short.values()]
    assert short == {ids[0]: ids[0], ids[1]: ids[1], ids[2]: "5f0a7c11", ids[3]: "5f0a7c1"}
    assert found == ids
