"""The store over HTTP: what is quoted, what is kept or lost, and what is said where the endpoint fails.

The contract of the store (tests/contract/store) holds over it, too; here is what only this transport has.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from databases import Server
from deeplake_stand_in import TOKEN, StandIn, standing_in
from hivemind.deeplake.tables import store_url
from hivemind.errors import HivemindError
from hivemind.store import problems, schema
from hivemind.store.database import Database, Workspace, open_url
from hivemind.store.engines.deeplake import endpoint as endpoints
from hivemind.store.engines.deeplake import opening, turns
from hivemind.store.engines.deeplake.endpoint import Account, Endpoint, StatementRefusedError

psycopg = pytest.importorskip("psycopg", reason="needs psycopg: pip install -e '.[test]'")
literals = pytest.importorskip("hivemind.store.engines.deeplake.literals")

MANY = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
#: What PostgreSQL can keep as text, with more of what means something in a literal.
TEXTS = st.text(
    st.sampled_from("'\"\\%$:;-/*E{}\n\r\t\x01\u2028\U0001f41d")
    | st.characters(exclude_categories=("Cs",), exclude_characters="\0")
)


@pytest.fixture
def stand_in(server: Server) -> Iterator[StandIn]:
    """Run an endpoint that a test may put out of order."""
    with standing_in(server) as running:
        yield running


@pytest.fixture
def workspace_url(stand_in: StandIn, server: Server) -> str:
    """Give the URL of an empty workspace."""
    return stand_in.url(server.create(template="hivemind_template").rpartition("/")[2])


@pytest.fixture
def database(workspace_url: str) -> Iterator[Database]:
    """Open a workspace as a store."""
    opened = open_url(workspace_url)
    yield opened
    opened.close()


def behind(server: Server, url: str, statement: str) -> None:
    """Do something to a workspace that its users do not see."""
    with psycopg.connect(server.url(url.rpartition("/")[2]), autocommit=True) as connection:
        connection.execute(statement)


def plain(stand_in: StandIn, workspace: str = "postgres", **more: Any) -> Endpoint:
    """Ask the endpoint itself, without waiting between attempts."""
    account = Account(
        token=more.pop("token", TOKEN),
        organisation="acme",
        workspace=workspace,
        api_url=f"http://127.0.0.1:{stand_in.port}",
    )
    return Endpoint(account, pause=lambda _s: None)


def refusal(url: str) -> HivemindError:
    """Open what cannot be opened; no message shows the token."""
    with pytest.raises(HivemindError) as error:
        open_url(url)
    assert TOKEN not in f"{error.value.message} {error.value.hint}"
    assert error.value.hint
    return error.value


def noted(workspace: Workspace) -> list[int]:
    """Give how often each problem was counted."""
    return [row.count for row in problems.recent(workspace)]


@pytest.mark.parametrize("conforming", ["on", "off"])
def test_any_text_is_a_literal(stand_in: StandIn, conforming: str) -> None:
    """Quotes, backslashes and percent signs mean nothing in it, however the server reads backslashes."""
    stand_in.settings = f"-c standard_conforming_strings={conforming}"
    with plain(stand_in) as endpoint:

        @MANY
        @given(text=TEXTS)
        def ask(text: str) -> None:
            statement = literals.rendered(
                "SELECT %(a)s AS a, '100%%' AS b, to_json(%(c)s::text[])::text AS c", {"a": text, "c": [text]}
            )
            row = endpoint.ask(statement).rows[0]
            assert row[:2] == [text, "100%"]
            assert json.loads(row[2]) == [text]

        ask()


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b"])
def test_a_text_that_cannot_be_kept_is_refused(database: Database, text: str) -> None:
    """It is never cut at the NUL, and never sent."""
    with pytest.raises((sa.exc.DataError, psycopg.DataError)), database.write() as workspace:
        problems.record(workspace, source="worker", slug="a", message=text)
    with pytest.raises(psycopg.DataError):
        literals.literal(text)


@pytest.mark.parametrize("conforming", ["on", "off"])
def test_any_row_comes_back_as_it_was_stored(stand_in: StandIn, database: Database, conforming: str) -> None:
    """Through a commit, whose statements are literals within a literal; types come back, too."""
    stand_in.settings = f"-c standard_conforming_strings={conforming}"
    at = datetime(2026, 8, 9, 10, 11, 12, 345000, tzinfo=UTC)
    number = iter(range(9999))

    @MANY
    @given(
        text=TEXTS,
        whole=st.integers(-(2**63), 2**63 - 1),
        share=st.floats(allow_nan=False, allow_infinity=False),
    )
    def store(text: str, whole: int, share: float) -> None:
        key = f"k{next(number)}"
        document = {"text": text, text: [whole, share, None, True]}
        row = {"workspace_id": "default", "kind": "k", "key": key, "data": document, "asked": whole}
        with database.write() as workspace:
            values = {**row, "created_at": at, "due_at": None, "last_error": text, "attempts": 0, "owner": ""}
            workspace.execute(schema.jobs.insert().values(values))
        t = schema.jobs.c
        with database.read() as workspace:
            query = sa.select(t.data, t.asked, t.created_at, t.due_at, t.last_error).where(t.key == key)
            found = tuple(workspace.execute(query).one())
        assert found == (document, whole, at, None, text)
        assert found[2].tzinfo is UTC

    store()


def test_a_value_is_never_the_number_of_a_column(database: Database) -> None:
    """Rows are grouped and ordered by values: PostgreSQL would read a bare literal as a column's number."""
    two = sa.literal(2).label("two")
    query = sa.select(schema.workspaces.c.workspace_id, two, sa.func.count()).group_by(
        schema.workspaces.c.workspace_id, two
    )
    with database.write() as workspace:
        rows = workspace.execute(query.order_by(sa.literal(1).desc(), sa.literal("x"))).all()
    assert [tuple(row) for row in rows] == [("default", 2, 1)]


