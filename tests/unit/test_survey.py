"""A survey reads transcripts, counts right, stores nothing, and drafts what storing them would make."""

from __future__ import annotations

import gzip
from dataclasses import asdict
from pathlib import Path

from claude_records import DEMO, answer, call, lines, prompt, record, store
from stories import ask, failed, ran, transcript

from hivemind.agents.claude import agent
from hivemind.distill import pipeline
from hivemind.distill.survey import Survey, look, survey
from hivemind.store import skills
from hivemind.store.database import open_database

TRAP = (ask("Run the tests."), failed("pytest", "No module named 'shop'", code=2), ran("make test"))


def seen(folder: Path) -> Survey:
    """Survey the transcripts below a folder."""
    return survey([(path, None) for path in agent.transcripts(folder)])


def test_the_demo_sessions() -> None:
    """Sessions, calls, failures, models and tokens of the recorded sessions are counted."""
    found = seen(DEMO)
    assert (found.transcripts, found.sessions, found.projects) == (8, 7, {"shop-api": 7})
    assert found.agents == {"claude": 7}
    assert (found.prompts, found.tool_calls, found.tool_errors) == (16, 61, 9)
    assert found.problems == ()
    assert [f.command for f in found.failures][:1] == ["pytest"]


def test_drafts_are_what_storing_would_make(tmp_path: Path) -> None:
    """Each draft's text is the skill's that `backfill` makes of the same sessions."""
    database = open_database(tmp_path / "hivemind.db")
    for path in agent.transcripts(DEMO):
        store(database, path, final=True)
    pipeline.distill(database, "default", author="demo")
    with database.read() as workspace:
        made = {
            s.name: skills.version_of(workspace, s.skill_id, version=1).document.body
            for s in skills.listed(workspace)
        }
    database.close()
    assert {d.name: d.body for d in seen(DEMO).drafts} == made


def test_nothing_is_written(tmp_path: Path) -> None:
    """The folder is as it was, to the byte and the second."""
    transcript(tmp_path, *TRAP)
    before = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in tmp_path.rglob("*") if p.is_file()}
    seen(tmp_path)
    assert {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in tmp_path.rglob("*") if p.is_file()} == before


def test_a_message_is_counted_once(tmp_path: Path) -> None:
    """A message in several records, or copied into a resumed session, costs once."""
    message = call("toolu_1", "make")
    other = answer("Done.")
    other["message"] |= {"id": message["message"]["id"], "usage": {"output_tokens": 7}}
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").write_bytes(lines(prompt("Go."), message, other))
    found = seen(tmp_path)
    assert found.tokens["output_tokens"] == 7
    assert sum(found.models.values()) == 1


def test_failures_that_repeat_are_shown_with_their_error(tmp_path: Path) -> None:
    """The same call failing the same way in two sessions is one line with both numbers."""
    for day in (3, 4):
        transcript(tmp_path, *TRAP, *TRAP, day=day)
    [failure] = seen(tmp_path).failures
    assert (failure.command, failure.error) == ("pytest", "No module named 'shop'")
    assert (failure.times, failure.sessions, failure.project) == (4, 2, "shop")


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    """What a survey shows of a transcript is redacted, though it stores nothing."""
    token = "ghp_" + "x9Kq2mZ7" * 5
    for day in (3, 4):
        moments = (ask("Check."), failed("./check", f"error: unknown option {token}"), ran("./check --all"))
        transcript(tmp_path, *moments, day=day)
    shown = str(asdict(seen(tmp_path)))
    assert "unknown option" in shown
    assert token not in shown


def test_a_folder_with_a_known_remote_is_one_project(tmp_path: Path) -> None:
    """A session that pushed names the project for those of the same folder that did not."""
    transcript(tmp_path, *TRAP, day=3)
    transcript(tmp_path, *TRAP, ran("git push", "To github.com:dev/storefront.git\n   1..2"), day=4)
    found = seen(tmp_path)
    assert found.projects == {"storefront": 2}
    assert [d.name for d in found.drafts] == ["storefront-checks"]


def test_broken_files_are_problems_and_not_the_end(tmp_path: Path) -> None:
    """A file that is no transcript, cut short or not to be read is named; the others are counted."""
    transcript(tmp_path, *TRAP)
    (tmp_path / "other.jsonl").write_text('{"hello": 1}\n')
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(lines(prompt("Go."), record("user")) * 50)[:60])
    (tmp_path / "gone.jsonl").write_bytes(lines(prompt("Go.")))
    paths = list(agent.transcripts(tmp_path))
    (tmp_path / "gone.jsonl").unlink()
    found = survey([(path, None) for path in paths])
    assert found.sessions == 1
    assert sorted(Path(p.partition(": ")[0]).name for p in found.problems) == [
        "cut.jsonl.gz",
        "gone.jsonl",
        "other.jsonl",
    ]


def test_several_processes_count_the_same(tmp_path: Path) -> None:
    """Ten files read by four processes give the sum of what each shows, with progress told."""
    for day in range(1, 11):
        transcript(tmp_path, *TRAP, day=day)
    told: list[int] = []
    waiting = [(path, None) for path in agent.transcripts(tmp_path)]
    found = survey(waiting, progress=told.append)
    assert told == list(range(1, 11))
    assert found.tool_calls == sum(look((str(path), "")).tool_calls for path, _ in waiting) == 20
    assert found.drafts[0].sessions == 10


def test_no_transcripts_are_an_empty_survey() -> None:
    """Nothing given, nothing found."""
    found = survey([])
    assert (found.transcripts, found.sessions, found.first_at, found.drafts) == (0, 0, None, ())
