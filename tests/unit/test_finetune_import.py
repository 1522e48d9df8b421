"""Imported rows are kept once, redacted, queryable, and are no work that anybody grades or mines."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import run
from finetune_rows import ANSWER, ASKED, CONVERSATIONS, LABELLED, PAIRS, write

from hivemind.capture.redaction import Redactor
from hivemind.distill import miners
from hivemind.distill.grading import sweep
from hivemind.domain.events import Event, EventKind, SessionFacts
from hivemind.finetune import formats, storing
from hivemind.finetune.importing import FileReport, Importer
from hivemind.store import imports, lessons, sessions
from hivemind.store.database import Database, open_database
from hivemind.store.glance import Glance, glance

EVERY: list[Any] = [row for rows in CONVERSATIONS.values() for row in rows] + PAIRS + [r for r, _ in LABELLED]
SECRET = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    """Give the rules that everything passes."""
    return Redactor()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Open an empty database."""
    opened = open_database(tmp_path / "hivemind.db")
    yield opened
    opened.close()


def take(
    database: Database, path: Path, redactor: Redactor, *, project_id: str = "p1", dry_run: bool = False
) -> FileReport:
    """Import a file as a process of its own would."""
    importer = Importer(
        database=database,
        workspace_id="default",
        project_id=project_id,
        redactor=redactor,
        dry_run=dry_run,
    )
    return importer.take(path)


def stored(database: Database, project_id: str = "p1") -> dict[str, list[Any]]:
    """Give the events of each imported row."""
    with database.read() as workspace:
        return dict(imports.each(workspace, project_id))


def test_rows_in_are_rows_out_and_rows_refused(
    database: Database, redactor: Redactor, tmp_path: Path
) -> None:
    """Every format in one file, and lines that are none."""
    path = write(tmp_path / "mixed.jsonl.gz", [*EVERY, {"a": 1}, 7, {"messages": []}])
    report = take(database, path, redactor)
    assert report.rows == len(EVERY) + 3 == report.new + report.known + report.refused
    assert report.refused == 3
    assert report.refused_rows[0] == (len(EVERY) + 1, "no known format has the keys a")
    assert set(report.formats) == {form.name for form in formats.FORMATS}
    assert len(stored(database)) == report.new


@pytest.mark.parametrize("row", EVERY)
def test_what_is_stored_reads_back_as_it_was(redactor: Redactor, row: Any) -> None:
    """Nothing is lost between the row and its events."""
    name, example = formats.read(row)
    kept = storing.row_of(example, file="f", number=1, format_name=name, project_id="p", redactor=redactor)
    events = [e.event for e in kept.events]
    assert storing.example_of(events) == example
    assert storing.facts_of(events)["row"] == 1


def test_importing_again_changes_nothing(database: Database, redactor: Redactor, tmp_path: Path) -> None:
    """Also under another name, packed, in another order, or after half of it had been imported."""
    take(database, write(tmp_path / "half.jsonl", EVERY[:10]), redactor)
    take(database, write(tmp_path / "a.jsonl", EVERY), redactor)
    before = stored(database)
    again = take(database, write(tmp_path / "b.jsonl.gz", EVERY[::-1]), redactor)
    assert (again.new, again.known) == (0, len(EVERY))
    assert stored(database) == before


def test_two_projects_keep_their_own(database: Database, redactor: Redactor, tmp_path: Path) -> None:
    """What was imported for one project says nothing in another."""
    path = write(tmp_path / "a.jsonl", EVERY[:3])
    take(database, path, redactor)
    assert take(database, path, redactor, project_id="p2").new == len(stored(database))
    assert not stored(database).keys() & stored(database, "p2").keys()


def test_secrets_never_reach_the_store(database: Database, redactor: Redactor, tmp_path: Path) -> None:
    """Neither as text, as a tool's input, nor in what tools are described with."""
    call = {"from": "function_call", "value": json.dumps({"name": "push", "arguments": {"t": SECRET}})}
    rows = [
        {"prompt": f"push with {SECRET}", "completion": f"done with {SECRET}"},
        {
            "conversations": [{"from": "human", "value": "push"}, call],
            "tools": json.dumps([{"name": "push", "description": SECRET}]),
        },
    ]
    report = take(database, write(tmp_path / "a.jsonl", rows), redactor)
    assert report.redactions == 5  # the call's input is also its text
    assert SECRET.encode() not in b"".join(p.read_bytes() for p in tmp_path.glob("hivemind.db*"))


def test_a_dry_run_counts_and_keeps_nothing(database: Database, redactor: Redactor, tmp_path: Path) -> None:
    """It tells new rows from known ones, and from each other."""
    take(database, write(tmp_path / "a.jsonl", EVERY[:3]), redactor)
    before = stored(database)
    report = take(database, write(tmp_path / "b.jsonl", EVERY + EVERY), redactor, dry_run=True)
    assert (report.rows, report.refused) == (2 * len(EVERY), 0)
    assert report.new + len(before) == len({*_ids(redactor)})
    assert stored(database) == before


def _ids(redactor: Redactor) -> Iterator[str]:
    for row in EVERY:
        name, example = formats.read(row)
        yield storing.row_of(
            example, file="", number=1, format_name=name, project_id="p1", redactor=redactor
        ).session_id


def test_nobody_grades_mines_or_counts_imported_rows(
    database: Database, redactor: Redactor, tmp_path: Path
) -> None:
    """They are no sessions that an agent had."""
    take(database, write(tmp_path / "a.jsonl", EVERY), redactor)
    assert sweep.grade_new(database, "default") == 0
    with database.read() as workspace:
        assert not lessons.is_any_due(workspace, miners_version=miners.VERSION)
        assert lessons.unmined(workspace, miners_version=miners.VERSION) == []
        assert sessions.totals(workspace) == {"sessions": 0, "events": 0, "transcripts": 0}
        assert sessions.recent(workspace, limit=5) == []
        assert imports.count(workspace) == len(stored(database))
    assert glance(tmp_path / "hivemind.db", "default") == Glance()