def test_a_transaction_is_one_request_at_its_end(stand_in: StandIn, database: Database) -> None:
    """Until then nothing is there; what it reads sees what it wrote; one that fails leaves nothing."""
    with database.write() as workspace:
        problems.record(workspace, source="worker", slug="a", message="kept")
        assert noted(workspace) == [1]
        with database.read() as other:
            assert noted(other) == []
    with suppress(ZeroDivisionError), database.write() as workspace:
        problems.record(workspace, source="worker", slug="a", message="kept")
        assert noted(workspace) == [2]
        raise ZeroDivisionError
    stand_in.asked.clear()
    with database.write() as workspace:
        problems.record(workspace, source="worker", slug="b", message="another")
    assert sum(asked.endswith("true) AS answer") for asked in stand_in.asked) == 1
    with database.read() as workspace:
        assert noted(workspace) == [1, 1]


def test_what_only_reads_writes_nothing(database: Database) -> None:
    """It is refused before anything is asked."""
    with pytest.raises(sa.exc.DBAPIError, match="only reads"), database.read() as workspace:
        problems.record(workspace, source="worker", slug="a", message="x")


def test_a_commit_whose_answer_is_lost_counts_once(stand_in: StandIn, database: Database) -> None:
    """It is sent again, and found to be done."""
    left = [True]
    stand_in.loses = lambda asked: asked.endswith("true) AS answer") and bool(left) and left.pop()
    with database.write() as workspace:
        problems.record(workspace, source="worker", slug="a", message="x")
    assert left == []
    with database.read() as workspace:
        assert noted(workspace) == [1]


def test_a_turn_that_another_took_keeps_nothing(
    server: Server, workspace_url: str, database: Database
) -> None:
    """Whoever was silent for too long finds out at the commit, and the next one is not held up."""
    taken = "UPDATE hivemind_turn SET owner = 'another', until = now()"

    def be_slow() -> None:
        with database.write() as workspace:
            problems.record(workspace, source="worker", slug="a", message="x")
            behind(server, workspace_url, taken)

    with pytest.raises(HivemindError, match="silent") as lost:
        be_slow()
    assert lost.value.slug == "deeplake-turn"
    with database.write() as workspace:
        assert noted(workspace) == []


