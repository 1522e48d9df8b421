"""Holdout: the share, the same decision by every channel, and skill files that come and go."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from command_line import run
from hooks import Data, payload, wait_for
from hypothesis import given, settings
from hypothesis import strategies as st
from retrieval_library import PROJECT, shop_library, store_project, store_skill

from hivemind import config
from hivemind.capture import spool
from hivemind.domain.exposures import Arm, Channel, Offer
from hivemind.domain.holdout import draw
from hivemind.evaluation import holdouts
from hivemind.library import held_back, publish
from hivemind.retrieval import cold, relevant, withholding
from hivemind.server.caller import Caller
from hivemind.server.mcp import Library
from hivemind.store import installs, offers, schema
from hivemind.store import skills as store
from hivemind.store.database import Database, Workspace, open_database
from hivemind.worker.answers import Answers
from hivemind.worker.folders import Folders

CHECKS = f"{PROJECT}.shop-api-checks"
PROMPT = "run the tests"
SHARE = 0.3


def session_drawn(skill_id: str, *, withheld: bool, share: float = SHARE, prefix: str = "s") -> str:
    """Find a session id whose draw for a skill lies on the wanted side of the share."""
    return next(f"{prefix}{n}" for n in range(10_000) if (draw(f"{prefix}{n}", skill_id) < share) == withheld)


def set_share(workspace: Workspace, skill_id: str, share: float, *, model: str = "") -> None:
    """Withhold a skill from a share of sessions."""
    row = {"skill_id": skill_id, "request_model": model, "share": share, "reason": "a test"}
    workspace.execute(schema.holdouts.insert().values(workspace_id="default", **row))


def offer(session_id: str, skill_id: str, arm: Arm, *, share: float = SHARE, **more: Any) -> Offer:
    """Make an offer at a prompt."""
    values: dict[str, Any] = {"version": 1, "channel": Channel.PROMPT, "agent": "claude"}
    values |= {"at": datetime(2026, 8, 1, tzinfo=UTC), **more}
    return Offer(session_id=session_id, skill_id=skill_id, arm=arm, share=share, **values)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Database]:
    """Give the library of a small project, of whose skills one is withheld from some sessions."""
    root = tmp_path / "shop"
    root.mkdir()
    database = open_database(shop_library(tmp_path / "data" / "hivemind.db", root=str(root)))
    with database.write() as workspace:
        set_share(workspace, CHECKS, SHARE)
        know_folder(workspace)
    yield database
    database.close()


def know_folder(workspace: Workspace) -> None:
    """Let the worker know the library's project by its folder, too."""
    workspace.execute(schema.projects.update().values(remote="github.com/acme/shop-api"))


def connected(database: Database) -> sqlite3.Connection:
    """Open the file as the hook does."""
    return sqlite3.connect(f"file:{database.path}?mode=ro", uri=True)


def assigned(database: Database, session_id: str, **more: Any) -> withholding.Assignment:
    """Ask what becomes of the skill in a session."""
    found = withholding.assign(
        connected(database),
        workspace_id="default",
        session_id=session_id,
        agent="claude",
        skill_ids=[CHECKS],
        **more,
    )
    return found[CHECKS]


@given(share=st.sampled_from([0.05, 0.1, 0.3, 0.5]), salt=st.text(max_size=20))
@settings(max_examples=20, deadline=None)
def test_the_share_is_met_over_many_sessions(share: float, salt: str) -> None:
    """Of 4,000 sessions as many are withheld from as the share says, within four standard deviations."""
    total = 4_000
    withheld = sum(draw(f"{salt}{n}", "s1") < share for n in range(total))
    assert abs(withheld - total * share) < 4 * (total * share * (1 - share)) ** 0.5


def test_what_is_withheld_leaves_its_place_empty(shop: Database) -> None:
    """The text lacks the skill, no other one takes its place, and the offer says which arm it is."""
    common = {"workspace_id": "default", "project_id": PROJECT, "prompt": PROMPT, "agent": "claude"}
    own, other = session_drawn(CHECKS, withheld=True), session_drawn(CHECKS, withheld=False)
    with_it = relevant(connected(shop), session_id=other, **common)
    without = relevant(connected(shop), session_id=own, **common)
    assert "make test" in with_it.text
    assert "make test" not in without.text
    shown = {skill_id for skill_id, _, _ in with_it.skills}
    assert {skill_id for skill_id, _, _ in without.skills} == shown - {CHECKS}
    assert [(i, v) for i, v, _, _ in with_it.offers] == [(i, v) for i, v, _, _ in without.offers]
    assert (CHECKS, 1, "withheld", SHARE) in without.offers
    assert (CHECKS, 1, "given", SHARE) in with_it.offers
    nobody = relevant(connected(shop), **{**common, "agent": ""})
    assert "make test" in nobody.text
    assert (CHECKS, 1, "given", 0.0) in nobody.offers


