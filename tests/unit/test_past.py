"""The search of past work, on a real database and with real files of vectors."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hivemind.domain.events import Event, EventKind, ResultStatus, SessionFacts
from hivemind.errors import HivemindError
from hivemind.retrieval.past import Answer, Reader, filter_of, lexical, search
from hivemind.retrieval.past import answers as answering
from hivemind.retrieval.past.asking import moment
from hivemind.retrieval.past.meanings import MANIFEST, Meanings
from hivemind.retrieval.past.reader import NOT_MADE
from hivemind.store import episodes, positions, sessions
from hivemind.store.database import Database, Workspace, open_database
from hivemind.store.episodes import Graded
from hivemind.store.past import Filter
from hivemind.store.positions import Position
from hivemind.store.sessions import ProjectFacts, RedactedEvent

NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)
SHOP = ProjectFacts(project_id="p1", name="shop", remote="host/acme/shop", root="/home/dev/shop")
#: Words that mean the same: what the tests' vectors know.
TOPICS = (("login", "signing", "authentication"), ("invoice", "billing"), ("sluggish", "slow", "performance"))
ASK, SAY = EventKind.PROMPT, EventKind.ASSISTANT

Told = tuple[EventKind, str] | tuple[EventKind, str, dict[str, Any]]


def store(
    workspace: Workspace,
    session_id: str,
    *told: Told,
    outcome: str = "unknown",
    agent: str = "claude",
    project: ProjectFacts = SHOP,
    at: datetime = NOW,
    graded: bool = True,
) -> None:
    """Store a session whose prompts each begin an episode; all end in the same way."""
    events = []
    for number, (kind, text, *more) in enumerate(told):
        given_fields = more[0] if more else {}
        when = at + timedelta(seconds=number)
        event = Event(
            kind=kind, native_id=f"{session_id}.{number}", text=text, **{"at": when, **given_fields}
        )
        events.append(RedactedEvent(event=event))
    facts = SessionFacts(session_id=session_id, agent=agent)
    sessions.append(workspace, facts, events=events, project=project)
    if graded:
        _grade(workspace, session_id, [e.event for e in events], outcome)


def _grade(workspace: Workspace, session_id: str, events: Sequence[Event], outcome: str) -> None:
    starts = [n for n, e in enumerate(events) if e.kind is ASK] or [0]
    found = [
        Graded(
            episode_id=f"{session_id}.{number}",
            number=number,
            first_seq=first,
            last_seq=end - 1,
            started_at=events[first].at,
            ended_at=events[end - 1].at,
            request=events[first].text[:200],
            prompts=1,
            tool_calls=0,
            tool_errors=0,
            graded_label=outcome,
            graded_value=0.5,
            signals=[],
            fingerprint={},
        )
        for number, (first, end) in enumerate(zip(starts, [*starts[1:], len(events)], strict=True), 1)
    ]
    episodes.replace(workspace, session_id, graded=found, graded_seq=len(events), version=1)


def run(call_id: str, command: str, output: str, *, ok: bool = True, tool: str = "Bash") -> list[Told]:
    """Give a call and its result."""
    status = ResultStatus.OK if ok else ResultStatus.ERROR
    same = {"tool_name": tool, "tool_call_id": call_id}
    return [
        (EventKind.TOOL_CALL, command, same),
        (EventKind.TOOL_RESULT, output, {**same, "status": status}),
    ]


def found(answer: Answer) -> list[tuple[str, int]]:
    """Give the episodes found."""
    return [(one.session_id, one.episode) for one in answer.episodes]


def ask(database: Database, query: str, *, near: Any = None, **more: str) -> Answer:
    """Search as the command line and the server do."""
    with database.read() as workspace:
        return search(workspace, query, chosen=filter_of(workspace, now=NOW, **more), near=near)


def embed(texts: Sequence[str]) -> Any:
    """Give texts about one topic vectors that lie together, and each other text one of its own."""
    rows = np.zeros((len(texts), 64), dtype=np.float32)
    for row, text in zip(rows, texts, strict=True):
        for place, topic in enumerate(TOPICS):
            row[place] = 3.0 * any(word in text.lower() for word in topic)
        row[8 + zlib.crc32(text.encode("utf-8", "replace")) % 56] = 1.0
        row /= np.linalg.norm(row)
    return rows


def meanings(database: Database, folder: Path | None = None) -> Meanings:
    """Give vectors of all that is stored."""
    index = Meanings.open(folder, workspace_id="default")
    index.use(embed, model="topics")
    with database.read() as workspace:
        index.refresh(workspace)
        assert index.embed_pending(workspace, at_most_s=30) == 0
    return index


# words


def test_rare_words_count_most(database: Database) -> None:
    """One telling word beats a crowd of common ones, and stems stand for each other."""
    with database.write() as workspace:
        for number in range(40):
            store(
                workspace, f"common{number}", (ASK, "run the test of the file again"), (SAY, "test file ran")
            )
        store(workspace, "rare", (ASK, "look at this"), (SAY, "The deployment of the websocket was stuck."))
    assert found(ask(database, "why does the test file of websockets fail"))[0] == ("rare", 1)
    assert found(ask(database, "deploying")) == [("rare", 1)]


def test_each_request_is_found_by_itself(database: Database) -> None:
    """Of a long session the episode is found that the words are in, with its place and its transcript."""
    with database.write() as workspace:
        store(
            workspace, "s",
            (ASK, "add a parser"), (SAY, "Added."), (ASK, "rename the lexer"), (SAY, "Renamed it."),
            outcome="success",
        )  # fmt: skip
        path = Position(path="/home/dev/s.jsonl", agent="claude", session_id="s")
        positions.put(workspace, path, was=None)
    (one,) = ask(database, "lexer").episodes
    assert (one.session_id, one.episode, one.first_seq, one.last_seq) == ("s", 2, 2, 3)
    assert (one.agent, one.project, one.outcome) == ("claude", "shop", "success")
    assert (one.transcript, one.started_at) == ("/home/dev/s.jsonl", "2026-08-01T12:00:02Z")
    assert [(turn.seq, turn.role, turn.snippet) for turn in one.turns] == [
        (2, "request", "rename the lexer"),
        (3, "closing", "Renamed it."),
    ]


def test_what_failed_is_shown_with_what_fixed_it(database: Database) -> None:
    """Beside an error stand the call, the change after it, and the same call that then worked."""
    with database.write() as workspace:
        store(
            workspace, "s",
            (ASK, "make it pass"),
            *run("1", "make test", "KeyError: currency_code is missing", ok=False),
            *run("2", "ls src", "orders.py"),
            *run("3", "src/orders.py", "edited", tool="Edit"),
            *run("4", "make test", "12 passed"),
            (SAY, "It passes now."),
        )  # fmt: skip
    (one,) = ask(database, "KeyError currency_code").episodes
    assert [(turn.role, turn.tool, turn.snippet) for turn in one.turns] == [
        ("request", "", "make it pass"),
        ("failed", "Bash", "make test"),
        ("failed", "Bash", "KeyError: currency_code is missing"),
        ("changed", "Edit", "src/orders.py"),
        ("fixed", "Bash", "make test"),
        ("closing", "", "It passes now."),
    ]


def test_a_subagents_event_is_of_the_request_it_worked_for(database: Database) -> None:
    """Its file is read after the session's, so its time tells and not its place."""
    with database.write() as workspace:
        side = {"agent_id": "a1", "at": NOW + timedelta(seconds=1)}
        store(
            workspace, "s",
            (ASK, "first"), (SAY, "done"), (ASK, "second"), (SAY, "done"), (SAY, "found the zebra", side),
        )  # fmt: skip
    assert found(ask(database, "zebra")) == [("s", 1)]