def test_what_agents_did_is_counted_beside_imported_rows(
    database: Database, redactor: Redactor, tmp_path: Path
) -> None:
    """Events of sessions whose ids sort before and behind those of imported rows, and no others."""
    take(database, write(tmp_path / "a.jsonl", EVERY), redactor)
    with database.write() as workspace:
        for session_id in ("0a1b", "import", "importer-1", "zz"):
            said = Event(kind=EventKind.PROMPT, native_id=session_id, text="Ship it")
            facts = SessionFacts(session_id=session_id, agent="claude")
            sessions.append(workspace, facts, events=[sessions.RedactedEvent(event=said)])
        totals = sessions.totals(workspace)
    seen = glance(tmp_path / "hivemind.db", "default")
    assert (totals["sessions"], totals["events"]) == (seen.sessions, seen.events) == (4, 4)


def test_a_million_rows_need_no_more_memory_than_a_thousand(
    database: Database, redactor: Redactor, tmp_path: Path
) -> None:
    """Rows are read one at a time, and those that repeat are known before they are redacted."""
    path = tmp_path / "many.jsonl.gz"
    line = json.dumps(EVERY[0]).encode() + b"\n"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(line * 20_000)
    report = take(database, path, redactor)
    assert (report.rows, report.new, report.known) == (20_000, 1, 19_999)


def test_the_command_says_what_it_did(tmp_path: Path) -> None:
    """Rows, formats, reasons; and it exits 1 where a row is refused."""
    path = write(tmp_path / "rows.jsonl", [{"prompt": ASKED, "completion": ANSWER}, {"odd": 1}])
    project = tmp_path / "shop"
    project.mkdir()
    dry = run("import", str(path), "--project", str(project), "--dry-run")
    assert (dry.code, "Nothing was stored" in dry.out, "1 would be new" in dry.out) == (1, True, True)
    done = run("import", str(path), "--project", str(project))
    assert done.code == 1
    assert "2 rows: 1 new, 0 known, 1 refused; 1 completion" in done.out
    assert "refused 1: no known format has the keys odd (first: row 2)" in done.out
    again = run("import", str(path), "--project", str(project), "--json").json
    assert {key: again[key] for key in ("rows", "new", "known", "refused")} == {
        "rows": 2,
        "new": 0,
        "known": 1,
        "refused": 1,
    }
    found = run(
        "sql",
        "SELECT json_extract(e.data, '$.file') AS file, json_extract(e.data, '$.row') AS n FROM sessions s "
        "JOIN events e USING (workspace_id, session_id) WHERE s.agent = 'import' AND e.seq = 0",
        "--json",
    ).json
    assert found == [{"file": "rows.jsonl", "n": 1}]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A missing library says how to get it; a missing file is a matter of usage."""
    assert run("import", str(tmp_path / "none.jsonl")).code == 2


def test_what_was_imported_can_be_taken_back(tmp_path: Path) -> None:
    """By the name of its file, which need not be there any more; other files stay."""
    rows = [{"prompt": f"How many are {n}?", "completion": f"As many as {n}."} for n in range(6)]
    one = write(tmp_path / "one.jsonl", rows[:4])
    two = write(tmp_path / "two.jsonl", rows[3:])
    run("import", str(one), str(two), "--everywhere")
    one.unlink()
    assert run("import", "one.jsonl", "--everywhere", "--forget", "--json").json["forgotten"] == 4
    assert run("import", str(two), "--everywhere", "--json").json["new"] == 1
    left = run("sql", "SELECT count(*) AS n FROM sessions WHERE agent = 'import'", "--json").json
    assert left == [{"n": 3}]


def test_only_candidates_are_counted_as_such(tmp_path: Path) -> None:
    """One that was withdrawn is none, and is none to review; it comes back with its rows."""
    nouns = ("ledger", "invoice", "parcel", "tariff", "voucher", "cargo", "depot", "pallet")
    rows = [
        {"prompt": f"Summarise the {noun} report as data", "completion": f'{{"summary": "{noun}"}}'}
        for noun in nouns
    ]
    path = write(tmp_path / "rows.jsonl", rows)
    for words, expected in ((), 1), (("--forget",), 0), ((), 1):
        done = run("import", str(path), "--everywhere", *words)
        assert f"\n{expected} candidate" in done.out
        assert ("hivemind review" in done.err) == bool(expected)


def test_a_name_that_nothing_was_imported_from_is_told(tmp_path: Path) -> None:
    """With exit code 1 where there is no such file either: it is misspelt."""
    path = write(tmp_path / "one.jsonl", [{"prompt": ASKED, "completion": ANSWER}])
    other = write(tmp_path / "other.jsonl", [{"prompt": ANSWER, "completion": ASKED}])
    run("import", str(path), "--everywhere")
    typo = run("import", "typo.json", str(path), "--everywhere", "--forget")
    assert (typo.code, "1 row deleted." in typo.out) == (1, True)
    assert "typo.json: none of its rows are known for every project, and there is no such file" in typo.err
    known = run("import", str(other), "--everywhere", "--forget")
    assert (known.code, known.out) == (0, "0 rows deleted.\n")
    assert "other.jsonl: none of its rows are known for every project\n" in known.err
    asked = run("import", "typo.json", "--everywhere", "--forget", "--json")
    assert (asked.code, asked.json["forgotten"], asked.json["unknown"]) == (1, 0, ["typo.json"])
