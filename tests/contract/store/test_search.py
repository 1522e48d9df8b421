"""Search, on every database: words whatever they are part of, the most telling first, one workspace only."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stored import FACTS, event

from databases import Maker
from hivemind.domain.events import EventKind, SessionFacts
from hivemind.store import search, sessions
from hivemind.store.database import Database, Workspace


def put(workspace: Workspace, *texts: str, session: str = "s") -> None:
    """Store events with these texts."""
    facts = SessionFacts(session_id=session, agent="claude", cwd="/x")
    sessions.append(workspace, facts, events=[event(f"{session}-{text[:99]}", text) for text in texts])


def found(workspace: Workspace, query: str, *, limit: int = 10) -> list[str]:
    """Give the texts of the events that a query finds, the best first."""
    return [hit.text for hit in search.search_events(workspace, query, limit=limit)]


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("edit src/app/main.py", "main"),
        ("see https://h.example/acme/shop?x=1", "acme"),
        ("call parse_user_input(x)", "user"),
        ("call parse_user_input(x)", "parse_user_input"),
        ("mail ann@h.example", "ann"),
        ("Error: ENOENT no such file", "enoent"),
        ("the Café in Zürich", "cafe zurich"),
        ("the cafe in zurich", "Café"),
        ("exit code 137", "137"),
        ("привет мир", "МИР"),
        ("it's a trap", "trap"),
        ("a" * 200, "a" * 200),
        ("x -5 1e5 0xff", "0xff"),
    ],
)
def test_a_word_is_found_whatever_it_is_part_of(database: Database, text: str, query: str) -> None:
    """Paths, addresses and identifiers are found by their parts, and without regard to case and accents."""
    with database.write() as workspace:
        put(workspace, text, "something else")
        assert found(workspace, query) == [text]


def test_the_whole_input_of_a_call_is_searched(database: Database) -> None:
    """A call is found by what was in its input, and shows its session."""
    call = event("c", "Bash", kind=EventKind.TOOL_CALL, tool_name="Bash", data={"command": "make zebra"})
    with database.write() as workspace:
        sessions.append(workspace, FACTS, events=[call])
        (hit,) = search.search_events(workspace, "zebra")
    assert (hit.session_id, hit.seq, hit.kind, hit.tool_name, hit.agent, hit.cwd) == (
        *("s", 0, "tool_call", "Bash"),
        *("claude", "/x"),
    )
    assert hit.at == "2026-11-03T10:00:00.000Z"
    assert hit.score > 0


def test_rare_words_tell_more_than_common_ones(database: Database) -> None:
    """An event with the rare word comes before those with the common one, and one with both is first."""
    with database.write() as workspace:
        put(workspace, *(f"run the tests number{n}" for n in range(30)), "zebra crossing here", "tests zebra")
        assert found(workspace, "tests zebra", limit=3)[:2] == ["tests zebra", "zebra crossing here"]


def test_a_short_text_tells_more_than_a_long_one(database: Database) -> None:
    """A word among few counts for more than one among many."""
    long = "zebra " + " ".join(f"word{n}" for n in range(500))
    with database.write() as workspace:
        put(workspace, long, "a zebra", *(f"other text{n}" for n in range(20)))
        assert found(workspace, "zebra") == ["a zebra", long]


def test_a_huge_text_is_stored_and_found_by_its_beginning(database: Database) -> None:
    """More words than PostgreSQL indexes for one row are no reason to refuse an event."""
    text = "first " + " ".join(f"w{n:07}ü" for n in range(200_000))
    with database.write() as workspace:
        put(workspace, text)
        assert [len(one) for one in found(workspace, "first w0000009ü")] == [len(text)]


def test_the_limit_holds(database: Database) -> None:
    """No more than asked for are given."""
    with database.write() as workspace:
        put(workspace, *(f"word {n}" for n in range(20)))
        assert len(found(workspace, "word", limit=5)) == 5


def test_common_words_are_left_out_of_long_queries(databases: Maker) -> None:
    """Once the server knows which words are common, a query of many still finds what its rare ones say."""
    database = databases.open()
    with database.write() as workspace:
        put(workspace, *(f"the a of to common{n % 7} unique{n}" for n in range(3_000)))
    if databases.engine == "postgresql":
        with database.engine.connect() as connection:
            connection.exec_driver_sql("ANALYZE event_words")
            connection.commit()
    with database.read() as workspace:
        assert found(workspace, "the a of to unique42", limit=1) == ["the a of to common0 unique42"]
        assert len(found(workspace, "the", limit=5)) == 5


QUERIES = st.text(max_size=30) | st.sampled_from(
    ['"', "a AND", "NEAR(", "x*", "-a", "a:b", "^", "'; --", "a\0b", "' & !a", "a\\", "<->", "_", "__a__"]
)


@given(query=QUERIES, text=st.text(max_size=50))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_query_is_a_search(database: Database, query: str, text: str) -> None:
    """What means something to FTS5 or to tsquery is a word like any other, in the text as well."""
    with database.write() as workspace:
        put(workspace, text.replace("\0", "").encode("utf-8", "replace").decode())
        search.search_events(workspace, query)
        search.search_skills(workspace, query)


def entry(skill_id: str, **more: str) -> search.SkillEntry:
    """Describe a skill for search."""
    values = {"project_id": "", "name": "a-name", "description": "", "requests": "", "body": "", **more}
    return search.SkillEntry(skill_id=skill_id, **values)


def test_a_skill_is_found_by_any_of_its_fields(database: Database) -> None:
    """By words of its name, description, requests and body, in another form of the word as well."""
    with database.write() as workspace:
        search.index_skill(workspace, entry("k1", name="deploy-staging", body="Run `tox`."))
        search.index_skill(workspace, entry("k2", description="Migrations of the database."))
        search.index_skill(workspace, entry("k3", requests="fix the flaky tests\nüber alles"))
        for query, expected in {
            "staging": ["k1"],
            "deploying": ["k1"],
            "tox": ["k1"],
            "migrate the databases": ["k2"],
            "flaky test": ["k3"],
            "uber": ["k3"],
            "nothing": [],
        }.items():
            assert search.search_skills(workspace, query)[:1] == expected, query


def test_a_skill_is_found_as_it_is_now(database: Database) -> None:
    """A new text takes the place of the old one, and what is taken out is not found."""
    with database.write() as workspace:
        search.index_skill(workspace, entry("k", body="the zebra"))
        search.index_skill(workspace, entry("k", body="the giraffe"))
        assert search.search_skills(workspace, "zebra") == []
        assert search.search_skills(workspace, "giraffe") == ["k"]
        search.forget_skill(workspace, "k")
        search.forget_skill(workspace, "k")
        assert search.search_skills(workspace, "giraffe") == []
        search.index_skill(workspace, entry("k", name="", body=""))
        search.index_skill(workspace, entry("k", body="the ibex"))
        assert search.search_skills(workspace, "ibex") == ["k"]


def test_skills_of_another_workspace_are_not_found(database: Database) -> None:
    """Nor does the same id in both confuse them."""
    for name in ("one", "two"):
        with database.write(name) as workspace:
            search.index_skill(workspace, entry("k", body=f"zebra {name}"))
    with database.write("one") as workspace:
        assert search.search_skills(workspace, "two") == []
        assert search.search_skills(workspace, "zebra") == ["k"]
        search.forget_skill(workspace, "k")
    with database.read("two") as workspace:
        assert search.search_skills(workspace, "zebra") == ["k"]