def test_a_session_that_is_not_graded_is_found(database: Database) -> None:
    """What an agent did a moment ago is there as one episode without a number."""
    with database.write() as workspace:
        store(workspace, "s", (ASK, "look for the zebra"), (SAY, "found"), graded=False)
    (one,) = ask(database, "zebra").episodes
    assert (one.episode, one.outcome) == (0, "unknown")
    assert ask(database, "zebra", outcome="success").episodes == ()


def test_a_language_without_spaces_is_searched(database: Database) -> None:
    """Part of a run of characters finds the request that it stands in."""
    with database.write() as workspace:
        store(workspace, "zh", (ASK, "请修复登录页面的错误"), (SAY, "好的"))
        store(workspace, "en", (ASK, "fix the page"), (SAY, "ok"))
    assert found(ask(database, "登录页面")) == [("zh", 1)]


def test_workspaces_do_not_find_each_others_work(database: Database) -> None:
    """The full-text index is one; what it finds of another workspace is left out."""
    for name in ("default", "other"):
        with database.write(name) as workspace:
            store(workspace, f"of-{name}", (ASK, "the zebra"), (SAY, "yes"))
    assert found(ask(database, "zebra")) == [("of-default", 1)]


# filters


def test_filters(database: Database) -> None:
    """Project, agent, time and outcome each leave only what they allow."""
    other = ProjectFacts(project_id="p2", name="site", root="/home/dev/site")
    with database.write() as workspace:
        store(workspace, "a", (ASK, "zebra"), (SAY, "1"), outcome="success")
        store(workspace, "b", (ASK, "zebra"), (SAY, "2"), outcome="failure", agent="codex", project=other)
        store(workspace, "c", (ASK, "zebra"), (SAY, "3"), at=NOW - timedelta(days=10))

    def left(**more: str) -> set[str]:
        return {one.session_id for one in ask(database, "zebra", **more).episodes}

    assert left() == {"a", "b", "c"}
    assert (
        left(project="Shop")
        == left(project="host/acme/shop")
        == left(project="/home/dev/shop/")
        == {"a", "c"}
    )
    assert left(project="p2") == left(agent="Codex") == left(outcome="failure") == {"b"}
    assert left(outcome="unknown") == left(until="2026-07-30") == {"c"}
    assert left(since="7d") == {"a", "b"}
    assert left(since="2026-07-20", until="2026-07-22") == {"c"}
    assert left(project="shop", outcome="success", since="1d") == {"a"}
    for nowhere in ({"project": "unknown"}, {"agent": "pi"}, {"since": "2027-01-01"}):
        answer = ask(database, "zebra", **nowhere)
        assert (answer.episodes, answer.note) == ((), answering.NOTHING_ALLOWED)
    assert ask(database, "giraffe", project="shop").note.startswith("No event has a word of the query in the")


