"""Ingestion stores each event once, whatever happens to the transcript and whoever else reads it."""

from __future__ import annotations

import gzip
import json
import multiprocessing
import os
import resource
import shutil
import tempfile
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from claude_records import (
    DEMO,
    SESSION,
    answer,
    assert_consistent,
    call,
    lines,
    prompt,
    record,
    result,
    rows,
    store,
    texts,
    turns,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from hivemind.agents import transcript_file
from hivemind.agents.claude import agent
from hivemind.agents.registry import agents
from hivemind.capture import ingest
from hivemind.config import Settings
from hivemind.errors import HivemindError
from hivemind.store import schema
from hivemind.store.database import Database, open_database

SECRET = "ghp_" + "9xQ2mWv7Lr4Tz1Bn8Kc5Yd3Hs6Jf0PgAeUoZ"


@pytest.fixture
def transcript(tmp_path: Path) -> Path:
    """Name a transcript that a test writes."""
    return tmp_path / f"{SESSION}.jsonl"


def test_a_transcript_read_twice_is_stored_once(database: Database, transcript: Path) -> None:
    """The second read of the same file stores nothing, and a copy of it under another name neither."""
    transcript.write_bytes(lines(*turns(3)))
    assert store(database, transcript).events == 15
    assert store(database, transcript).events == 0
    copy = shutil.copy(transcript, transcript.with_name("copy.jsonl"))
    assert store(database, Path(copy)).events == 0
    assert_consistent(database)


def test_what_a_transcript_grows_by_is_added_in_order(database: Database, transcript: Path) -> None:
    """Only the new lines are read, and they follow the old ones."""
    first, second = [prompt("one")], [answer("two"), prompt("three")]
    transcript.write_bytes(lines(*first))
    store(database, transcript)
    with transcript.open("ab") as stream:
        stream.write(lines(*second))
    done = store(database, transcript)
    assert done.bytes_read == len(lines(*second))
    assert texts(database) == ["one", "two", "three"]


def test_a_torn_last_line_waits_until_it_is_whole(database: Database, transcript: Path) -> None:
    """Half a line is neither stored nor counted as bad, and is read once the rest is written."""
    whole = lines(prompt("one"), answer("two"))
    transcript.write_bytes(whole[:-30])
    done = store(database, transcript)
    assert (texts(database), done.bad_lines) == (["one"], 0)
    transcript.write_bytes(whole)
    assert store(database, transcript).bad_lines == 0
    assert texts(database) == ["one", "two"]


def test_the_last_line_of_a_finished_file_needs_no_newline(database: Database, transcript: Path) -> None:
    """An archive's last line counts, whole or broken."""
    transcript.write_bytes(lines(prompt("one"), answer("two"))[:-1])
    assert store(database, transcript, final=True).events == 2
    transcript.write_bytes(lines(prompt("three")) + b'{"type":"user')
    assert store(database, transcript, final=True).bad_lines == 1


@pytest.mark.parametrize("length", [2, 30])
def test_a_truncated_transcript_is_read_again_and_said_so(
    database: Database, transcript: Path, length: int
) -> None:
    """What was stored stays, what is new comes in, and the row of the transcript names the trouble."""
    before = list(turns(length))
    transcript.write_bytes(lines(*before))
    store(database, transcript)
    transcript.write_bytes(lines(*before[:4], answer("written after the cut")))
    done = store(database, transcript)
    assert "truncated" in done.problem
    assert done.events == 1
    assert "truncated" in rows(database, "SELECT problem FROM transcripts")[0][0]
    assert_consistent(database)


@pytest.mark.parametrize("kept", [0, 1, 30])
def test_a_rewritten_transcript_of_the_same_length_or_longer_is_read_again(
    database: Database, transcript: Path, kept: int
) -> None:
    """A change anywhere before the place that was read shows at its beginning or at its end."""
    before = list(turns(20))
    transcript.write_bytes(lines(*before))
    store(database, transcript)
    after = [*before[:kept], *turns(30)]
    transcript.write_bytes(lines(*after))
    done = store(database, transcript)
    assert "rewritten" in done.problem
    natives = {r["uuid"] for r in before} | {r["uuid"] for r in after}
    assert len(texts(database)) == len(natives)
    assert_consistent(database)


def test_a_short_transcript_that_is_replaced_by_a_longer_one_loses_nothing(
    database: Database, transcript: Path
) -> None:
    """A beginning shorter than what is hashed is compared as far as it was read."""
    transcript.write_bytes(lines(prompt("a")))
    store(database, transcript)
    transcript.write_bytes(lines(prompt("b, and longer than before"), answer("c")))
    assert store(database, transcript).events == 2


def test_a_file_that_now_holds_another_session_is_stored_under_its_own_id(
    database: Database, transcript: Path
) -> None:
    """What a session is called stands in its records."""
    transcript.write_bytes(lines(prompt("one", session="first")))
    store(database, transcript)
    transcript.write_bytes(lines(prompt("two, in another session", session="second")))
    store(database, transcript)
    assert rows(database, "SELECT session_id, text FROM events ORDER BY 1") == [
        ("first", "one"),
        ("second", "two, in another session"),
    ]


BROKEN = [
    b"not json",
    b'{"type":',
    b"\0" * 4096,
    b"\xff\xfe\x00garbage\x80",
    b"[" * 200_000,
    b'{"type":"user","message":' + b'{"a":' * 5_000 + b"1" + b"}" * 5_000 + b"}",
    b"9" * 6_000,
    os.urandom(50_000).replace(b"\n", b""),
    b'"' + b"\\" * 999,
]


def test_broken_lines_are_counted_and_the_rest_is_stored(database: Database, transcript: Path) -> None:
    """Broken lines of every kind cost only themselves."""
    transcript.write_bytes(lines(prompt("one")) + b"\n".join(BROKEN) + b"\n\n \n" + lines(answer("two")))
    done = store(database, transcript)
    assert texts(database) == ["one", "two"]
    assert (done.bad_lines, done.lines) == (len(BROKEN), len(BROKEN) + 2)


@pytest.mark.parametrize("value", [[], {}, "text", 7, 1.5, None, True, [[]], {"type": []}, {"type": {}}])
def test_json_that_is_no_record_is_passed_over(database: Database, transcript: Path, value: object) -> None:
    """Valid JSON of any other shape yields nothing."""
    transcript.write_bytes(lines(value, prompt("one")))
    assert store(database, transcript).bad_lines == 0
    assert texts(database) == ["one"]


def test_what_no_database_stores_is_replaced(database: Database, transcript: Path) -> None:
    """NUL and lone surrogates, in texts and in names, do not stop the line that they are in."""
    odd = "a\0b\ud83dc"
    part = {"type": "tool_use", "id": odd, "name": odd, "input": {odd: [odd, {"x": odd}]}}
    message = {"id": odd, "model": odd, "content": [part], "usage": {"output_tokens": 1}}
    odd_record = record(
        "assistant",
        message=message,
        session=odd,
        cwd="/" + odd,
        gitBranch=odd,
        version=odd,
        native=odd,
        agentId=odd,
    )
    transcript.write_bytes(lines(prompt(odd, session=odd), odd_record))
    assert store(database, transcript).events == 3
    assert rows(database, "SELECT text FROM events WHERE kind = 'prompt'") == [("a␀b?c",)]
    assert rows(
        database, "SELECT tool_name, tool_call_id, request_model, agent_id FROM events WHERE seq = 1"
    ) == [("a␀b?c",) * 4]
    assert_consistent(database)


def test_numbers_of_any_size_are_stored_or_left_out(database: Database, transcript: Path) -> None:
    """Numbers beyond 64 bits, infinite ones and none at all neither crash SQLite nor make invalid JSON."""
    usage = {"input_tokens": 2**70, "output_tokens": -1, "cache_read_input_tokens": True}
    inputs = '{"big": 123456789012345678901234567890, "over": 9223372036854775808, "inf": 1e999, "nan": NaN}'
    message = {
        "id": "m",
        "model": "x",
        "content": [{"type": "tool_use", "id": "t", "name": "N"}],
        "usage": usage,
    }
    line = json.dumps(record("assistant", message=message)).replace(
        '"name": "N"', f'"name": "N", "input": {inputs}'
    )
    transcript.write_text(line + "\n")
    assert store(database, transcript).events == 2
    assert rows(
        database, "SELECT input_tokens, output_tokens, cache_read_tokens FROM events WHERE kind = 'usage'"
    ) == [(0, 0, 0)]
    with database.read() as workspace:
        kept = workspace.execute(sa.select(schema.events.c.data)).scalars().all()
    assert [data["inf"] for data in kept if data] == ["inf"]


@pytest.mark.parametrize(
    "stamp",
    [
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "1970-01-01",
        "yesterday",
        "",
        0,
        1e300,
        None,
        [],
    ],
)
def test_a_time_that_cannot_be_is_none(database: Database, transcript: Path, stamp: object) -> None:
    """An event with an impossible time is stored without one, and its session can be listed."""
    transcript.write_bytes(lines({**prompt("one"), "timestamp": stamp}))
    store(database, transcript)
    assert rows(database, "SELECT at FROM events") == [(None,)]


@pytest.mark.parametrize(
    "session", ["x" * 10_000, "../../etc/passwd", "a/b\\c", " ", "☃" * 300, "'; drop table events"]
)
def test_any_session_id_names_a_session(database: Database, transcript: Path, session: str) -> None:
    """An absurd id is a key like any other, shortened where it is too long."""
    transcript.write_bytes(lines(prompt("one", session=session), prompt("two", session=session + "2")))
    store(database, transcript)
    ((key,),) = rows(database, "SELECT session_id FROM sessions")
    assert 0 < len(key) <= 200


def test_a_session_without_an_id_is_called_after_its_file(database: Database, transcript: Path) -> None:
    """Records that name no session belong to the one that the file is called after."""
    transcript.write_bytes(lines({**prompt("one"), "sessionId": ""}, {**answer("two"), "sessionId": None}))
    store(database, transcript)
    assert rows(database, "SELECT session_id, next_seq FROM sessions") == [(SESSION, 2)]


def test_two_long_ids_that_begin_alike_are_two_sessions(database: Database, tmp_path: Path) -> None:
    """Shortening an id keeps it apart from others."""
    for n in range(2):
        path = tmp_path / f"{n}.jsonl"
        path.write_bytes(lines(prompt("one", session="x" * 5_000 + str(n))))
        store(database, path)
    assert rows(database, "SELECT count(*) FROM sessions") == [(2,)]


def test_a_line_of_fifty_megabytes_is_stored_in_bounded_memory(tmp_path: Path) -> None:
    """A huge output keeps its beginning and its end, and memory stays within a few times the line."""
    path = tmp_path / "big.jsonl"
    path.write_bytes(lines(prompt("one"), result("t", "begin " + "x" * 50_000_000 + " end"), answer("two")))
    started = time.perf_counter()
    peak_mb = _in_child(_store_alone, tmp_path / "data" / "hivemind.db", path)
    assert time.perf_counter() - started < 60
    stored = texts(tmp_path / "data" / "hivemind.db")
    assert [stored[0], stored[2]] == ["one", "two"]
    assert stored[1].startswith("begin x")
    assert stored[1].endswith("x end")
    assert "characters left out" in stored[1]
    assert len(stored[1]) < 1_100_000
    assert peak_mb < 600


def test_a_line_beyond_all_bounds_is_left_out_in_bounded_memory(tmp_path: Path) -> None:
    """A line that is never ended is not held, wherever it stands, and what follows is read."""
    path = tmp_path / "endless.jsonl"
    with path.open("wb") as stream:
        stream.write(lines(prompt("one")))
        stream.truncate(stream.tell() + transcript_file.MAX_LINE_BYTES * 4)
        stream.seek(0, os.SEEK_END)
        stream.write(b"\n" + lines(answer("two")))
    (tmp_path / "usual").mkdir()
    plain = tmp_path / "plain.jsonl"
    plain.write_bytes(lines(prompt("one")))
    usual_mb = _in_child(_store_alone, tmp_path / "usual" / "hivemind.db", plain)
    peak_mb = _in_child(_store_alone, tmp_path / "data" / "hivemind.db", path)
    assert texts(tmp_path / "data" / "hivemind.db") == ["one", "two"]
    assert rows(tmp_path / "data" / "hivemind.db", "SELECT lines, bad_lines FROM transcripts") == [(3, 1)]
    assert peak_mb - usual_mb < 4 * transcript_file.MAX_LINE_BYTES / 1e6


def _in_child(function: object, *arguments: object) -> float:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)  # type: ignore[arg-type]


