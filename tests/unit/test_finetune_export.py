"""What is exported is what trainers read, can be imported again, and is there whole or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from command_line import backfill_demo, run
from finetune_rows import CONVERSATIONS, LABELLED, PAIRS, write

from hivemind.capture.redaction import Redactor
from hivemind.domain.events import Event, EventKind, ResultStatus, SessionFacts
from hivemind.errors import HivemindError
from hivemind.finetune import formats, reading, storing
from hivemind.finetune.conversation import Example
from hivemind.finetune.export import containers
from hivemind.finetune.export.choosing import Filters
from hivemind.finetune.export.writing import Exporter, Wanted
from hivemind.finetune.importing import Importer
from hivemind.store import episodes, imports, sessions
from hivemind.store.database import Database, Workspace, open_database
from hivemind.store.sessions import ProjectFacts

START = datetime(2026, 11, 3, 10, tzinfo=UTC)
KINDS = ("sft", "dpo", "kto", "plain")
REQUEST = "Fix the rounding of totals in the invoice"
SECRET = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    """Give the rules that everything passes."""
    return Redactor()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Open a database with three sessions at one task, two of which worked."""
    opened = open_database(tmp_path / "hivemind.db")
    with opened.write() as workspace:
        worked(workspace, "s1", label="success", command="make test", said="Rounded down.")
        worked(workspace, "s2", label="success", command="make test", said="Rounded up.", model="m2")
        worked(workspace, "s3", label="failure", command="pytest", said="It still fails.", day=2)
        worked(workspace, "s4", label="unknown", command="ls", said="Looked.", request="Look around in here")
    yield opened
    opened.close()


def worked(
    workspace: Workspace,
    name: str,
    *,
    label: str,
    command: str,
    said: str,
    request: str = REQUEST,
    model: str = "m1",
    day: int = 0,
) -> None:
    """Store a graded session with one call."""
    at = START + timedelta(days=day)
    told: list[dict[str, Any]] = [
        {"kind": EventKind.PROMPT, "text": request},
        {"kind": EventKind.ASSISTANT, "text": "I run the tests."},
        {
            "kind": EventKind.TOOL_CALL,
            "text": command,
            "tool_name": "Bash",
            "tool_call_id": "c1",
            "data": {"command": command},
        },
        {
            "kind": EventKind.TOOL_RESULT,
            "text": "ok",
            "tool_name": "Bash",
            "tool_call_id": "c1",
            "status": ResultStatus.OK,
        },
        {"kind": EventKind.ASSISTANT, "text": said, "request_model": model},
    ]
    events = [Event(native_id=f"{name}-{n}", at=at + timedelta(minutes=n), **e) for n, e in enumerate(told)]
    sessions.append(
        workspace,
        SessionFacts(session_id=name, agent="claude"),
        events=[sessions.RedactedEvent(event=event) for event in events],
        project=ProjectFacts(project_id="p1", name="shop", root="/home/dev/shop"),
    )
    graded = episodes.Graded(
        episode_id=f"p{name}",
        number=1,
        first_seq=0,
        last_seq=4,
        started_at=at,
        ended_at=at,
        request=request,
        prompts=1,
        tool_calls=1,
        tool_errors=0,
        request_model=model,
        graded_label=label,
        graded_value=0.9,
        signals=[],
        fingerprint={},
    )
    episodes.replace(workspace, name, graded=[graded], graded_seq=5, version=1)


def export(
    database: Database,
    folder: Path,
    redactor: Redactor,
    *,
    to: tuple[str, ...] = ("jsonl",),
    kinds: tuple[str, ...] = KINDS,
    replace: bool = False,
    **filters: Any,
) -> dict[str, Any]:
    """Export as a command does."""
    exporter = Exporter(database=database, workspace_id="default", redactor=redactor)
    wanted = Wanted(kinds=kinds, containers=to, filters=Filters(**filters))
    return exporter.write(folder, wanted, replace=replace)