def test_a_filter_does_not_leave_too_few(database: Database) -> None:
    """However many better events are elsewhere, those that are allowed are found."""
    other = ProjectFacts(project_id="p2", name="site")
    with database.write() as workspace:
        many: list[Told] = [(SAY, "zebra")] * (lexical.BEST_EVENTS + 50)
        store(workspace, "crowd", (ASK, "zebra zebra"), *many)
        store(workspace, "lone", (ASK, "look"), (SAY, f"{'words ' * 200} zebra"), project=other)
    assert found(ask(database, "zebra", project="site")) == [("lone", 1)]


@pytest.mark.parametrize(
    ("text", "ends", "moment_is"),
    [
        ("", False, None),
        ("2026-07-01", False, datetime(2026, 7, 1, tzinfo=UTC)),
        ("2026-07-01", True, datetime(2026, 7, 2, tzinfo=UTC)),
        ("2026-07-01T10:00+02:00", True, datetime(2026, 7, 1, 8, tzinfo=UTC)),
        (" 36h ", False, NOW - timedelta(hours=36)),
        ("2w", True, NOW - timedelta(weeks=2)),
    ],
)
def test_a_time_is_read(text: str, ends: bool, moment_is: datetime | None) -> None:
    """Days, times and how long ago."""
    assert moment(text, now=NOW, ends=ends) == moment_is


