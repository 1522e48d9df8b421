"""The MCP server, driven over stdio by the protocol's own client."""

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from retrieval_library import store_event, store_project, store_skill

from hivemind.domain.projects import project_id
from hivemind.errors import HivemindError
from hivemind.server import mcp as server
from hivemind.store.database import open_database

_PROGRAM = (
    "import sys; from pathlib import Path; from hivemind.server.mcp import run; "
    "run(Path(sys.argv[1]), 'default', Path(sys.argv[2]))"
)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Give a folder with a project and beside it a database with what was learnt there."""
    root = tmp_path / "shop-api"
    root.mkdir()
    own = project_id(remote="", root=str(root))
    database = open_database(tmp_path / "hivemind.db")
    with database.write("default") as workspace:
        store_project(workspace, own, root=str(root))
        store_skill(
            workspace,
            "shop-api-checks",
            "How to run the tests. Use when asked to run the tests.",
            body="Run `make test`.\x1b[2J",
            project_id=own,
        )
        store_skill(workspace, "shop-api-checks", "The one of every project.", project_id="")
        store_skill(workspace, "other-checks", "How to run the tests of other.", project_id="p2")
        store_skill(workspace, "retired-checks", "How to run the tests.", project_id=own, state="retired")
        store_event(
            workspace, f"{'filler ' * 100}ModuleNotFoundError: No module named 'shop'{' filler' * 100}"
        )
    database.close()
    return root


def _call(database: Path, cwd: Path, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
    """Start the server, list its tools and make the calls; give the tools and each result."""

    async def talk() -> list[Any]:
        parameters = StdioServerParameters(
            command=sys.executable, args=["-c", _PROGRAM, str(database), str(cwd)], cwd=str(cwd)
        )
        async with Client(parameters, read_timeout_seconds=60) as client:
            listed = await client.list_tools()
            return [listed.tools, *[await client.call_tool(name, arguments) for name, arguments in calls]]

    return asyncio.run(talk())


def _text(result: Any) -> str:
    return "\n".join(block.text for block in result.content)


def _names(tools: Sequence[Any]) -> list[str]:
    return sorted(tool.name for tool in tools)


def test_a_client_lists_searches_and_loads(shop: Path) -> None:
    """The tools are described, find the project's live skills, and give the whole SKILL.md."""
    tools, found, loaded, events, narrowed, elsewhere = _call(
        shop.parent / "hivemind.db",
        shop,
        ("skills_search", {"query": "run the tests"}),
        ("skills_load", {"name": "shop-api-checks"}),
        ("sessions_search", {"query": "what about ModuleNotFoundError"}),
        ("sessions_search", {"query": "ModuleNotFoundError", "agent": "claude", "outcome": "unknown"}),
        ("sessions_search", {"query": "ModuleNotFoundError", "project": "."}),
    )
    assert _names(tools) == ["outcome_report", "sessions_search", "skills_load", "skills_search"]
    assert all(tool.description for tool in tools)
    assert not found.is_error, _text(found)
    skills = found.structured_content["skills"]
    assert [(one["name"], one["state"]) for one in skills] == [("shop-api-checks", "active")]
    assert skills[0]["score"] >= 0.5
    assert json.loads(_text(found)) == found.structured_content
    assert not loaded.is_error
    assert _text(loaded).startswith("---\nname: shop-api-checks\n")
    assert "Run `make test`." in _text(loaded)
    assert "\x1b" not in _text(loaded)
    (work,) = events.structured_content["episodes"]
    assert {key: work[key] for key in ("session_id", "episode", "agent", "outcome")} == {
        "session_id": "s1",
        "episode": 0,
        "agent": "claude",
        "outcome": "unknown",
    }
    (turn,) = work["turns"]
    assert {key: turn[key] for key in ("seq", "role", "kind", "tool")} == {
        "seq": 0,
        "role": "hit",
        "kind": "tool_result",
        "tool": "Bash",
    }
    assert "ModuleNotFoundError: No module named 'shop'" in turn["snippet"]
    assert len(turn["snippet"]) < 300
    assert [work["session_id"] for work in narrowed.structured_content["episodes"]] == ["s1"]
    assert elsewhere.structured_content["episodes"] == []
    assert elsewhere.structured_content["note"].startswith("No stored work is of the project")


def test_a_client_is_told_what_is_wrong(shop: Path) -> None:
    """An unknown name, one of another project, and input beyond the limits are errors that say what to do."""
    _, unknown, foreign, long, many, when, how = _call(
        shop.parent / "hivemind.db",
        shop,
        ("skills_load", {"name": "shop-api-check"}),
        ("skills_load", {"name": "other-checks"}),
        ("skills_search", {"query": "x" * 4001}),
        ("sessions_search", {"query": "x", "limit": 51}),
        ("sessions_search", {"query": "x", "since": "yesterday"}),
        ("sessions_search", {"query": "x", "outcome": "fine"}),
    )
    assert all(result.is_error for result in (unknown, foreign, long, many, when, how))
    assert "'yesterday' is not a time" in _text(when)
    assert "'shop-api-check' is not a skill here. close names: shop-api-checks" in _text(unknown)
    assert "is not a skill here" in _text(foreign)


def test_a_database_that_appears_later_is_served(tmp_path: Path) -> None:
    """Without a database, or with an empty one, the tools say so; what is stored later is found."""
    path = tmp_path / "hivemind.db"
    library = server.Library.of_machine(database_path=path, workspace_id="default", cwd=tmp_path)
    _, missing = _call(path, tmp_path, ("skills_search", {"query": "tests"}))
    assert missing.is_error
    assert "nothing has been stored yet" in _text(missing)
    assert not path.exists()
    with pytest.raises(HivemindError) as caught:
        library.sessions_search("tests")
    assert caught.value.slug == "nothing-stored"

    open_database(path).close()
    assert library.skills_search("tests").note.startswith("No skill is stored yet")
    assert library.skills_load("anything").startswith("No skill is stored yet")
    assert library.sessions_search("tests").note.startswith("No session is stored yet")

    database = open_database(path)
    with database.write("default") as workspace:
        store_skill(workspace, "checks", "How to run the tests.", project_id="")
        store_event(workspace, "pytest passed")
    database.close()
    assert [one.name for one in library.skills_search("tests").skills] == ["checks"]
    assert library.skills_search("zebra").note == "No skill has a telling word of the query."
    assert library.sessions_search("zebra").note == "No event has a word of the query."


def test_a_file_that_is_no_database_is_reported(tmp_path: Path) -> None:
    """A broken file is an error with what to run, not a crash."""
    path = tmp_path / "hivemind.db"
    path.write_text("not a database\n" * 100)
    _, broken = _call(path, tmp_path, ("sessions_search", {"query": "tests"}))
    assert broken.is_error
    assert "the database cannot be read" in _text(broken)
    assert "hivemind doctor" in _text(broken)
