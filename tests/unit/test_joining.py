"""Offers become exposures: one for each episode and skill, in the right episode, and again the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from exposure_stories import BODY, CHECKS, START, Shop, ask, call, opened, say, shell, variants

from hivemind.domain.exposures import Arm, Channel
from hivemind.evaluation import joining
from hivemind.store import exposures, schema

RUN = "./check --profile local test-suite"
SECOND = "Now write the changelog entry about yesterday's release please."
#: Two requests, a minute apart.
TWO = (
    ask(0, "Run the tests of the cart."),
    shell(5, RUN),
    say(10),
    ask(60, SECOND),
    shell(65, "ls"),
    say(70),
)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Give a library."""
    with opened(tmp_path) as found:
        yield found


@pytest.fixture
def skill(shop: Shop) -> str:
    """Give the id of a live skill."""
    return shop.learn()


@pytest.mark.parametrize(
    ("after_s", "number"),
    [
        (-300, 1),  # at the session's start
        (-0.4, 1),
        (0.4, 1),
        (59.2, 2),  # the hook answers before the client writes the prompt down
        (61, 2),
        (30, 2),  # typed while the agent was at work, written down when it was its turn
    ],
)
def test_what_came_with_a_prompt_is_in_its_episode(
    shop: Shop, skill: str, after_s: float, number: int
) -> None:
    """The prompt nearest in time has it, else the next one."""
    shop.offer(skill, after_s)
    shop.tell(*TWO)
    assert shop.seen() == [(number, "prompt", "given", 1)]


def test_an_offer_waits_for_its_episode(shop: Shop, skill: str) -> None:
    """The prompt comes later than the offer, and with it the exposure."""
    shop.tell(*TWO)
    shop.offer(skill, 4000)
    shop.grade("s1")
    assert shop.seen() == []
    shop.tell(*TWO, ask(4000.2, "Please translate the whole manual into French and Polish."), say(4010))
    assert shop.seen() == [(3, "prompt", "given", 1)]


def test_one_exposure_an_episode(shop: Shop, skill: str) -> None:
    """Offers again in the same episode add nothing; in the next one they do; the first channel counts."""
    shop.offer(skill, 0.1)
    shop.offer(skill, 20.1)
    shop.offer(skill, 60.1)
    more = (ask(20, "Why did it fail?"), call(22, "Skill", {"skill": CHECKS.name}, "Launching"), say(25))
    shop.tell(*TWO[:3], *more, *TWO[3:])
    assert shop.seen() == [(1, "prompt", "given", 1), (2, "prompt", "given", 1)]
    shop.tell(ask(0, "Go."), call(1, "Skill", {"skill": CHECKS.name}, "Launching"), say(2), session="s2")
    shop.offer(skill, 30, session="s2")
    shop.tell(ask(0, "Go."), ask(30, "Go on."), say(40), session="s2")
    assert shop.seen("s2") == [(1, "tool", "given", 1)]


def test_a_row_says_what_was_given_to_whom(shop: Shop, skill: str) -> None:
    """Version, share, agent, model, project and whether it was followed."""
    shop.offer(skill, 0.1, share=0.1)
    shop.offer(skill, 60.1, share=0.1)
    shop.tell(*TWO)
    first, second = shop.exposures()
    assert (first.version, first.share, first.agent) == (1, 0.1, "claude")
    assert (first.request_model, first.project_id, first.session_id) == ("m-1", "p1", "s1")
    assert first.at == START + timedelta(seconds=0.1)
    assert (first.followed, second.followed) == (True, False)


def test_steps_count_from_the_moment_it_was_there(shop: Shop, skill: str) -> None:
    """What was run before the skill was loaded is not following it."""
    load = call(7, "Skill", {"skill": CHECKS.name}, "Launching")
    shop.tell(ask(0, "Run the tests."), shell(5, RUN), load, say(10))
    assert [row.followed for row in shop.exposures()] == [False]
    shop.tell(ask(0, "Run the tests."), load, shell(8, RUN), say(10), session="s2")
    assert [row.followed for row in shop.exposures("s2")] == [True]


def test_a_skill_without_steps_cannot_be_seen_to_be_followed(shop: Shop) -> None:
    """It is unknown, and not false."""
    (doc,) = variants("# Rules of shop\n\n- Write comments in English.\n", "shop-rules")
    shop.offer(shop.learn(doc), 0.1)
    shop.tell(*TWO)
    assert [row.followed for row in shop.exposures()] == [None]


def test_subagents_belong_to_the_episode_in_which_they_began(shop: Shop, skill: str) -> None:
    """Their files are read later, and what they load and run counts in the first episode."""
    shop.tell(
        *TWO,
        call(6, "Skill", {"skill": CHECKS.name}, "Launching", agent_id="a1"),
        shell(61, RUN, agent_id="a1"),
    )
    assert shop.seen() == [(1, "tool", "given", 1)]
    assert [row.followed for row in shop.exposures()] == [True]


def test_withheld_and_leaked(shop: Shop, skill: str) -> None:
    """What was withheld has its row; where the agent got it all the same, the session's rows say so."""
    shop.offer(skill, 0.1, arm=Arm.WITHHELD, share=0.3)
    shop.tell(*TWO)
    assert shop.seen() == [(1, "prompt", "withheld", 1)]
    assert [row.followed for row in shop.exposures()] == [True]  # without having it
    shop.offer(skill, 0.1, arm=Arm.WITHHELD, share=0.3, session="s2")
    load = call(66, "Skill", {"skill": CHECKS.name}, "Launching")
    shop.tell(*TWO[:5], load, TWO[5], session="s2")
    assert shop.seen("s2") == [(1, "prompt", "leaked", 1), (2, "tool", "leaked", 1)]
    assert [row.share for row in shop.exposures("s2")] == [0.3, 0.0]