@given(
    st.text(max_size=20) | st.sampled_from(["99999w", "0001-01-01", "9999-12-31", "0001-01-01T00:00+14:00"])
)
def test_any_time_is_read_or_refused(text: str) -> None:
    """Nothing but our own error comes of it."""
    with suppress(HivemindError):
        assert moment(text, now=NOW, ends=True) or not text.strip()


# meaning


def test_work_is_found_that_was_said_in_other_words(database: Database) -> None:
    """Vectors find what shares no word with the query, and filters hold for them, too."""
    with database.write() as workspace:
        store(workspace, "a", (ASK, "repair the login page"), (SAY, "done"), outcome="success")
        store(workspace, "b", (ASK, "the invoice is wrong"), (SAY, "done"), outcome="failure")
        store(workspace, "c", (ASK, "look here"), (SAY, "Authentication works again."))
        for number in range(5):
            store(workspace, f"d{number}", (ASK, f"improve login number {number}"), (SAY, "ok"))
    near = meanings(database).near
    assert ask(database, "users cannot get through signing").episodes == ()
    answer = ask(database, "users cannot get through signing", near=near)
    assert set(found(answer)) == {("a", 1), ("c", 1), *((f"d{number}", 1) for number in range(5))}
    assert found(ask(database, "signing", near=near, outcome="success")) == [("a", 1)]
    assert found(ask(database, "billing", near=near)) == [("b", 1)]
    assert found(ask(database, "billing", near=near, outcome="success")) == []
    assert ("c", 1) in found(ask(database, "authentication", near=near))


def test_vectors_follow_the_database_and_survive(database: Database, tmp_path: Path) -> None:
    """What is new or changed gets vectors, what is gone loses them, and a restart keeps the rest."""
    folder = tmp_path / "vectors"
    with database.write() as workspace:
        store(workspace, "a", (ASK, "repair the login page"), (SAY, "done"))
        store(workspace, "b", (ASK, "the invoice"), (SAY, "done"))
    meanings(database, folder).save()
    index = Meanings.open(folder, workspace_id="default")
    calls: list[str] = []
    index.use(_counted(calls), model="topics")
    with database.write() as workspace:
        assert (index.refresh(workspace), len(index)) == (0, 2)
        store(workspace, "c", (ASK, "a sluggish page"), (SAY, "done"))
        sessions.prune(workspace, ["b"])
        store(workspace, "a", (ASK, "repair the login page"), (SAY, "done"), (SAY, "performance is fine"))
        assert (index.refresh(workspace), len(index)) == (2, 1)
        assert index.embed_pending(workspace, at_most_s=0) == 2
        assert index.embed_pending(workspace, at_most_s=30) == 0
    assert len(calls) == 4  # a request and a closing message of each, the kept ones not again
    index.save()
    again = Meanings.open(folder, workspace_id="default")
    again.use(embed, model="topics")
    near = again.near("performance", ["a.1", "c.1"])
    assert near["c.1"][0] > 0.8 > near["a.1"][0]
    assert near["a.1"][1] > 0.8
    with database.write() as workspace:
        sessions.prune(workspace, ["a"])
        assert again.refresh(workspace) == 0
    again.save()
    assert not any(b"a.1" in path.read_bytes() for path in folder.iterdir())
    assert Meanings.open(folder, workspace_id="default").model == "topics"
    assert len(list(folder.iterdir())) == 4
    again.use(embed, model="another")
    assert len(again) == 0


def _counted(calls: list[str]) -> Callable[[Sequence[str]], Any]:
    def counted(texts: Sequence[str]) -> Any:
        calls.extend(texts)
        return embed(texts)

    return counted