def test_what_the_session_has_is_offered_again_without_text(shop: Database) -> None:
    """A skill that came up before is recorded at a prompt that it fits, in either arm, and not sent."""
    for withheld in (True, False):
        session = session_drawn(CHECKS, withheld=withheld)
        before = {"withheld" if withheld else "already": frozenset({CHECKS})}
        found = relevant(
            connected(shop),
            workspace_id="default",
            project_id=PROJECT,
            prompt=PROMPT,
            session_id=session,
            agent="claude",
            **before,
        )
        assert "make test" not in found.text
        assert (CHECKS, 1, "withheld" if withheld else "given", SHARE) in found.offers


def test_the_first_decision_stands_until_it_is_switched_off(shop: Database) -> None:
    """A share that changes later changes nothing for a session; no share at all gives it to everybody."""
    session = session_drawn(CHECKS, withheld=True)
    lucky = session_drawn(CHECKS, withheld=False)
    with shop.write() as workspace:
        offers.record(workspace, [offer(session, CHECKS, Arm.WITHHELD), offer(lucky, CHECKS, Arm.GIVEN)])
        workspace.execute(schema.holdouts.update().values(share=0.0001))
    assert assigned(shop, session) == ("withheld", SHARE)
    with shop.write() as workspace:
        workspace.execute(schema.holdouts.update().values(share=1.0))
    assert assigned(shop, lucky) == ("given", SHARE)
    with shop.write() as workspace:
        workspace.execute(schema.holdouts.delete())
    assert assigned(shop, session) == ("given", 0.0)


def test_a_file_that_was_read_decides_nothing(shop: Database) -> None:
    """An offer that only says what an agent did is no decision of ours."""
    session = session_drawn(CHECKS, withheld=True)
    with shop.write() as workspace:
        read = offer(session, CHECKS, Arm.GIVEN, share=0.0, channel=Channel.FOLDER, event_id="e1")
        offers.record(workspace, [read])
    assert assigned(shop, session) == ("withheld", SHARE)


def test_a_new_model_has_its_own_share(shop: Database) -> None:
    """The session's model decides, and before its first answer the agent's latest."""
    session = session_drawn(CHECKS, withheld=False)
    assert draw(session, CHECKS) < 1
    with shop.write() as workspace:
        set_share(workspace, CHECKS, 1.0, model="claude-new")
    assert assigned(shop, session) == ("given", SHARE)
    with shop.write() as workspace:
        _store_session(workspace, "earlier", model="claude-new", days=1)
    assert assigned(shop, session) == ("withheld", 1.0)
    with shop.write() as workspace:
        _store_session(workspace, session, model="claude-old", days=0)
    assert assigned(shop, session) == ("given", SHARE)


def _store_session(workspace: Workspace, session_id: str, *, model: str, days: float) -> None:
    at = datetime.now(UTC) - timedelta(days=days)
    row = {"session_id": session_id, "agent": "claude", "project_id": PROJECT, "request_model": model}
    workspace.execute(
        schema.sessions.insert().values(workspace_id="default", started_at=at, ended_at=at, **row)
    )