def _store_alone(database: Path, *paths: Path) -> float:
    opened = open_database(database)
    for path in paths:
        store(opened, path)
    opened.close()
    return _peak_mb()


def _peak_mb() -> float:
    """Give the most memory that this process had; Linux' own getrusage counts its parent's, too."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_two_processes_with_one_transcript_store_it_once(tmp_path: Path) -> None:
    """Processes that read the same growing files at the same time leave each event there exactly once."""
    database = tmp_path / "data" / "hivemind.db"
    paths = [tmp_path / f"{n}.jsonl" for n in range(3)]
    for path in paths:
        path.write_bytes(lines(*turns(1_500, session=path.stem, words=5)))
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        waiting = [pool.apply_async(_store_alone, (database, *paths)) for _ in range(4)]
        for one in waiting:
            one.get(120)
    assert rows(database, "SELECT session_id, next_seq FROM sessions ORDER BY 1") == [
        ("0", 7_500),
        ("1", 7_500),
        ("2", 7_500),
    ]
    assert rows(database, "SELECT lines, offset_bytes FROM transcripts") == [
        (6_000, path.stat().st_size) for path in paths
    ]
    assert_consistent(database)


def test_what_is_no_file_is_refused_at_once(database: Database, tmp_path: Path) -> None:
    """A folder, a pipe that nobody writes to, a device and a missing file raise OSError and never block."""
    os.mkfifo(tmp_path / "pipe.jsonl")
    os.mkfifo(tmp_path / "pipe.jsonl.gz")
    (tmp_path / "folder.jsonl").mkdir()
    (tmp_path / "loop.jsonl").symlink_to(tmp_path / "loop.jsonl")
    (tmp_path / "device.jsonl").symlink_to("/dev/zero")
    started = time.monotonic()
    for name in (
        "pipe.jsonl",
        "pipe.jsonl.gz",
        "folder.jsonl",
        "loop.jsonl",
        "device.jsonl",
        "missing.jsonl",
    ):
        with pytest.raises(OSError, match="jsonl"):
            store(database, tmp_path / name)
        with pytest.raises(OSError, match="jsonl"):
            ingest.recognise(tmp_path / name, (agent,))  # type: ignore[arg-type]
    assert time.monotonic() - started < 2


def test_a_transcript_that_may_not_be_read_is_refused(database: Database, transcript: Path) -> None:
    """Without permission there is an OSError, and the next read with it stores everything."""
    transcript.write_bytes(lines(prompt("one")))
    transcript.chmod(0)
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)  # root may read everything
    try:
        with pytest.raises(PermissionError):
            ingest.recognise(transcript, (agent,))  # type: ignore[arg-type]
    finally:
        os.seteuid(was)
    transcript.chmod(0o600)
    assert store(database, transcript).events == 1


def test_an_empty_transcript_is_in_no_known_format(tmp_path: Path) -> None:
    """With every agent asked, those that read databases too, the error does not speak of a database."""
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    with pytest.raises(HivemindError, match="in no format that is known"):
        ingest.recognise(empty, agents())


def test_a_file_name_that_is_no_text_is_read_all_the_same(database: Database, tmp_path: Path) -> None:
    """A path of any bytes has a key."""
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.jsonl"))
    path.write_bytes(lines(prompt("one")))
    assert [store(database, path).events, store(database, path).events] == [1, 0]


def test_an_archive_is_read_like_a_file(database: Database, tmp_path: Path) -> None:
    """A gzipped transcript gives the same events, once, and goes on from its offset."""
    path = tmp_path / f"{SESSION}.jsonl.gz"
    path.write_bytes(gzip.compress(lines(*turns(500))))
    assert store(database, path, final=True).events == 2_500
    assert store(database, path, final=True).events == 0
    path.write_bytes(gzip.compress(lines(*turns(500), prompt("one more"))))
    assert "rewritten" in store(database, path, final=True).problem


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "no archive"])
def test_a_broken_archive_gives_what_can_be_read(database: Database, tmp_path: Path, damage: str) -> None:
    """A cut or damaged archive is reported and does not stop anything; its good part is stored."""
    packed = bytearray(gzip.compress(lines(*turns(2_000))))
    path = tmp_path / f"{SESSION}.jsonl.gz"
    if damage == "flipped":
        # A single byte may only change a letter; so many cannot be read on at all.
        middle = len(packed) // 2
        packed[middle : middle + 1024] = b"\xff" * 1024
    written = {"cut": packed[: len(packed) // 2], "empty": b"", "no archive": lines(prompt("one"))}
    path.write_bytes(written.get(damage, packed))
    if damage == "no archive":
        with pytest.raises(OSError, match=r"(?i)gzip"):
            store(database, path)
        return
    done = store(database, path)
    if damage != "empty":
        assert done.problem or done.bad_lines
        assert 100 < done.events < 10_000
    assert_consistent(database)


def test_usage_is_counted_once_with_the_largest_output(database: Database, transcript: Path) -> None:
    """Of a message's records the one with the most output counts, in one read or in many."""

    def part(output: int) -> bytes:
        message = {
            "id": "msg_1",
            "model": "m",
            "content": [],
            "usage": {"input_tokens": 5, "output_tokens": output},
        }
        return lines(record("assistant", message=message))

    for content, expected in ((part(3) + part(41) + part(8), 41), (part(60), 60), (part(7), 60)):
        with transcript.open("ab") as stream:
            stream.write(content)
        store(database, transcript)
        found = rows(
            database, "SELECT message_id, input_tokens, output_tokens FROM events WHERE kind = 'usage'"
        )
        assert found == [("msg_1", 5, expected)]