def rows(path: Path) -> list[Any]:
    """Read a file of JSON lines."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _answer(command: str, said: str) -> list[dict[str, Any]]:
    call = {
        "type": "function",
        "id": "c1",
        "function": {"name": "Bash", "arguments": {"command": command}},
    }
    return [
        {"role": "assistant", "content": "I run the tests.", "tool_calls": [call]},
        {"role": "tool", "content": "ok", "tool_call_id": "c1", "name": "Bash"},
        {"role": "assistant", "content": said},
    ]


ASKED = [{"role": "user", "content": REQUEST}]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "Bash",
            "description": "",
            "parameters": {"type": "object", "properties": {"command": {"type": "string"}}},
        },
    }
]
GOLDEN: dict[str, list[dict[str, Any]]] = {
    "sft": [
        {"id": "ps1", "messages": ASKED + _answer("make test", "Rounded down."), "tools": TOOLS},
        {"id": "ps2", "messages": ASKED + _answer("make test", "Rounded up."), "tools": TOOLS},
    ],
    "dpo": [
        {
            "id": f"{good}-ps3",
            "prompt": ASKED,
            "chosen": _answer("make test", said),
            "rejected": _answer("pytest", "It still fails."),
            "tools": TOOLS,
        }
        for good, said in (("ps1", "Rounded down."), ("ps2", "Rounded up."))
    ],
    "kto": [
        {"id": name, "prompt": ASKED, "completion": _answer(run, said), "label": label, "tools": TOOLS}
        for name, run, said, label in (
            ("ps1", "make test", "Rounded down.", True),
            ("ps2", "make test", "Rounded up.", True),
            ("ps3", "pytest", "It still fails.", False),
        )
    ],
}


@pytest.mark.parametrize("kind", GOLDEN)
def test_files_hold_what_trainers_read(
    database: Database, redactor: Redactor, tmp_path: Path, kind: str
) -> None:
    """The columns are those that TRL documents, calls and tools as it has them."""
    export(database, tmp_path / "out", redactor)
    assert rows(tmp_path / "out" / f"{kind}.jsonl") == GOLDEN[kind]


def test_the_plain_file_says_where_each_row_is_from(
    database: Database, redactor: Redactor, tmp_path: Path
) -> None:
    """With every outcome, also an unknown one."""
    export(database, tmp_path / "out", redactor)
    about = [row["about"] for row in rows(tmp_path / "out" / "plain.jsonl")]
    assert [(a["session_id"], a["outcome"]) for a in about] == [
        ("s1", "success"),
        ("s2", "success"),
        ("s4", "unknown"),
        ("s3", "failure"),
    ]
    assert (about[0]["agent"], about[0]["model"], about[0]["project"]) == ("claude", "m1", "shop")


@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        ({"models": ("m2",)}, ["ps2"]),
        ({"outcomes": ("failure",)}, ["ps3"]),
        ({"projects": ("p2",)}, []),
        ({"agents": ("codex",)}, []),
        ({"since": START + timedelta(days=1)}, []),
        ({"until": START + timedelta(days=1), "projects": ("p1",)}, ["ps1", "ps2"]),
    ],
)
def test_filters_choose(
    database: Database, redactor: Redactor, tmp_path: Path, filters: dict[str, Any], ids: list[str]
) -> None:
    """By model, outcome, project, agent and time; a kind without rows has no file."""
    manifest = export(database, tmp_path / "out", redactor, kinds=("sft",), **filters)
    assert manifest["rows"] == {"sft": len(ids)}
    path = tmp_path / "out" / "sft.jsonl"
    assert ([row["id"] for row in rows(path)] if path.exists() else []) == ids


def test_unlike_requests_make_no_pair(database: Database, redactor: Redactor, tmp_path: Path) -> None:
    """A failure at another task is worth nothing beside a success."""
    with database.write() as workspace:
        worked(workspace, "s5", label="failure", command="x", said="no", request="Draw the harbour map anew")
    manifest = export(database, tmp_path / "out", redactor, kinds=("dpo",))
    assert manifest["rows"]["dpo"] == 2


def test_the_manifest_counts_and_hashes(database: Database, redactor: Redactor, tmp_path: Path) -> None:
    """Whoever has the files can prove that they are these."""
    manifest = export(database, tmp_path / "out", redactor)
    assert json.loads((tmp_path / "out" / "manifest.json").read_text()) == manifest
    for file in manifest["files"]:
        content = (tmp_path / "out" / file["file"]).read_bytes()
        assert (file["bytes"], file["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        assert file["rows"] == len(content.splitlines())


def test_secrets_are_replaced_once_more(database: Database, redactor: Redactor, tmp_path: Path) -> None:
    """Also what was stored before a rule knew it, in texts and in the input of tools."""
    with database.write() as workspace:
        worked(workspace, "s6", label="success", command=f"push {SECRET}", said=f"pushed with {SECRET}")
    manifest = export(database, tmp_path / "out", redactor)
    assert SECRET.encode() not in b"".join(p.read_bytes() for p in (tmp_path / "out").iterdir())
    assert all(file["redactions"] for file in manifest["files"])


def examples(path: Path) -> list[Example]:
    """Read the examples of a file."""
    return [formats.read(row.value)[1] for row in reading.rows(path)]


@pytest.mark.parametrize("to", ["jsonl", "parquet"])
def test_an_import_of_an_export_reproduces_it(
    database: Database, redactor: Redactor, tmp_path: Path, to: str
) -> None:
    """Of graded work and of imported rows: exported, imported, exported again, the rows are the same."""
    if to == "parquet":
        pytest.importorskip("pyarrow")
    every = [r for found in CONVERSATIONS.values() for r in found] + PAIRS + [r for r, _ in LABELLED]
    take(database, write(tmp_path / "rows.jsonl", every), redactor)
    export(database, tmp_path / "a", redactor, to=(to,), kinds=KINDS[:3], agents=("claude", "import"))
    files = sorted(path for path in (tmp_path / "a").iterdir() if path.suffix == f".{to}")
    assert [path.stem for path in files] == ["dpo", "kto", "sft"]
    copy = open_database(tmp_path / "copy.db")
    try:
        for path in files:
            assert take(copy, path, redactor).refused == 0
        with copy.read() as workspace:
            kept = [storing.example_of(events) for _, events in imports.each(workspace, "p1")]
        exported = [example for path in files for example in examples(path)]
        assert {repr(e) for e in kept} == {repr(e) for e in exported}
        export(copy, tmp_path / "b", redactor, to=(to,), kinds=KINDS[:3], agents=("import",))
    finally:
        copy.close()
    for path in files:
        again = examples(tmp_path / "b" / path.name)
        assert {repr(e) for e in again} == {repr(e) for e in examples(path)}


def take(database: Database, path: Path, redactor: Redactor) -> Any:
    """Import a file."""
    importer = Importer(database=database, workspace_id="default", project_id="p1", redactor=redactor)
    return importer.take(path)


def test_nothing_half_written_is_left(
    database: Database, redactor: Redactor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An export that fails leaves no folder, and an earlier one as it was."""
    out = tmp_path / "exports" / "out"
    export(database, out, redactor)
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def breaks(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    broken = containers.Container(name="jsonl", suffix=".jsonl", write=breaks)
    monkeypatch.setitem(containers.CONTAINERS, "jsonl", broken)
    with pytest.raises(HivemindError, match="No space") as failed:
        export(database, out, redactor, replace=True)
    assert failed.value.slug == "export-failed"
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_a_folder_that_holds_something_is_left_alone(
    database: Database, redactor: Redactor, tmp_path: Path
) -> None:
    """Even with `replace`, unless it is an export."""
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("do not lose")
    for replace in (False, True):
        with pytest.raises(HivemindError) as refused:
            export(database, mine, redactor, replace=replace)
        assert refused.value.slug == "export-exists"
    export(database, tmp_path / "out", redactor)
    with pytest.raises(HivemindError, match="exists already"):
        export(database, tmp_path / "out", redactor)
    export(database, tmp_path / "out", redactor, replace=True, kinds=("sft",))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["manifest.json", "sft.jsonl"]


@pytest.mark.parametrize("name", ["notes.txt", "mine/thesis.txt", "sft.jsonl/thesis.txt"])
def test_an_export_that_holds_something_else_is_left_alone(
    database: Database, redactor: Redactor, tmp_path: Path, name: str
) -> None:
    """What the manifest does not list is somebody's own; the message names it."""
    out = tmp_path / "out"
    export(database, out, redactor)
    own = out / name
    if own.parent.is_file():
        own.parent.unlink()
    own.parent.mkdir(exist_ok=True)
    own.write_text("do not lose")
    before = sorted(out.rglob("*"))
    for replace in (False, True):
        with pytest.raises(HivemindError, match=f"holds {name.split('/')[0]}") as refused:
            export(database, out, redactor, replace=replace)
        assert refused.value.slug == "export-exists"
    assert (sorted(out.rglob("*")), own.read_text()) == (before, "do not lose")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".out")] == []