def test_another_channel_is_placed_by_the_time(shop: Shop, skill: str) -> None:
    """An offer of the MCP server knows no event: the episode that was going on has it."""
    shop.offer(skill, 66, channel=Channel.MCP, arm=Arm.WITHHELD)
    shop.tell(*TWO)
    assert shop.seen() == [(2, "mcp", "withheld", 1)]


def test_only_prompts_take_part_in_the_experiment(shop: Shop, skill: str) -> None:
    """Who asks over MCP and is refused has no counterpart among those who ask and get it."""
    shop.offer(skill, 4, channel=Channel.MCP, arm=Arm.WITHHELD, share=0.3)
    shop.offer(skill, 60.1, arm=Arm.WITHHELD, share=0.3)
    shop.offer(skill, 66, channel=Channel.MCP, arm=Arm.WITHHELD, share=0.3)
    shop.tell(*TWO)
    assert [(row.channel, row.share) for row in shop.exposures()] == [
        (Channel.MCP, 0.0),
        (Channel.PROMPT, 0.3),
    ]


def test_joining_again_changes_nothing(shop: Shop, skill: str) -> None:
    """The rows are the same after the session is graded again, and the episodes keep theirs when it grows."""
    shop.offer(skill, 0.1)
    shop.tell(*TWO)
    before = shop.exposures()
    shop.grade("s1")
    with shop.database.write() as workspace:
        assert not joining.renew(workspace, "s1")
    assert shop.exposures() == before
    shop.tell(*TWO, ask(200, "Please translate the whole manual into French and Polish."), say(210))
    assert shop.exposures() == before


def test_what_came_late_is_joined(shop: Shop, skill: str) -> None:
    """An offer stored after the grading, a session that moved, an episode that is gone; and only once."""
    now = START + timedelta(hours=2)
    shop.tell(*TWO)
    shop.tell(*TWO, session="s2")
    assert joining.join_new(shop.database, "default", now=now) == 0
    shop.offer(skill, 0.1)
    shop.offer(skill, 0.2)
    assert joining.join_new(shop.database, "default", now=now) == 1
    assert shop.seen() == [(1, "prompt", "given", 1)]
    assert joining.join_new(shop.database, "default", now=now) == 0
    with shop.database.write() as workspace:
        workspace.execute(schema.sessions.update().values(project_id="p2"))
    assert joining.join_new(shop.database, "default", now=now) == 1
    assert [row.project_id for row in shop.exposures()] == ["p2"]
    with shop.database.write() as workspace:
        workspace.execute(schema.episodes.delete().where(schema.episodes.c.session_id == "s1"))
    assert joining.join_new(shop.database, "default", now=now) == 1
    assert shop.exposures() == []


def test_what_came_late_changes_what_was_joined(shop: Shop, skill: str) -> None:
    """An offer of the prompt that is stored late counts also where the agent loaded the skill itself."""
    load = call(7, "Skill", {"skill": CHECKS.name}, "Launching")
    shop.tell(*TWO[:1], load, *TWO[1:])
    shop.offer(skill, 0.1, arm=Arm.WITHHELD, share=0.3)
    assert [(row.arm, row.share) for row in shop.exposures()] == [(Arm.GIVEN, 0.0)]
    now = START + timedelta(hours=2)
    assert joining.join_new(shop.database, "default", now=now) == 1
    assert [(row.arm, row.share) for row in shop.exposures()] == [(Arm.LEAKED, 0.3)]
    assert joining.join_new(shop.database, "default", now=now) == 0


def test_an_offer_that_never_finds_its_episode_is_left(shop: Shop, skill: str) -> None:
    """It is not looked at for ever."""
    shop.tell(*TWO)
    shop.offer(skill, 4000)
    with shop.database.read() as workspace:
        since = START + timedelta(hours=1)
        assert exposures.unjoined(workspace, since=since) == ["s1"]
        assert exposures.unjoined(workspace, since=since + timedelta(days=1)) == []
    assert joining.join_new(shop.database, "default", now=START + timedelta(hours=3)) == 0


def test_counts_and_workspaces(shop: Shop, skill: str) -> None:
    """Arms are counted in one workspace, and another one has none."""
    shop.offer(skill, 0.1)
    shop.offer(skill, 60.1)
    shop.tell(*TWO)
    with shop.database.read() as workspace:
        assert exposures.counts(workspace) == {Arm.GIVEN: 2, Arm.WITHHELD: 0, Arm.LEAKED: 0}
    with shop.database.read("other") as workspace:
        assert sum(exposures.counts(workspace).values()) == 0
        assert joining.derive(workspace, "s1") == []


def test_the_version_is_the_one_first_offered(shop: Shop, skill: str) -> None:
    """A version that comes in the middle of an episode changes nothing about what was given."""
    shop.offer(skill, 0.1)
    shop.reword(skill, replace(CHECKS, body=BODY + "\n- Run `make clean` before it.\n"), at_s=2)
    load = call(5, "Skill", {"skill": CHECKS.name}, "Launching")
    shop.tell(ask(0, "Run the tests."), load, shell(6, "make clean"), say(10))
    assert shop.seen() == [(1, "prompt", "given", 1)]
    assert [row.followed for row in shop.exposures()] == [False]