def test_who_waits_too_long_is_told(
    server: Server, workspace_url: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A turn that is held is waited for, and reading goes on meanwhile."""
    monkeypatch.setattr(turns, "WAIT_S", 0.3)
    behind(
        server, workspace_url, "UPDATE hivemind_turn SET owner = 'another', until = now() + interval '1 hour'"
    )
    with pytest.raises(HivemindError) as error, database.write():
        pass
    assert error.value.slug == "deeplake-turn"
    with database.read() as workspace:
        assert noted(workspace) == []
    behind(server, workspace_url, "UPDATE hivemind_turn SET until = now() - interval '1 second'")
    with database.write() as workspace:
        problems.record(workspace, source="worker", slug="a", message="x")


def test_a_workspace_that_shows_writes_late_is_refused(stand_in: StandIn, workspace_url: str) -> None:
    """Turns would not keep writers apart there: opening finds it out, before anything is stored."""
    stand_in.rewrites = lambda asked: (
        asked.replace("WHERE commit_id", "WHERE false AND commit_id")
        if asked.startswith("SELECT row")
        else asked
    )
    assert refusal(workspace_url).slug == "deeplake-late"


@pytest.mark.parametrize(
    ("statuses", "slug", "asked"),
    [
        ([401], "deeplake-account", 1),
        ([403], "deeplake-account", 1),
        ([402], "deeplake-credit", 1),
        ([418], "deeplake-failed", 1),
        ([500, 502, 503, 504], "deeplake-failed", 4),
    ],
)
def test_each_refusal_has_its_name(stand_in: StandIn, statuses: list[int], slug: str, asked: int) -> None:
    """What may pass is asked again, what will not is said at once."""
    stand_in.failures = list(statuses)
    with plain(stand_in) as endpoint, pytest.raises(HivemindError) as error:
        endpoint.ask("SELECT 1 AS n")
    assert error.value.slug == slug
    assert TOKEN not in error.value.message
    assert len(stand_in.asked) == asked


def test_what_passes_is_answered(stand_in: StandIn) -> None:
    """A server that is busy for a moment, or an answer that was lost."""
    stand_in.failures = [429, 503]
    answers = [True, False, True]
    stand_in.loses = lambda _: bool(answers) and answers.pop()
    with plain(stand_in) as endpoint:
        assert endpoint.ask("SELECT 1 AS n").rows == [[1]]
    assert len(stand_in.asked) == 4


def test_a_statement_that_is_wrong_is_not_asked_again(stand_in: StandIn) -> None:
    """Neither are two statements in one, which the endpoint does not run."""
    with plain(stand_in) as endpoint:
        for statement in ("SELEKT 1", "SELECT 1; SELECT 2"):
            with pytest.raises(StatementRefusedError):
                endpoint.ask(statement)
    assert len(stand_in.asked) == 2


@MANY
@given(
    body=st.binary(max_size=40)
    | st.sampled_from([b"[" * 100_000, b'{"columns": 1, "rows": 2}', b'{"columns": [], "rows": [1]}'])
    | st.fixed_dictionaries(
        {"columns": st.lists(st.text(max_size=3), max_size=3)},
        optional={
            "rows": st.lists(
                st.lists(
                    st.none() | st.integers() | st.text() | st.sampled_from(["{}", "[]", '{"n": 1}', "15"])
                ),
                max_size=3,
            )
        },
    ).map(lambda answer: json.dumps(answer).encode())
)
def test_a_hostile_answer_is_an_error_that_says_so(stand_in: StandIn, body: bytes) -> None:
    """Whatever comes back, opening ends in one of our errors."""
    stand_in.body = body
    with pytest.raises(HivemindError) as error:
        open_url(stand_in.url("postgres"))
    assert error.value.slug.startswith(("deeplake-", "database-"))


def test_an_answer_and_a_statement_are_bounded(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """A huge one is cut off while it comes, and never sent."""
    monkeypatch.setattr(endpoints, "MAX_ANSWER_BYTES", 5_000)
    monkeypatch.setattr(endpoints, "MAX_STATEMENT_BYTES", 500)
    with plain(stand_in) as endpoint:
        for statement in ("SELECT repeat('x', 100000) AS a", f"SELECT '{'x' * 1000}' AS a"):
            with pytest.raises(HivemindError, match="larger than"):
                endpoint.ask(statement)
    assert len(stand_in.asked) == 1


@pytest.mark.parametrize(
    "url",
    [
        f"deeplake://:{TOKEN}@api.example",
        f"deeplake://:{TOKEN}@api.example/acme",
        f"deeplake://:{TOKEN}@api.example/acme/shop/more",
        f"deeplake://:{TOKEN}@api.example:port/acme/shop",
        "deeplake://api.example/acme/shop",
        f"deeplake+http://:{TOKEN}@api.example/acme/shop",
        f"deeplake+ftp://:{TOKEN}@localhost/acme/shop",
    ],
)
def test_a_url_that_names_no_workspace_is_refused(url: str) -> None:
    """Nothing is sent anywhere."""
    assert refusal(url).slug == "database-url"


def test_the_token_is_nowhere_to_be_seen(workspace_url: str, database: Database) -> None:
    """Neither in the engine, nor in what stands for the account."""
    assert TOKEN not in f"{database.engine!r} {database.engine.url!r} {opening.account_in(workspace_url)!r}"
    account = opening.account_in("deeplake://:t%2Fk@api.example:444/a%20b/shop")
    assert (account.api_url, account.organisation, account.workspace) == (
        "https://api.example:444",
        "a b",
        "shop",
    )
    assert account.token == "t/k"


def test_a_login_opens_its_own_host_only(tmp_path: Path) -> None:
    """`deeplake:` is the login's workspace; another host needs a token that was given for it."""
    login = tmp_path / "credentials.json"
    login.write_text(json.dumps({"token": "t/k", "orgId": "a b", "apiUrl": "https://api.example"}))
    mine = {"HIVEMIND_DEEPLAKE_TOKEN": "own"}
    assert store_url("deeplake:", login, variables={}) == "deeplake://:t%2Fk@api.example/a%20b/default"
    assert store_url("deeplake://api.example/o/w", login, variables={}).startswith("deeplake://:t%2Fk@api")
    assert store_url("deeplake://other.example/o/w", login, variables=mine) == (
        "deeplake://:own@other.example/o/w"
    )
    assert store_url("postgresql://h/x", login, variables=mine) == "postgresql://h/x"
    with pytest.raises(HivemindError) as error:
        store_url("deeplake://other.example/o/w", login, variables={})
    assert error.value.slug == "deeplake-account"


def test_the_other_products_tables_are_left_as_they_are(stand_in: StandIn, server: Server) -> None:
    """Some have our names and other columns: a workspace with them is refused, and none of ours is made."""
    url = stand_in.url(server.create().rpartition("/")[2])
    behind(server, url, "CREATE TABLE sessions (id text, message jsonb)")
    error = refusal(url)
    assert (error.slug, "already exists" in error.message) == ("database-unusable", True)
    with plain(stand_in, url.rpartition("/")[2]) as endpoint:
        found = endpoint.ask("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").rows
    assert found == [["hivemind_commits"], ["hivemind_turn"], ["sessions"]]


def test_without_the_driver_it_is_said_what_to_install() -> None:
    """The quoting is the driver's; nothing else of ours is missing then."""
    code = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from hivemind.deeplake.tables import store_url\n"
        "from hivemind.store.database import open_url\n"
        "from hivemind.errors import HivemindError\n"
        "try: open_url('deeplake://:t@api.example/o/w')\n"
        "except HivemindError as error: print(error.slug)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "database-driver"