@pytest.mark.parametrize("files", [None, 3, [1], [{"file": 2}], [{"file": "sft.jsonl", "sha256": []}]])
def test_a_manifest_that_is_broken_lists_nothing(
    database: Database, redactor: Redactor, tmp_path: Path, files: Any
) -> None:
    """Then every file is somebody's own."""
    out = tmp_path / "out"
    export(database, out, redactor, kinds=("sft",))
    (out / "manifest.json").write_text(json.dumps({"made_by": "hivemind export", "files": files}))
    with pytest.raises(HivemindError, match=r"holds sft\.jsonl"):
        export(database, out, redactor, replace=True)


@pytest.mark.slow
@pytest.mark.parametrize("to", ["jsonl", "parquet"])
def test_datasets_loads_every_file(
    database: Database, redactor: Redactor, tmp_path: Path, to: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What TRL loads with: columns, turns and the input of tools come back as they were written."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    export(database, tmp_path / "out", redactor, to=(to,), kinds=KINDS[:3])
    for kind, expected in GOLDEN.items():
        loaded = datasets.load_dataset(
            {"jsonl": "json"}.get(to, to),
            data_files=str(tmp_path / "out" / f"{kind}.{to}"),
            split="train",
            cache_dir=str(tmp_path / "cache"),
        )
        assert [_without_nulls(row) for row in loaded] == expected


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


@pytest.mark.slow
def test_deep_lake_holds_the_rows(database: Database, redactor: Redactor, tmp_path: Path) -> None:
    """The real library writes it in a process of its own, and another reads it back."""
    pytest.importorskip("deeplake")
    manifest = export(database, tmp_path / "out", redactor, to=("deeplake",), kinds=("dpo", "kto"))
    assert manifest["rows"] == {"dpo": 2, "kto": 3}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "dpo.deeplake",
        "kto.deeplake",
        "manifest.json",
    ]
    code = (
        "import deeplake, json, sys\n"
        "data = deeplake.open_read_only(sys.argv[1])\n"
        "print(json.dumps([[r['id'], json.loads(r['completion']), bool(r['label'])] for r in data]))\n"
    )
    read = containers.apart([code_file(tmp_path, code), (tmp_path / "out" / "kto.deeplake").as_uri()], {})
    assert json.loads(read) == [[row["id"], row["completion"], row["label"]] for row in GOLDEN["kto"]]


