"""Ranking: the skills of the right scope, the right one first, and nothing where nothing fits."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from retrieval_library import PROJECT, shop_library, store_project, store_skill

from hivemind.retrieval import relevant, word_frequencies
from hivemind.retrieval.rank import MAX_WORDS, Candidate, prompt_words, rank
from hivemind.store.database import open_database


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """Give a connection that cannot write to the library of a small project."""
    path = shop_library(tmp_path_factory.mktemp("shop") / "hivemind.db")
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    yield connection
    connection.close()


def _ranked(shop: sqlite3.Connection, prompt: str, *, project_id: str = PROJECT) -> list[Candidate]:
    return rank(shop, workspace_id="default", project_id=project_id, prompt=prompt)


def _relevant(shop: sqlite3.Connection, prompt: str) -> list[str]:
    return [one.name for one in _ranked(shop, prompt) if one.relevant]


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("Run the tests and tell me whether anything is broken, please.", "checks"),
        ("Run the test suite.", "checks"),
        ("tests are failing, fix them", "checks"),
        ("lint", "checks"),
        ("I pulled main and there is a new migration. Bring my database up to date.", "migrate"),
        ("Add the endpoint to api/openapi.json and regenerate the client", "rules"),
    ],
)
def test_a_request_ranks_its_skill_first_and_finds_it_relevant(
    shop: sqlite3.Connection, prompt: str, name: str
) -> None:
    """A request that a project's skill answers has that skill first, above its threshold."""
    assert _relevant(shop, prompt)[0] == f"shop-api-{name}"


@pytest.mark.parametrize(
    "prompt",
    [
        "continue",
        "yes",
        "ok",
        "go on",
        "thanks",
        "3",
        "",
        "   \n\t",
        "Explain in two sentences how HTTP caching with ETags works.",
        "What is the capital of Norway?",
        "shop-api",
    ],
)
def test_what_no_skill_answers_finds_nothing_relevant(shop: sqlite3.Connection, prompt: str) -> None:
    """Replies, unrelated questions and the project's own name find nothing relevant."""
    assert _relevant(shop, prompt) == []


def test_only_live_skills_of_the_scope_are_ranked(shop: sqlite3.Connection) -> None:
    """Skills of other projects and retired ones, though indexed, are never ranked."""
    prompt = "run the tests and lint with tox, provision infrastructure with terraform"
    ranked = {one.name for one in _ranked(shop, prompt)}
    assert {"shop-api-checks", "terraform-modules"} <= ranked
    assert ranked.isdisjoint({"shop-api-old", "other-checks"})
    assert {one.name for one in _ranked(shop, prompt, project_id="")} == {"terraform-modules"}


def test_a_skill_of_another_workspace_is_never_ranked(shop: sqlite3.Connection) -> None:
    """A workspace sees its own skills only."""
    assert rank(shop, workspace_id="team", project_id=PROJECT, prompt="run the tests") == []


def test_a_skill_of_every_project_needs_more_than_one_of_this_project(shop: sqlite3.Connection) -> None:
    """The threshold of shared skills is higher, and confidence puts each threshold at one half."""
    shared, own = _ranked(shop, "run terraform tests with terraform modules for AWS")[:2]
    assert (shared.name, own.name) == ("terraform-modules", "shop-api-checks")
    assert shared.threshold > own.threshold
    assert all(one.relevant == (one.confidence >= 0.5) for one in (shared, own))


def test_the_threshold_rises_with_the_library(tmp_path: Path) -> None:
    """The more skills there are, the more evidence one of them needs."""
    database = open_database(tmp_path / "hivemind.db")
    with database.write("default") as workspace:
        store_project(workspace)
        for number in range(40):
            store_skill(workspace, f"skill-{number}", "How to run the tests.")
    database.close()
    connection = sqlite3.connect(tmp_path / "hivemind.db")
    found = _ranked(connection, "run")
    connection.close()
    assert len(found) == 10
    assert not found[0].relevant
    assert [one.name for one in found] == sorted(one.name for one in found)


def test_the_beginning_and_the_end_of_a_long_prompt_count(shop: sqlite3.Connection) -> None:
    """A pasted log between two sentences does not hide what is asked."""
    log = "\n".join(f"2026-08-01T10:00:{n:02d} worker[{n}] handled item{n}x" for n in range(3000))
    words = prompt_words(f"Migrate the database.\n{log}\nThen run the migration again")
    assert len(words) <= MAX_WORDS
    assert {"migrate", "database", "migration"} <= set(words)
    assert _ranked(shop, f"Migrate the database.\n{log}")[0].name == "shop-api-migrate"


def test_prompt_words_leave_out_numbers_hashes_and_small_talk() -> None:
    """What tells nothing of a task is not searched; identifiers are split as the index splits them."""
    assert prompt_words("Please fix get_user_name in 3 files, see commit 9f8e7d6c5b4a, thanks!") == [
        "fix",
        "user",
        "name",
        "files",
        "commit",
    ]


def test_words_in_other_scripts_are_searched_by_their_beginning(tmp_path: Path) -> None:
    """A Korean word is found with another ending, which no stemmer here removes."""
    database = open_database(tmp_path / "hivemind.db")
    with database.write("default") as workspace:
        store_project(workspace)
        store_skill(workspace, "resume", "이력서를 검토하고 수정한다.")
    database.close()
    connection = sqlite3.connect(tmp_path / "hivemind.db")
    found = _ranked(connection, "이력서에서 오타 수정해줘")
    connection.close()
    assert [one.relevant for one in found] == [True]


def test_relevant_gives_text_ids_versions_and_confidence(shop: sqlite3.Connection) -> None:
    """The worker's function answers with the block and what is in it, and not twice to one session."""
    first = relevant(shop, workspace_id="default", project_id=PROJECT, prompt="run the tests")
    assert [(skill_id, version) for skill_id, version, _ in first.skills] == [("p1.shop-api-checks", 1)]
    assert 0.5 <= first.skills[0][2] < 1
    assert "make test" in first.text
    again = relevant(
        shop,
        workspace_id="default",
        project_id=PROJECT,
        prompt="run the tests",
        already=frozenset({"p1.shop-api-checks"}),
    )
    assert (again.text, again.skills) == ("", [])


def test_the_word_list_knows_common_words() -> None:
    """Common words of coding weigh little, and the list is loaded whole."""
    skills = word_frequencies.load()
    assert len(skills) > 3000
    assert skills["test"] > 1000 > skills["kubernetes"]
    assert max(skills.values()) <= word_frequencies.DOCUMENTS


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(prompt=st.text(max_size=400) | st.text(alphabet='"*():^-+{}\x00\\ abAND이', max_size=80))
def test_no_prompt_makes_ranking_raise(shop: sqlite3.Connection, prompt: str) -> None:
    """Whatever the prompt, ranking gives scores in order and never raises."""
    scores = [one.score for one in _ranked(shop, prompt)]
    assert scores == sorted(scores, reverse=True)
    assert all(score > 0 for score in scores)