@given(numbers=st.lists(st.integers(0, 10**9), min_size=1, max_size=8, unique=True))
@settings(max_examples=25, deadline=None)
def test_every_channel_decides_alike(numbers: list[int], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Worker, hook without one, MCP server and skill folder withhold from the same sessions."""
    folder = tmp_path_factory.getbasetemp() / "alike"
    root = folder / "shop"
    if not folder.exists():
        root.mkdir(parents=True)
        database = open_database(shop_library(folder / "hivemind.db", root=str(root)))
        with database.write() as workspace:
            set_share(workspace, CHECKS, SHARE)
            know_folder(workspace)
        database.close()
    database = open_database(folder / "hivemind.db")
    answers = Answers(database, settings=config.Settings, wake=lambda: None)
    mcp = Library.of_machine(database_path=database.path, workspace_id="default", cwd=root)
    try:
        for number in numbers:
            session = f"session-{number}"
            expected = draw(session, CHECKS) < SHARE
            found = cold.answer(
                str(database.path), "default", str(root), PROMPT, 5, session_id=session, agent="claude"
            )
            request = {"op": "context", "prompt": PROMPT, "cwd": str(root), "session_id": session}
            context = answers.answer({**request, "agent": "claude", "workspace": "default"})["context"]
            with database.read() as workspace:
                caller = Caller(agent="claude", session_id=session)
                arms = mcp.place.arms(workspace, caller, [CHECKS])
            withheld = answers._withheld("default", session, "claude", [CHECKS])
            assert [
                "make test" not in found.text,
                "make test" not in context,
                arms[CHECKS][0] == "withheld",
                CHECKS in withheld,
            ] == [expected] * 4
    finally:
        answers.close()
        database.close()


# The worker.


def ask(answers: Answers, session: str, root: Path, prompt: str = PROMPT) -> str:
    """Ask the worker as a hook does; give the context."""
    request = {"op": "context", "prompt": prompt, "cwd": str(root), "session_id": session}
    return str(answers.answer({**request, "agent": "claude", "workspace": "default"})["context"])


def test_the_worker_records_both_arms_each_time(shop: Database, tmp_path: Path) -> None:
    """Both arms are offered at each prompt that fits; compaction brings back the text, and no other arm."""
    answers = Answers(shop, settings=config.Settings, wake=lambda: None)
    root = tmp_path / "shop"
    for withheld in (True, False):
        session = session_drawn(CHECKS, withheld=withheld)
        texts = [ask(answers, session, root), ask(answers, session, root)]
        answers.forget("default", session)
        texts.append(ask(answers, session, root))
        assert ["make test" in text for text in texts] == [not withheld, False, not withheld]
        recorded = [o for shown in answers.take_shown() for o in shown.offers if o.skill_id == CHECKS]
        assert [(o.arm.value, o.share) for o in recorded] == [
            ("withheld" if withheld else "given", SHARE)
        ] * 3
    answers.close()


def test_switched_off_a_running_session_gets_it(shop: Database, tmp_path: Path) -> None:
    """The next prompt of a session from which the skill was withheld has it."""
    now = [config.Settings()]
    answers = Answers(shop, settings=lambda: now[0], wake=lambda: None)
    session = session_drawn(CHECKS, withheld=True)
    assert "make test" not in ask(answers, session, tmp_path / "shop")
    now[0] = config.Settings(holdout_enabled=False)
    assert "make test" in ask(answers, session, tmp_path / "shop")
    now[0] = config.Settings()
    last = [shown.offers for shown in answers.take_shown()][-1]
    assert [(o.arm, o.share) for o in last if o.skill_id == CHECKS] == [(Arm.GIVEN, 0.0)]
    answers.close()


def test_what_is_not_stored_is_withheld_from_nobody(shop: Database, tmp_path: Path) -> None:
    """A session that nothing is learnt from gets everything, and leaves no offer."""
    excluded = config.Settings(capture_exclude=(str(tmp_path / "shop"),))
    answers = Answers(shop, settings=lambda: excluded, wake=lambda: None)
    assert "make test" in ask(answers, session_drawn(CHECKS, withheld=True), tmp_path / "shop")
    assert "make test" in ask(answers, "", tmp_path / "shop")
    assert [shown.offers for shown in answers.take_shown()] == []
    answers.close()


# The hook without a worker.


@pytest.fixture
def hooked(data: Data, tmp_path: Path) -> Path:
    """Give a project folder whose library the hook reads."""
    root = tmp_path / "shop"
    root.mkdir()
    database = open_database(shop_library(data.database, root=str(root)))
    with database.write() as workspace:
        set_share(workspace, CHECKS, SHARE)
        know_folder(workspace)
    database.close()
    return root


def test_the_hook_tells_the_worker_what_it_decided(data: Data, hooked: Path) -> None:
    """Without a worker the hook decides alike, sends nothing twice, and the worker stores each offer once."""
    for withheld in (True, False):
        session = session_drawn(CHECKS, withheld=withheld, prefix="cold-")
        said = payload("UserPromptSubmit", session_id=session, cwd=str(hooked), prompt=PROMPT)
        texts = [data.hook("UserPromptSubmit", said).out for _ in range(2)]
        assert ["make test" in text for text in texts] == [not withheld, False]
        told = [one for one in data.announcements() if one["session_id"] == session]
        assert [one["moment"] for one in told].count("offers") == 2
    data.start_worker()
    connection = sqlite3.connect(data.database)
    query = "SELECT arm, count(*), min(share) FROM offers WHERE skill_id = ? GROUP BY arm ORDER BY arm"
    expected = [("given", 2, SHARE), ("withheld", 2, SHARE)]
    wait_for(lambda: connection.execute(query, (CHECKS,)).fetchall() == expected)
    data.workers[0].kill()
    data.workers[0].wait()
    data.start_worker()  # it reads the spool again
    session = session_drawn(CHECKS, withheld=True, prefix="cold-")
    said = payload("UserPromptSubmit", session_id=session, cwd=str(hooked), prompt=PROMPT)
    wait_for(data.worker_is_up)
    assert "make test" not in data.hook("UserPromptSubmit", said).out
    expected = [("given", 2, SHARE), ("withheld", 3, SHARE)]
    wait_for(lambda: connection.execute(query, (CHECKS,)).fetchall() == expected)
    connection.close()


def test_a_full_disk_costs_the_record_alone(data: Data, hooked: Path) -> None:
    """The agent gets its text even where the hook cannot write what it decided."""
    resource = pytest.importorskip("resource")
    session = session_drawn(CHECKS, withheld=False, prefix="full-")
    said = payload("UserPromptSubmit", session_id=session, cwd=str(hooked), prompt=PROMPT)
    spool_file = data.path / "spool" / f"{session}.jsonl"
    data.hook("UserPromptSubmit", {**said, "prompt": "zebra"})
    one_line = spool_file.stat().st_size
    room = 2 * one_line + 20  # enough for the next announcement, too little for the offers

    def limit() -> None:
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    beside = open_database(data.database)  # as a worker does, so that SQLite has its files already
    with beside.read() as workspace:
        offers.total(workspace)
        assert "make test" in data.hook("UserPromptSubmit", said, preexec=limit).out
    beside.close()
    assert [one["moment"] for one in _whole_lines(spool_file)] == ["prompt", "prompt"]


def test_a_full_disk_costs_the_announcement_alone(data: Data, hooked: Path) -> None:
    """Where nothing can be written any more the agent gets its text, from the database and from a worker."""
    resource = pytest.importorskip("resource")
    session = session_drawn(CHECKS, withheld=False, prefix="full-")
    said = payload("UserPromptSubmit", session_id=session, cwd=str(hooked), prompt=PROMPT)

    def limit() -> None:
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    beside = open_database(data.database)  # as a worker does, so that SQLite has its files already
    with beside.read() as workspace:
        offers.total(workspace)
        assert "make test" in data.hook("UserPromptSubmit", said, preexec=limit).out
    beside.close()
    data.start_worker()
    wait_for(data.worker_is_up)
    assert "make test" in data.hook("UserPromptSubmit", said, preexec=limit).out


def test_a_worker_that_cannot_be_started_costs_no_answer(data: Data, hooked: Path) -> None:
    """The hook answers from the database, and records why no worker came up."""
    (data.path / "worker.starting").mkdir()
    session = session_drawn(CHECKS, withheld=False, prefix="no-worker-")
    said = payload("UserPromptSubmit", session_id=session, cwd=str(hooked), prompt=PROMPT)
    assert "make test" in data.hook("UserPromptSubmit", said, worker=True).out
    assert "IsADirectoryError" in (data.path / "hook-errors.jsonl").read_text()


def _whole_lines(path: Path) -> list[dict[str, Any]]:
    lines = path.read_bytes().splitlines()
    return [json.loads(line) for line in lines if line.startswith(b"{") and line.endswith(b"}")]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(value=_JSON, row=st.lists(_JSON, min_size=4, max_size=4))
def test_no_offers_in_a_spool_line_are_believed_blindly(value: Any, row: list[Any]) -> None:
    """Whatever stands there, what is taken can be stored."""
    for told in (value, [row], [["s1", 1, "given", 0.5], row]):
        line = json.dumps({"agent": "claude", "session_id": "s", "moment": "offers", "offers": told})
        said = spool.parse(line.encode())
        assert said is not None
        for skill_id, version, arm, share in said.offers:
            assert (skill_id, Arm(arm).value) == (skill_id, arm)
            assert (0 < len(skill_id) <= 32, 0 < version < 1 << 31, 0 <= share <= 1) == (True, True, True)


# The shares.


def refreshed(database: Database, **more: Any) -> dict[tuple[str, str], tuple[float, str]]:
    """Compute the shares and give them."""
    values: dict[str, Any] = {"enabled": True, "trial_percent": 10, "active_percent": 5}
    values |= {"new_model_percent": 30, **more}
    with database.write() as workspace:
        holdouts.refresh(workspace, **values)
        rows = workspace.execute(schema.holdouts.select()).all()
    return {(row.skill_id, row.request_model): (row.share, row.reason) for row in rows}


def test_shares_go_by_state_and_settings(shop: Database) -> None:
    """Trial and active skills have their own, retired ones none; off has none, and 0 withholds nothing."""
    found = refreshed(shop)
    by_name = {key[0].partition(".")[2]: share for key, (share, _) in found.items()}
    assert by_name["shop-api-checks"] == 0.05
    assert by_name["shop-api-migrate"] == 0.1
    assert "shop-api-old" not in by_name
    with shop.write() as workspace:
        assert not holdouts.refresh(
            workspace, enabled=True, trial_percent=10, active_percent=5, new_model_percent=30
        )
    assert {share for share, _ in refreshed(shop, trial_percent=0, active_percent=0).values()} == {0.0}
    assert refreshed(shop, enabled=False) == {}


def _expose(workspace: Workspace, model: str, *, arm: str, count: int, first: int = 0, days: int = 2) -> None:
    rows = [
        {
            "workspace_id": "default",
            "episode_id": f"{model}-{arm}-{first + n}",
            "skill_id": CHECKS,
            "session_id": f"{model}-{n}",
            "version": 1,
            "arm": arm,
            "channel": "prompt",
            "request_model": model,
            "at": datetime.now(UTC) - timedelta(days=days),
        }
        for n in range(count)
    ]
    workspace.execute(schema.exposures.insert(), rows)


def test_a_new_model_is_noticed_and_forgotten_again(shop: Database) -> None:
    """Its share rises with its first session, says so, and falls with enough data or after long."""
    with shop.write() as workspace:
        _store_session(workspace, "old", model="claude-old", days=400)
        _store_session(workspace, "new", model="claude-new", days=1)
    assert (CHECKS, "claude-new") not in refreshed(shop)  # nothing is known that it may differ from
    with shop.write() as workspace:
        _expose(workspace, "claude-old", arm="given", count=holdouts.KNOWN_EPISODES)
    found = refreshed(shop)
    share, reason = found[CHECKS, "claude-new"]
    assert share == 0.3
    assert reason.startswith("claude-new is new here: withheld from 30 % of its sessions until 20 episodes")
    assert (CHECKS, "claude-old") not in found
    assert (f"{PROJECT}.shop-api-migrate", "claude-new") not in found
    later = datetime.now(UTC) + timedelta(days=holdouts.MOST_DAYS + 1)
    assert (CHECKS, "claude-new") not in refreshed(shop, now=later)
    with shop.write() as workspace:
        _expose(workspace, "claude-new", arm="withheld", count=holdouts.ENOUGH_EPISODES)
    assert (CHECKS, "claude-new") not in refreshed(shop)


def test_models_that_were_here_before_the_skill_are_not_new(shop: Database) -> None:
    """Of two models that are used by turns neither is new for what was learnt since."""
    with shop.write() as workspace:
        for model in ("claude-a", "claude-b"):
            _store_session(workspace, model, model=model, days=9)
            _expose(workspace, model, arm="given", count=holdouts.KNOWN_EPISODES, days=2)
    assert {model for _, model in refreshed(shop)} == {""}


def test_another_name_of_a_model_is_not_a_new_model(shop: Database) -> None:
    """A provider before it and a date behind it are no news; another date is."""
    with shop.write() as workspace:
        _store_session(workspace, "old", model="m-5", days=400)
        _store_session(workspace, "dated", model="m-6-20260101", days=400)
        _expose(workspace, "m-5", arm="given", count=holdouts.KNOWN_EPISODES)
        for number, name in enumerate(("acme/m-5", "m-5-2026-02-03", "m-6", "m-6-20260909", "m-55")):
            _store_session(workspace, f"s{number}", model=name, days=1)
    assert {model for _, model in refreshed(shop)} == {"", "m-6-20260909", "m-55"}


def test_a_skill_that_rarely_fits_is_not_withheld_for_ever(shop: Database) -> None:
    """The raised share ends with many episodes, also where few of them are without."""
    with shop.write() as workspace:
        _store_session(workspace, "new", model="claude-new", days=1)
        _expose(workspace, "claude-old", arm="given", count=holdouts.KNOWN_EPISODES)
        _expose(workspace, "claude-new", arm="given", count=holdouts.MOST_EPISODES - 1)
    assert (CHECKS, "claude-new") in refreshed(shop)
    with shop.write() as workspace:
        _expose(workspace, "claude-new", arm="given", count=1, first=holdouts.MOST_EPISODES)
    assert (CHECKS, "claude-new") not in refreshed(shop)


# The skill folder.


class Agent:
    """Stand for an agent's skill folder."""

    name = "claude"

    def skill_folder(self, project_root: Path) -> Path:
        return project_root / ".claude" / "skills"


class Checkout:
    """Drive the worker's part in a checkout with published skills."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "checkout"
        self.root.mkdir()
        self.git("init", "-q")
        self.database = open_database(folder / "data" / "hivemind.db")
        with self.database.write() as workspace:
            store_project(workspace, root=str(self.root))
            self.id = store_skill(
                workspace, "checks", "Runs the checks. Use when testing.", body="Run it.", state="trial"
            )
            store_skill(workspace, "other", "Another. Use when needed.", body="Other.", state="trial")
            set_share(workspace, self.id, SHARE)
        self.settings = config.Settings()
        self.answers = Answers(self.database, settings=lambda: self.settings, wake=lambda: None)
        self.publish()

    def git(self, *words: str) -> None:
        env = {"PATH": os.environ["PATH"], "HOME": str(self.root.parent), "GIT_CONFIG_NOSYSTEM": "1"}
        subprocess.run(["git", *words], cwd=self.root, env=env, check=True)

    @property
    def folders(self) -> Folders:
        return self.answers.folders

    @property
    def file(self) -> Path:
        return self.root / ".claude" / "skills" / "checks" / "SKILL.md"

    def publish(self) -> publish.PublishReport:
        return publish.publish(self.database, agents=[Agent()])

    def start(self, session: str) -> bool:
        """Start a session as its hook does; say whether its client has to look again."""
        request = {"op": "context", "moment": "start", "prompt": "", "cwd": str(self.root)}
        request |= {"session_id": session, "agent": "claude", "workspace": "default"}
        return bool(self.answers.answer(request)["reload"])

    def state(self) -> str:
        with self.database.read() as workspace:
            return store.by_id(workspace, self.id).state.value

    def drawn(self, *, withheld: bool, prefix: str = "s") -> str:
        return session_drawn(self.id, withheld=withheld, prefix=prefix)


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    """Give a checkout with two published skills."""
    made = Checkout(tmp_path)
    yield made
    made.answers.close()
    made.database.close()


def test_a_file_is_away_while_its_session_is_at_work(checkout: Checkout) -> None:
    """It goes at the start of a session that it is withheld from, and comes back as it was at its end."""
    before = checkout.file.read_bytes()
    assert not checkout.start(checkout.drawn(withheld=False))
    checkout.folders.ended("default", checkout.drawn(withheld=False))
    assert checkout.start(checkout.drawn(withheld=True))
    assert not checkout.file.exists()
    assert (checkout.root / ".claude" / "skills" / "other" / "SKILL.md").exists()
    report = checkout.publish()
    assert (report.written, report.deleted, report.problems) == ([], [], [])
    assert not checkout.file.exists()
    assert checkout.folders.ended("default", checkout.drawn(withheld=True))
    assert checkout.file.read_bytes() == before
    assert checkout.state() == "trial"
    assert checkout.publish().written == []


def test_a_session_that_is_given_it_keeps_it_beside_one_that_is_not(checkout: Checkout) -> None:
    """Of sessions at once in one checkout none loses what it has, and the file goes when all are without."""
    first, without = checkout.drawn(withheld=False), checkout.drawn(withheld=True)
    checkout.start(first)
    checkout.start(without)
    assert checkout.file.exists()
    checkout.folders.ended("default", first)
    assert not checkout.file.exists()
    assert checkout.start(checkout.drawn(withheld=False, prefix="another-"))
    assert checkout.file.exists()


def test_a_silent_session_is_over(checkout: Checkout) -> None:
    """After half an hour without a word the file is back."""
    session = checkout.drawn(withheld=True)
    checkout.start(session)
    checkout.folders.expire()
    assert not checkout.file.exists()
    checkout.folders._at_work["default", session].heard -= 1801
    checkout.folders.expire()
    assert checkout.file.exists()


def test_a_worker_that_starts_after_a_crash_brings_it_back(checkout: Checkout) -> None:
    """What the last one took away is no deletion, and the first publication writes it again."""
    checkout.start(checkout.drawn(withheld=True))
    assert checkout.publish().written == []
    Answers(checkout.database, settings=config.Settings, wake=lambda: None).close()
    report = checkout.publish()
    assert (report.written, report.deleted) == ([checkout.file], [])
    assert checkout.state() == "trial"


@pytest.mark.parametrize("words", [[], ["--keep-skills"]])
def test_uninstalling_looks_after_every_workspace(checkout: Checkout, words: list[str]) -> None:
    """From another workspace too files go; where they stay, what is held back is put back first."""
    database, root = checkout.database, checkout.root
    publish.hold_back(database, workspace_id="default", root=root, skill_ids={checkout.id}, wait_s=5)
    assert not checkout.file.exists()
    if not words:
        publish.hold_back(database, workspace_id="default", root=root, skill_ids=(), wait_s=5)
    env = {"HIVEMIND_HOME": str(database.path.parent), "HIVEMIND_WORKSPACE_ID": "another"}
    assert run("uninstall", *words, env=env).code == 0
    assert checkout.file.exists() == bool(words)
    assert checkout.state() == "trial"


@pytest.mark.parametrize("step", ["intended", "removed", "noted"])
def test_a_crash_while_taking_it_away_is_no_deletion(checkout: Checkout, step: str) -> None:
    """At each step of the removal the next publication knows that it was ours."""
    with checkout.database.read() as workspace:
        row = installs.of(workspace, checkout.file)
    assert row is not None
    held_back.put(checkout.database.path, "default", checkout.root, {checkout.id})
    with checkout.database.write() as workspace:
        from dataclasses import replace

        installs.put(workspace, replace(row, intended_hash=installs.GONE))
        if step == "noted":
            installs.put(workspace, replace(row, content_hash=""))
    if step != "intended":
        checkout.file.unlink()
    report = checkout.publish()
    assert (report.deleted, checkout.state()) == ([], "trial")
    held_back.clear(checkout.database.path)
    checkout.publish()
    assert (checkout.file.exists(), checkout.state()) == (True, "trial")


def test_a_persons_words_are_never_taken_away(checkout: Checkout) -> None:
    """An edited file stays where it is, byte for byte, and the edit is taken in as always."""
    written = checkout.file.read_bytes()
    for words in (b"Run it.\n\nRun it twice.", b"Run it thrice."):
        edited = written.replace(b"---\nname", b"---\n# mine\nname", 1).replace(b"Run it.", words)
        checkout.file.write_bytes(edited)
        for prefix in ("first-", "second-"):
            session = checkout.drawn(withheld=True, prefix=prefix)
            checkout.start(session)
            assert checkout.file.read_bytes() == edited
            checkout.folders.ended("default", session)
            checkout.publish()
            assert checkout.file.read_bytes() == edited
    with checkout.database.read() as workspace:
        current = store.by_id(workspace, checkout.id).version
        assert "Run it thrice." in store.version_of(workspace, checkout.id, version=current).document.body


def test_a_persons_file_in_its_place_stays(checkout: Checkout) -> None:
    """What somebody writes there meanwhile is not overwritten."""
    checkout.start(checkout.drawn(withheld=True))
    checkout.file.write_text("mine\n")
    checkout.folders.ended("default", checkout.drawn(withheld=True))
    checkout.publish()
    assert checkout.file.read_text() == "mine\n"
    assert checkout.state() == "trial"


def test_an_edit_that_is_saved_while_it_is_away_is_taken_in(checkout: Checkout) -> None:
    """Whoever had the file open saves it in its place: that is an edit like any other."""
    text = checkout.file.read_text()
    session = checkout.drawn(withheld=True)
    checkout.start(session)
    checkout.file.write_text(text.replace("Run it.", "Run it twice."))
    checkout.folders.ended("default", session)
    report = checkout.publish()
    assert (report.edited, report.problems) == (["checks"], [])
    assert "Run it twice." in checkout.file.read_text()
    assert checkout.state() == "trial"


@pytest.mark.parametrize("trouble", ["another publication", "a full disk"])
def test_what_cannot_be_settled_is_settled_later(
    checkout: Checkout, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session that is given a skill gets its file back as soon as that can be done."""
    from hivemind.library import skill_files
    from hivemind.worker import folders

    without, given = checkout.drawn(withheld=True), checkout.drawn(withheld=False)
    checkout.start(without)
    assert not checkout.file.exists()
    monkeypatch.setattr(folders, "LOCK_WAIT_S", 0.05)
    lock = checkout.database.path.with_name("hivemind.db.publish-lock")
    blocked = checkout.database.path.with_name("held-back.new")
    with ExitStack() as stack:
        if trouble == "a full disk":
            blocked.mkdir()  # the list cannot be written
        else:
            stack.enter_context(skill_files.only_one(lock, wait_s=1))
        checkout.folders.heard("default", given, agent="claude", cwd=str(checkout.root))
        checkout.folders.expire()
        assert not checkout.file.exists()
    if blocked.exists():
        blocked.rmdir()
    checkout.folders.expire()
    assert checkout.file.exists()


def test_a_worker_that_leaves_waits_for_another_publication(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else would bring back what is away."""
    from hivemind.library import skill_files
    from hivemind.worker import folders

    checkout.start(checkout.drawn(withheld=True))
    monkeypatch.setattr(folders, "LOCK_WAIT_S", 0.05)
    lock = checkout.database.path.with_name("hivemind.db.publish-lock")
    with skill_files.only_one(lock, wait_s=1):
        leaving = threading.Thread(target=checkout.folders.release)
        leaving.start()
        leaving.join(0.5)
        assert leaving.is_alive()
    leaving.join(10)
    assert checkout.file.exists()


@pytest.mark.parametrize("cwd", ["/\ud800", "/" + "a" * 300, "relative", "/nul\0", ""])
def test_any_working_directory_is_no_failure(checkout: Checkout, cwd: str) -> None:
    """What an agent says of its folder is passed over where it is none."""
    checkout.folders.heard("default", "s1", agent="claude", cwd=cwd)
    assert not checkout.folders.start("default", "s2", agent="claude", cwd=cwd)
    assert checkout.file.exists()


def test_a_deletion_by_a_person_is_still_one(checkout: Checkout) -> None:
    """A file that is missing before it would be taken away retires its skill."""
    checkout.file.unlink()
    checkout.start(checkout.drawn(withheld=True))
    checkout.folders.ended("default", checkout.drawn(withheld=True))
    checkout.publish()
    assert checkout.state() == "retired"


def test_what_git_has_stays(checkout: Checkout) -> None:
    """A committed file is not removed: the agent could commit that."""
    checkout.git("add", "-f", ".claude/skills/checks/SKILL.md")
    checkout.start(checkout.drawn(withheld=True))
    assert checkout.file.exists()


@pytest.mark.parametrize("how", ["off", "share 0"])
def test_nothing_is_taken_away_without_a_holdout(checkout: Checkout, how: str) -> None:
    """Switched off, or with a share of 0, no file moves."""
    if how == "off":
        checkout.settings = config.Settings(holdout_enabled=False)
    else:
        with checkout.database.write() as workspace:
            workspace.execute(schema.holdouts.update().values(share=0.0))
    assert not checkout.start(checkout.drawn(withheld=True))
    assert checkout.file.exists()
    assert not (checkout.database.path.parent / "held-back.json").exists()


def test_a_skill_retired_meanwhile_leaves_nothing(checkout: Checkout) -> None:
    """Its folder goes with the next publication, and does not come back at the session's end."""
    from hivemind.domain.skills import SkillState
    from hivemind.library import lifecycle

    session = checkout.drawn(withheld=True)
    checkout.start(session)
    with checkout.database.write() as workspace:
        lifecycle.decide(workspace, checkout.id, SkillState.RETIRED, actor="person:ann")
    checkout.publish()
    checkout.folders.ended("default", session)
    checkout.publish()
    assert not checkout.file.parent.exists()


def test_two_sessions_of_one_agent_are_told_apart_or_nobody_is(checkout: Checkout) -> None:
    """The one at work is meant; of two nobody is; what an environment says holds until that session ends."""
    common: dict[str, str] = {"agent": "claude", "cwd": str(checkout.root)}
    folders = checkout.folders
    checkout.start("one")
    assert folders.session("default", claimed="", **common) == "one"
    assert folders.session("default", claimed="", agent="codex", cwd=common["cwd"]) == ""
    assert folders.session("another", claimed="", **common) == ""
    checkout.start("two")
    assert folders.session("default", claimed="", **common) == ""
    assert folders.session("default", claimed="one", **common) == "one"
    folders.ended("default", "one")
    assert folders.session("default", claimed="one", **common) == "two"


# The command.


def test_a_person_sees_it_and_turns_it_off_and_on(checkout: Checkout) -> None:
    """`hivemind holdout` shows shares and sessions; off gives everything, on withholds again."""
    env = {"HIVEMIND_HOME": str(checkout.database.path.parent), "HOME": str(checkout.root.parent)}
    with checkout.database.write() as workspace:
        offers.record(workspace, [offer("a", checkout.id, Arm.GIVEN), offer("b", checkout.id, Arm.WITHHELD)])
        offers.record(workspace, [offer("c", checkout.id, Arm.GIVEN)])
    session = checkout.drawn(withheld=True)
    checkout.start(session)
    assert run("holdout", "on", env=env).code == 0
    shown = run("holdout", "--json", env=env).json
    assert (shown["enabled"], shown["trial_percent"]) == (True, 10)
    (mine,) = [one for one in shown["skills"] if one["skill_id"] == checkout.id]
    assert (mine["share"], mine["sessions_given"], mine["sessions_withheld"]) == (0.1, 2, 1)
    assert "checks" in run("holdout", env=env).out
    assert not checkout.file.exists()
    assert run("holdout", "off", env=env).code == 0
    assert "nothing is withheld" in run("holdout", env=env).out
    assert assigned_in(checkout, session) == ("given", 0.0)
    assert run("config", "get", "holdout.enabled", env=env).out.strip() == "false"
    assert run("holdout", "on", env=env).code == 0
    assert run("holdout", "--json", env=env).json["skills"][0]["share"] == 0.1


def assigned_in(checkout: Checkout, session: str) -> withholding.Assignment:
    """Ask what becomes of the checkout's skill in a session."""
    return withholding.assign(
        connected(checkout.database),
        workspace_id="default",
        session_id=session,
        agent="claude",
        skill_ids=[checkout.id],
    )[checkout.id]


# MCP.


def test_over_mcp_it_is_not_found_and_not_loaded(shop: Database, tmp_path: Path) -> None:
    """Search leaves it out, loading says why in place of the text, and that is on record."""
    library = Library.of_machine(database_path=shop.path, workspace_id="default", cwd=tmp_path / "shop")
    with shop.write() as workspace:
        workspace.execute(schema.skills.update().values(project_id=""))
    given, withheld = (session_drawn(CHECKS, withheld=side) for side in (False, True))
    for session, found in ((given, True), (withheld, False), ("", True)):
        caller = Caller(agent="claude", session_id=session)
        names = [one.name for one in library.skills_search("run the tests and lint", caller=caller).skills]
        assert ("shop-api-checks" in names) == found
        text = library.skills_load("shop-api-checks", caller=caller)
        assert ("make test" in text) == found
        assert ("is withheld from this session on purpose: from 30 %" in text) == (not found)
    with shop.read() as workspace:
        rows = workspace.execute(schema.offers.select()).all()
    assert [(r.session_id, r.channel, r.arm, r.share) for r in rows] == [(withheld, "mcp", "withheld", SHARE)]