def code_file(folder: Path, code: str) -> str:
    """Keep a program in a file."""
    path = folder / "program.py"
    path.write_text(code)
    return str(path)


def test_a_library_that_is_missing_is_named(
    database: Database, redactor: Redactor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is written."""
    monkeypatch.setattr(containers, "find_spec", lambda _name: None)
    for to, slug in (("parquet", "parquet-missing"), ("deeplake", "deeplake-missing")):
        with pytest.raises(HivemindError) as refused:
            export(database, tmp_path / "out", redactor, to=(to,))
        assert refused.value.slug == slug
    assert not (tmp_path / "out").exists()


def test_the_command_writes_what_was_graded(tmp_path: Path) -> None:
    """It says what it wrote, leaves an earlier export alone, and knows projects by name."""
    env = {"HIVEMIND_HOME": str(backfill_demo(tmp_path)), "HOME": str(tmp_path)}
    out = str(tmp_path / "out")
    done = run("export", out, "--project", "shop-api", env=env)
    assert (done.code, "sft.jsonl: " in done.out, "manifest.json" in done.out) == (0, True, True)
    assert "--error export-exists" in run("export", out, env=env).err
    again = run("export", out, "--replace", "--as", "kto", "--json", env=env).json
    assert [file["file"] for file in again["files"]] == ["kto.jsonl"]
    labels = {row["label"] for row in rows(tmp_path / "out" / "kto.jsonl")}
    assert labels == {True, False}
    assert "--error project-unknown" in run("export", out, "--project", "nowhere", env=env).err
