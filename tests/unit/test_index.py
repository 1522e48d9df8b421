"""The worker's index: it follows the database, survives restarts and damage, and never fails on a text."""

import hashlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from retrieval_library import NOW, PROJECT, shop_library, store_skill

from hivemind.retrieval.index import Hit, Index, embedding, scoring
from hivemind.retrieval.index.features import NAMES
from hivemind.retrieval.index.words import _numbers, numbers, query
from hivemind.store import schema
from hivemind.store.database import Database, open_database


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the database of a small project."""
    return shop_library(tmp_path / "hivemind.db")


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    """Give a connection to it."""
    opened = sqlite3.connect(path)
    yield opened
    opened.close()


def _index(connection: sqlite3.Connection, folder: Path | None = None) -> Index:
    index = Index.open(folder, workspace_id="default")
    index.refresh(connection)
    return index


def _names(index: Index, prompt: str, *, project_id: str | None = PROJECT) -> list[str]:
    return [hit.skill_id.partition(".")[2] for hit in index.search(prompt, project_id=project_id)]


def _bag(texts: Sequence[str]) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    """Embed texts by their words: the same words are the same vector."""
    found = np.zeros((len(texts), 384), dtype=np.float32)
    for row, text in enumerate(texts):
        for word in text.lower().split():
            found[row, hashlib.sha256(word.encode()).digest()[0]] += 1
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)


def test_the_right_skill_is_first_within_its_project(connection: sqlite3.Connection) -> None:
    """Skills of the project and of every project are found, those of others and retired ones are not."""
    index = _index(connection)
    assert _names(index, "bring my database up to date with the new migration")[0] == "shop-api-migrate"
    assert _names(index, "provision an AWS bucket with terraform")[0] == "terraform-modules"
    assert _names(index, "run the tests with tox")[0] == "shop-api-checks"
    assert "shop-api-old" not in _names(index, "tox")
    assert "other-checks" not in _names(index, "run the tests")
    assert _names(index, "run the tests", project_id="p2") == ["other-checks"]
    assert "other-checks" in _names(index, "run the tests", project_id=None)


def test_hits_say_what_each_figure_adds(connection: sqlite3.Connection) -> None:
    """The figures of a hit add up to its score, and confidence is a probability."""
    hit = _index(connection).search("migrate the database", project_id=PROJECT)[0]
    assert hit.score == pytest.approx(sum(hit.figures.values()), abs=0.01)
    assert 0 < hit.confidence < 1


def test_candidates_are_loaded_in_order_and_only_what_still_lives(connection: sqlite3.Connection) -> None:
    """What was retired after the search is not given to anybody."""
    index = _index(connection)
    hits = index.search("run the tests and migrate the database", project_id=PROJECT)
    assert [one.skill_id for one in index.candidates(connection, hits)] == [hit.skill_id for hit in hits]
    connection.execute("UPDATE skills SET state = 'retired' WHERE skill_id = ?", (hits[0].skill_id,))
    assert [one.skill_id for one in index.candidates(connection, hits)] == [hit.skill_id for hit in hits[1:]]


@pytest.mark.parametrize(
    ("prompt", "names"),
    [
        ("Run the tests and tell me whether anything is broken, please.", ["shop-api-checks"]),
        ("lint", ["shop-api-checks"]),
        ("I pulled main and there is a new migration. Bring my database up to date.", ["shop-api-migrate"]),
        ("Add the endpoint to api/openapi.json and regenerate the client", ["shop-api-rules"]),
        ("continue", []),
        ("thanks, that looks good", []),
        ("What is the capital of Australia?", []),
        ("Why is the logo blurry on retina displays?", []),
        ("Rename the variable foo to bar", []),
    ],
)
def test_a_project_is_shown_its_own_skills_and_only_where_they_fit(
    connection: sqlite3.Connection, prompt: str, names: list[str]
) -> None:
    """What a project taught is shown at a request that it answers, and nothing at others."""
    index = _index(connection)
    hits = index.search(prompt, project_id=PROJECT, ignored_words=("shop", "api"))
    assert [one.name for one in index.candidates(connection, hits) if one.relevant][:1] == names


def test_a_new_version_replaces_the_old_and_a_retired_skill_goes(
    path: Path, connection: sqlite3.Connection
) -> None:
    """The index follows each change with one refresh, and does nothing where none happened."""
    index = _index(connection)
    assert index.refresh(connection) == 0
    database = open_database(path)
    with database.write("default") as workspace:
        store_skill(workspace, "shop-api-zorblax", "Unjam the zorblax reactor.")
    assert index.refresh(connection) == 1
    assert _names(index, "zorblax")[0] == "shop-api-zorblax"
    _rewrite(database, f"{PROJECT}.shop-api-zorblax", "Polish the quuxite lens.")
    assert index.refresh(connection) == 1
    assert _names(index, "quuxite")[0] == "shop-api-zorblax"
    assert not [
        hit
        for hit in index.search("zorblax", project_id=PROJECT)
        if hit.figures["share"] > 0 and hit.version == 1
    ]
    connection.execute("UPDATE skills SET state = 'retired' WHERE name = 'shop-api-zorblax'")
    connection.commit()
    assert index.refresh(connection) == 1
    assert "shop-api-zorblax" not in _names(index, "quuxite zorblax")
    database.close()


def test_many_small_changes_are_put_together(path: Path, connection: sqlite3.Connection) -> None:
    """Skills that come one by one stay findable, with their vectors, and do not make a part each for ever."""
    index = _index(connection)
    index.use(_bag, model="bag")
    database = open_database(path)
    for number in range(30):
        with database.write("default") as workspace:
            store_skill(workspace, f"skill-{number}", f"Handle the gadget called glorp{number}.")
        index.refresh(connection)
        index.embed_pending(connection, at_most_s=10)
    assert all(_names(index, f"glorp{number}")[0] == f"skill-{number}" for number in range(30))
    assert index.embed_pending(connection, at_most_s=0) == 0
    assert len(index._snapshot.parts) <= 8
    database.close()


def test_a_saved_index_is_read_again(path: Path, connection: sqlite3.Connection, tmp_path: Path) -> None:
    """A worker that starts again finds the same, reads no text twice, and keeps the vectors."""
    folder = tmp_path / "index"
    index = _index(connection, folder)
    index.use(_bag, model="bag")
    index.embed_pending(connection, at_most_s=10)
    index.save()
    again = Index.open(folder, workspace_id="default")
    assert len(again) == len(index)
    assert again.refresh(connection) == 0
    again.use(_bag, model="bag")
    assert again.embed_pending(connection, at_most_s=0) == 0
    prompt = "migrate the database"
    assert again.search(prompt, project_id=PROJECT) == index.search(prompt, project_id=PROJECT)
    again.use(_bag, model="another")
    assert again.embed_pending(connection, at_most_s=0) == len(again)
    database = open_database(path)
    _rewrite(database, f"{PROJECT}.shop-api-migrate", "Something else.")
    database.close()
    later = Index.open(folder, workspace_id="default")
    assert later.refresh(connection) == 1


@pytest.mark.parametrize("damage", ["manifest", "cut", "flipped", "gone", "other workspace"])
def test_a_damaged_index_is_made_anew(connection: sqlite3.Connection, tmp_path: Path, damage: str) -> None:
    """Whatever happened to its files, the index answers right after a refresh."""
    folder = tmp_path / "index"
    _index(connection, folder).save()
    file = next(folder.glob("*.words.arrays"))
    content = file.read_bytes()
    if damage == "manifest":
        (folder / "manifest.json").write_text('{"format": 1, "parts": [{}]}')
    elif damage == "cut":
        file.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        file.write_bytes(content[:-70] + bytes([content[-70] ^ 1]) + content[-69:])
    elif damage == "gone":
        file.unlink()
    workspace = "elsewhere" if damage == "other workspace" else "default"
    index = Index.open(folder, workspace_id=workspace)
    assert len(index) == 0
    index.refresh(connection)
    if damage != "other workspace":
        assert _names(index, "migrate the database")[0] == "shop-api-migrate"
        index.save()
        assert len(Index.open(folder, workspace_id="default")) == len(index)


def test_damaged_vectors_are_made_again(connection: sqlite3.Connection, tmp_path: Path) -> None:
    """Without its vectors an index searches by words, and lacks nothing else."""
    folder = tmp_path / "index"
    index = _index(connection, folder)
    index.use(_bag, model="bag")
    index.embed_pending(connection, at_most_s=10)
    index.save()
    next(folder.glob("*.vectors.arrays")).write_bytes(b"no arrays")
    again = Index.open(folder, workspace_id="default")
    again.refresh(connection)
    again.use(_bag, model="bag")
    assert _names(again, "migrate the database")[0] == "shop-api-migrate"
    assert again.embed_pending(connection, at_most_s=10) == 0


def test_searches_run_while_the_index_changes(path: Path, connection: sqlite3.Connection) -> None:
    """Readers in other threads see the library before or after a change, and never fail."""
    index = _index(connection)
    failures: list[BaseException] = []
    found: list[list[Hit]] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            try:
                found.append(index.search("migrate the database", project_id=PROJECT))
            except BaseException as error:  # noqa: BLE001 - told below
                failures.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    database = open_database(path)
    for number in range(12):
        with database.write("default") as workspace:
            store_skill(workspace, f"skill-{number}", "Migrate something.")
        index.refresh(connection)
    stop.set()
    for thread in threads:
        thread.join()
    database.close()
    assert not failures
    assert all(hits and any(hit.skill_id.endswith("migrate") for hit in hits) for hits in found)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("deploying", "deployment"),
        ("migrations", "migrate"),
        ("queries", "query"),
        ("caching", "cached"),
        ("authentication", "authenticate"),
        ("libraries", "library"),
    ],
)
def test_forms_of_a_word_are_one(one: str, other: str) -> None:
    """Endings do not matter."""
    assert numbers(one) == numbers(other)


def test_words_of_scripts_without_spaces_are_found_by_parts() -> None:
    """Chinese, Japanese and Korean are read by pairs of characters, Latin words among them whole."""
    assert set(numbers("数据库迁移")) & set(numbers("请迁移数据库"))
    assert set(numbers("이력서를 검토해줘")) & set(numbers("이력서 검토"))
    assert set(numbers("用docker部署")) & set(numbers("docker"))


def test_code_counts_less_than_what_is_said() -> None:
    """A pasted block weighs less than the request around it, and a word of both counts as said."""
    asked = query("explain the gizmo function\n```\ndef gizmo(argument):\n    frobnicate(argument)\n```")
    weights = dict(zip(asked.words, asked.weights, strict=True))
    assert weights["gizmo"] == weights["explain"] == 1.0
    assert weights["frobnicate"] < 1.0


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(max_size=400))
def test_no_text_breaks_a_search(connection: sqlite3.Connection, text: str) -> None:
    """Anything can be asked."""
    index = _index(connection)
    assert all(np.isfinite(hit.confidence) for hit in index.search(text, project_id=PROJECT))


@pytest.mark.parametrize(
    ("prompt", "strange"),
    [
        ("请帮我迁移这个数据库", True),
        ("이력서를 검토해줘", True),
        ("tolong bikinin laporan keuangan bulanan dong", True),
        ("migrate the database and deploy it", False),
        ("fix src/shop/cart_total.py, test_checkout_v2 fails on CI", False),
        ("数据", False),
        ("", False),
    ],
)
def test_a_prompt_in_another_language_is_known(prompt: str, strange: bool) -> None:
    """Names and paths do not make a language, nor does a single word."""
    assert scoring.is_strange(query(prompt)) is strange


def test_a_prompt_in_another_language_needs_more() -> None:
    """The same figures are less sure there."""
    for meaning in (False, True):
        weights = scoring.load(meaning=meaning)
        figures = np.ones((1, len(scoring.SURE_NAMES)), dtype=np.float32)
        assert scoring.confidence(figures, weights, strange=True) < scoring.confidence(figures, weights)


def test_being_near_counts_by_how_near_the_others_are() -> None:
    """The nearest of all leads by nothing, and without a model nothing is near."""
    figures = np.zeros((40, len(NAMES)), dtype=np.float32)
    chosen, ones = np.array([0, 39]), np.ones(3, dtype=np.float32)
    first = scoring.SURE_NAMES.index("nearest")

    def nearness() -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
        scores = np.arange(40, dtype=np.float32)
        return scoring.sure_figures(figures, scores, chosen, weights=ones, told=figures[chosen])[:, first:]

    assert not nearness().any()
    figures[:, NAMES.index("meaning")] = np.linspace(0, 0.8, 40)
    far, near = nearness()
    assert near[0] == 0
    assert near[2] == 0
    assert (near[[1, 3]] > 0).all()
    assert (far[[0, 1, 3]] < 0).all()
    assert far[2] == pytest.approx(np.log1p(39))


def test_stems_are_the_same_in_every_thread() -> None:
    """Threads that read at once do not disturb each other."""
    words = [f"deploying{'abcdefghij'[n % 10]}{'klmnopqrst'[n // 10 % 10]}s" for n in range(100)]
    alone = [numbers(word) for word in words]
    _numbers.cache_clear()
    with ThreadPoolExecutor(max_workers=4) as threads:
        together = list(threads.map(numbers, words * 20))
    assert together == alone * 20


@pytest.mark.parametrize("text", ["", " ", "\ud800", "\x00", "é→数据", "word " * 5_000, "x" * 5_000])
def test_any_text_has_a_meaning(text: str) -> None:
    """The embedding model gives a vector of length one whatever the text."""
    embed = embedding.load()
    if embed is None:
        pytest.skip("the extra `embeddings` is not installed")
    assert np.linalg.norm(embed([text])[0]) == pytest.approx(1, abs=1e-3)


def test_meaning_that_is_near_is_nearer_than_another() -> None:
    """The embedding model tells a paraphrase from something else."""
    embed = embedding.load()
    if embed is None:
        pytest.skip("the extra `embeddings` is not installed")
    asked, same, other = embed(
        ["my disk is full", "free up storage space on this computer", "write a poem about rivers"]
    )
    assert asked @ same > asked @ other + 0.1


def _rewrite(database: Database, skill_id: str, description: str) -> None:
    with database.write("default") as workspace:
        row = workspace.execute(
            schema.skill_versions.select().where(schema.skill_versions.c.skill_id == skill_id)
        ).one()
        workspace.execute(
            schema.skill_versions.insert().values({**row._mapping, "version": 2, "description": description})
        )
        workspace.execute(
            schema.skills.update()
            .where(schema.skills.c.skill_id == skill_id)
            .values(version=2, updated_at=NOW + timedelta(days=1))
        )


def test_near_copies_do_not_make_a_skill_less_sure(path: Path, connection: sqlite3.Connection) -> None:
    """Of a skill that lies there twenty times, with a few words changed, the best is as sure as one alone."""
    body = " ".join(f"word{number}" for number in range(80))
    database = open_database(path)
    with database.write("default") as workspace:
        store_skill(workspace, "zorblax", "Unjam the zorblax reactor safely.", body=body, project_id="")
    alone = _index(connection).search("unjam the zorblax reactor", project_id="")[0].confidence
    with database.write("default") as workspace:
        for number in range(20):
            changed = body.replace("word7", f"w{number}")
            store_skill(
                workspace,
                f"zorblax-{number}",
                "Unjam the zorblax reactor safely.",
                body=changed,
                project_id="",
            )
    database.close()
    hits = _index(connection).search("unjam the zorblax reactor", project_id="")
    assert len(hits) == 10
    assert all(hit.confidence > alone / 2 for hit in hits)


def test_one_of_a_few_shared_skills_is_shown_where_it_fits(
    path: Path, connection: sqlite3.Connection
) -> None:
    """Short texts in a small library are shown as they are without a worker."""
    database = open_database(path)
    with database.write("default") as workspace:
        store_skill(workspace, "zorblax", "Unjam the zorblax reactor.", body="Turn it off.", project_id="")
    database.close()
    index = _index(connection)
    shown = {
        prompt: [
            one.name
            for one in index.candidates(connection, index.search(prompt, project_id=PROJECT))
            if one.relevant
        ]
        for prompt in ("The zorblax reactor is jammed again, unjam it", "The reactor of the plant is red")
    }
    assert list(shown.values()) == [["zorblax"], []]