def test_secrets_do_not_enter_the_database(transcript: Path, tmp_path: Path) -> None:
    """A secret in a prompt, an input, a result or a pushed URL is in none of the files, nor in the index."""
    database = open_database(tmp_path / "data" / "hivemind.db")
    pushed = f"To https://dev:{SECRET}@github.com/acme/shop.git\n  1..2 main -> main"
    transcript.write_bytes(
        lines(
            prompt(f"use {SECRET}"),
            call("t1", f"curl -H 'Authorization: Bearer {SECRET}' https://x.example"),
            result("t1", f"token={SECRET}"),
            call("t2", "git push"),
            result("t2", pushed),
        )
    )
    assert store(database, transcript).redactions >= 4
    database.close()
    for path in (tmp_path / "data").iterdir():
        assert SECRET.encode() not in path.read_bytes()
    assert rows(database, "SELECT git_remote FROM sessions") == [("github.com/acme/shop",)]


def test_a_session_stays_in_the_project_that_it_began_in(
    database: Database, transcript: Path, tmp_path: Path
) -> None:
    """An agent that changes its folder, between two reads or within one, takes the session nowhere."""
    for name in ("shop", "other"):
        (tmp_path / name / ".git").mkdir(parents=True)
        (tmp_path / name / ".git" / "config").write_text(
            f'[remote "origin"]\n\turl = git@h.example:acme/{name}.git\n'
        )
    transcript.write_bytes(lines(prompt("one", cwd=str(tmp_path / "shop"))))
    store(database, transcript)
    with transcript.open("ab") as stream:
        stream.write(lines(prompt("two", cwd=str(tmp_path / "other"))))
    store(database, transcript)
    assert rows(database, "SELECT git_remote, cwd FROM sessions") == [
        ("h.example/acme/shop", str(tmp_path / "shop"))
    ]
    assert rows(database, "SELECT name FROM projects") == [("shop",)]