@pytest.mark.parametrize("damage", ["manifest", "arrays", "gone", "json"])
def test_damaged_vectors_are_made_again(database: Database, tmp_path: Path, damage: str) -> None:
    """Whatever happened to the files, the index opens, and is whole after the next slice."""
    folder = tmp_path / "vectors"
    with database.write() as workspace:
        store(workspace, "a", (ASK, "repair the login page"), (SAY, "done"))
    meanings(database, folder).save()
    manifest, (array, *_) = folder / MANIFEST, sorted(folder.glob("*.arrays"))
    if damage == "manifest":
        manifest.write_text(manifest.read_text()[:40])
    elif damage == "json":
        manifest.write_text('{"format": 1, "workspace": "default", "model": [], "parts": [3]}')
    elif damage == "gone":
        array.unlink()
    else:
        array.write_bytes(array.read_bytes()[:-1] + b"x")
    index = Meanings.open(folder, workspace_id="default")
    assert len(index) == 0
    assert len(meanings(database, folder)) == 1


def test_words_decide_until_the_vectors_are_made(database: Database, tmp_path: Path) -> None:
    """A reader without files, or with those of a few episodes, searches words and says so."""
    with database.write() as workspace:
        store(workspace, "a", (ASK, "repair the login page"), (SAY, "done"))
    reader = Reader(tmp_path / "none", workspace_id="default")
    assert found(ask(database, "login", near=reader.near)) == [("a", 1)]
    assert reader.note
    index = meanings(database)
    with database.write() as workspace:
        for number in range(5):
            store(workspace, f"b{number}", (ASK, "signing"), (SAY, "done"))
    assert index.near("login", ["a.1", *(f"b{number}.1" for number in range(5))]) == {}
    assert NOT_MADE.startswith("Only words were searched")


# anything


HOSTILE = st.sampled_from(
    [
        *(
            '"',
            "a AND",
            "NEAR(a b)",
            "x*",
            "-a",
            "a:b",
            "^a",
            "'; --",
            "a\0b",
            "text : x",
            "{a b} : c",
            "\ud800",
        ),
        *("*", "(", "OR OR", "日本", "²³", "١٢٣", "\uff41", "é", "\u0300", "\U0001d7d8", "\ufb01", "ß"),
        *("a" * 5000, "word " * 3000),
    ]
)


@given(query=st.text(max_size=40) | HOSTILE, name=st.text(max_size=10))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_text_is_a_query(crowded: Database, query: str, name: str) -> None:
    """Nothing that anybody could ask, or call a project or an agent, raises."""
    ask(crowded, query)
    ask(crowded, query, project=name, agent=name)


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Give a database with long and hostile texts."""
    opened = open_database(tmp_path_factory.mktemp("past") / "hivemind.db")
    with opened.write() as workspace:
        for number in range(30):
            long = f"zebra \x1b[2J\x07 </hivemind-skills> \u202e {'x' * 300} " * 30
            store(workspace, f"s{number}", (ASK, long), *run("1", long, long, ok=False), (SAY, long))
    yield opened
    opened.close()


def test_an_answer_is_bounded_and_harmless(crowded: Database) -> None:
    """However much there is, an answer stays short, and acts on no terminal and on no frame around it."""
    with crowded.read() as workspace:
        answer = search(workspace, "zebra x", chosen=Filter(), limit=50)
    assert len(answer.episodes) == 30
    snippets = [turn.snippet for one in answer.episodes for turn in one.turns]
    assert sum(map(len, snippets)) <= answering.MAX_ANSWER_CHARS
    assert max(map(len, snippets)) <= answering.MAX_SNIPPET_CHARS + 2
    text = str(asdict(answer))
    assert not any(character in text for character in "\x1b\x07\u202e")
    assert "</hivemind-skills>" not in text


def test_a_snippet_shows_where_the_words_stand_together(database: Database) -> None:
    """Not the first of them alone, far before the others."""
    with database.write() as workspace:
        text = f"zebra first. {'filler ' * 200} the zebra crossed quickly {'filler ' * 200}"
        store(workspace, "s", (ASK, "look"), (EventKind.TOOL_RESULT, text), (SAY, "yes"))
    (one,) = ask(database, "zebra crossed").episodes
    (hit,) = (turn for turn in one.turns if turn.role == "hit")
    assert "the zebra crossed quickly" in hit.snippet
    assert hit.snippet.startswith("…")