def test_excluded_folders_are_kept_out(database: Database, transcript: Path) -> None:
    """A session that began in an excluded folder is refused; of others, what was done there is left out."""
    excluding = Settings(capture_exclude=("/secret",))
    transcript.write_bytes(lines(prompt("one", cwd="/secret/a"), prompt("two", cwd="/open")))
    with pytest.raises(HivemindError) as error:
        store(database, transcript, excluding=excluding)
    assert error.value.slug == "capture-excluded"
    assert texts(database) == []
    transcript.write_bytes(
        lines(prompt("three", cwd="/open"), prompt("four", cwd="/secret/a"), prompt("five", cwd="/open"))
    )
    store(database, transcript, excluding=excluding)
    assert texts(database) == ["three", "five"]


def test_a_folder_that_is_known_late_takes_the_session_back(
    database: Database, transcript: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was stored before a line named the excluded folder goes."""
    monkeypatch.setattr(ingest, "BATCH_EVENTS", 1)
    transcript.write_bytes(lines(prompt("one", cwd=""), prompt("two", cwd="/secret/a")))
    with pytest.raises(HivemindError) as error:
        store(database, transcript, excluding=Settings(capture_exclude=("/secret",)))
    assert error.value.slug == "capture-excluded"
    assert texts(database) == []


@pytest.mark.parametrize("at_once", [True, False])
def test_lines_that_name_no_folder_are_where_the_line_before_was(
    database: Database, transcript: Path, at_once: bool
) -> None:
    """An agent that says where it is only when it moves is left out until it moves back, over two reads."""
    excluding = Settings(capture_exclude=("/secret",))
    said = [
        prompt("one", cwd="/open"),
        prompt("two", cwd="/secret/a"),
        prompt("three", cwd=""),
        prompt("four", cwd="/open"),
        prompt("five", cwd=""),
    ]
    for number in [] if at_once else range(1, 5):
        transcript.write_bytes(lines(*said[:number]))
        store(database, transcript, excluding=excluding)
    transcript.write_bytes(lines(*said))
    store(database, transcript, excluding=excluding)
    assert texts(database) == ["one", "four", "five"]


def test_deep_inputs_are_kept_as_far_as_anyone_reads(database: Database, transcript: Path) -> None:
    """An input nested deeper than the bound is cut there and stored."""
    deep: object = "bottom"
    for _ in range(900):
        deep = [deep]
    part = {"type": "tool_use", "id": "t", "name": "N", "input": {"deep": deep}}
    transcript.write_bytes(lines(record("assistant", message={"content": [part]})))
    assert store(database, transcript).events == 1
    assert "nested too deeply" in str(rows(database, "SELECT data FROM events")[0][0])


def _everything(database: Path) -> list[list[tuple[object, ...]]]:
    return [
        rows(database, "SELECT * FROM events ORDER BY event_id"),
        rows(database, "SELECT * FROM sessions ORDER BY session_id"),
        rows(database, "SELECT project_id, name, remote, root FROM projects ORDER BY 1"),
        rows(
            database, "SELECT path, session_id, offset_bytes, lines, bad_lines, reader_state FROM transcripts"
        ),
    ]


_RECORDED = sorted(DEMO.rglob("*.jsonl"))


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make one empty database to copy: making each takes longer than filling it."""
    path = tmp_path_factory.mktemp("empty") / "hivemind.db"
    open_database(path).close()
    return path


@settings(max_examples=25, deadline=None)
@given(
    source=st.sampled_from(_RECORDED),
    shares=st.lists(st.floats(min_value=0, max_value=1), min_size=1, max_size=6),
)
def test_pieces_give_the_same_rows_as_the_whole(empty: Path, source: Path, shares: list[float]) -> None:
    """A transcript that is cut anywhere and read piece by piece gives the rows that one read of it gives."""
    content = (
        b"broken\n" + source.read_bytes() + lines(prompt("/clear"), prompt("a last one", cwd="/elsewhere"))
    )
    cuts = sorted({int(share * len(content)) for share in shares} | {len(content)})
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, source.name)
        databases = [Path(name, f"{kind}.db") for kind in ("whole", "pieces")]
        for database, ends in zip(databases, ([len(content)], cuts), strict=True):
            opened = open_database(Path(shutil.copy(empty, database)))
            for end in ends:
                path.write_bytes(content[:end])
                store(opened, path)
            opened.close()
            path.unlink()
        assert _everything(databases[1]) == _everything(databases[0])
        assert_consistent(databases[1])
