"""What a server withholds from agents without Hivemind on their machine, and which skills they see."""

from __future__ import annotations

import time
from typing import Any

import pytest
import sqlalchemy as sa
from server_world import World, make_skill

from hivemind.config import Settings
from hivemind.domain.accounts import Role, Scope
from hivemind.domain.holdout import is_withheld
from hivemind.errors import HivemindError
from hivemind.retrieval import shared_withholding, withholding
from hivemind.server.access.team import viewer_of
from hivemind.server.access.viewer import Viewer
from hivemind.server.caller import Caller
from hivemind.server.mcp import Library
from hivemind.server.tool_places import OnServer
from hivemind.store import schema
from hivemind.worker.shared import SharedWorker

PROMPT = "please deploy the shop of ours"


def withhold(world: World, skill_id: str, share: float) -> None:
    """Withhold a skill from a share of sessions, in place of what its state says."""
    t = schema.holdouts
    with world.database.write("ours") as workspace:
        workspace.execute(t.delete().where(t.c.workspace_id == "ours"))
        row = {"workspace_id": "ours", "skill_id": skill_id, "request_model": "", "share": share}
        workspace.execute(t.insert().values(**row, reason="active"))


def offered(world: World) -> list[tuple[str, str, str, float]]:
    """Give session, channel, arm and share of the offers of our team's skill."""
    t = schema.offers
    with world.database.read("ours") as workspace:
        rows = workspace.execute(
            sa.select(t).where(t.c.skill_id == world.ours.skill_id).order_by(t.c.at, t.c.session_id)
        )
        return [(row.session_id, row.channel, row.arm, row.share) for row in rows]


def asked(world: World, role: Role, **more: Any) -> list[str]:
    """Ask for the skills that a prompt is worth."""
    answer = world.as_role(role, "POST", "/context", json={"prompt": PROMPT, **more})
    assert answer.status_code == 200, answer.text
    return [one["skill_id"] for one in answer.json()["skills"]]


def test_a_prompt_of_a_session_goes_without_what_is_withheld_from_it(world: World) -> None:
    """As drawn for each session, and the same each time; both sides are recorded with the share."""
    withhold(world, world.ours.skill_id, 0.5)
    for number in range(12):
        session = f"sdk.{number}"
        drawn = is_withheld(session, world.ours.skill_id, 0.5)
        for _ in range(2):
            found = asked(world, Role.WRITER, session=session, agent="sdk", scopes=["team"])
            assert (world.ours.skill_id not in found) is drawn
    arms = {session: (arm, share) for session, _, arm, share in offered(world)}
    assert {share for _, share in arms.values()} == {0.5}
    assert {arm for arm, _ in arms.values()} == {"given", "withheld"}
    assert len(offered(world)) == 24


def test_nothing_is_withheld_where_nobody_would_learn(world: World) -> None:
    """Without a session, from a reader, who sends none, and from another's session: all is given."""
    withhold(world, world.ours.skill_id, 1.0)
    assert world.ours.skill_id in asked(world, Role.WRITER)
    assert world.ours.skill_id in asked(world, Role.READER, session="sdk.1")
    assert world.ours.skill_id in asked(world, Role.REVIEWER, session=world.ours.session_id)
    assert offered(world) == []
    assert world.ours.skill_id not in asked(world, Role.WRITER, session=world.ours.session_id)
    assert [row[2:] for row in offered(world)] == [("withheld", 1.0)]


def test_what_the_organisation_shares_is_given_to_every_session(world: World) -> None:
    """Its figures are elsewhere; no offer of it is recorded here."""
    withhold(world, world.ours.org_skill_id, 1.0)
    found = asked(world, Role.WRITER, session="sdk.1", scopes=["org"])
    assert found == [world.ours.org_skill_id]
    with world.database.read("ours") as workspace:
        assert workspace.execute(sa.select(sa.func.count()).select_from(schema.offers)).scalar() == 0


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_an_offer_becomes_an_exposure_with_the_session_that_is_sent(world: World, share: float) -> None:
    """A session that is recorded afterwards counts on the side that was drawn."""
    withhold(world, world.ours.skill_id, share)
    asked(world, Role.WRITER, session="sdk.bot", agent="sdk", scopes=["team"])
    told = (("prompt", {"text": PROMPT}), ("assistant", {"text": "done"}), ("outcome", {"label": "success"}))
    lines = [
        {"session": "sdk.bot", "id": str(n), "kind": kind, "at": time.time(), "said": said}
        for n, (kind, said) in enumerate(told)
    ]
    assert world.as_role(Role.WRITER, "POST", "/recorded", json={"lines": lines}).status_code == 200
    worker = SharedWorker(database=world.database, settings=Settings())
    worker.step()
    t = schema.exposures
    with world.database.read("ours") as workspace:
        rows = workspace.execute(
            sa.select(t.c.arm, t.c.share, t.c.channel).where(t.c.session_id == "sdk.bot")
        )
        assert [tuple(row) for row in rows] == [("withheld" if share else "given", share, "prompt")]


def test_the_draw_is_the_same_on_every_database(world: World) -> None:
    """By the rules of the hook, which reads SQLite without this package's libraries."""
    withhold(world, world.ours.skill_id, 0.4)
    with world.database.read("ours") as workspace:
        for number in range(40):
            session = f"s{number}"
            arm, share = shared_withholding.assign(
                workspace, session_id=session, agent="sdk", skill_ids=[world.ours.skill_id]
            )[world.ours.skill_id]
            assert (arm == "withheld", share) == (is_withheld(session, world.ours.skill_id, 0.4), 0.4)
            if workspace.connection.dialect.name == "sqlite":
                driver: Any = workspace.connection.connection.driver_connection
                by_hook = withholding.assign(
                    driver,
                    workspace_id="ours",
                    session_id=session,
                    agent="sdk",
                    skill_ids=[world.ours.skill_id],
                )
                assert by_hook[world.ours.skill_id] == (arm, share)


def viewer(world: World, role: Role) -> Viewer:
    """Give a member of our team."""
    found = viewer_of(world.database, world.ours.tokens[role])
    assert found is not None
    return found


def library(world: World, role: Role = Role.WRITER) -> Library:
    """Give what a member's tools answer from."""
    return Library(place=OnServer(database=world.database, viewer=viewer(world, role)))


def test_tools_find_what_the_organisation_shares(world: World) -> None:
    """Beside the team's own, which come first of two with one name; nobody's own space but the caller's."""
    twin = make_skill(world.database, "org.acme", "deploy-ours", says="by the organisation")
    tools = library(world)
    names = [one.name for one in tools.skills_search("deploy the shop", 10).skills]
    assert sorted(set(names)) == ["deploy-ours", "my-deploy", "org-deploy"]
    assert "by the organisation" not in tools.skills_load("deploy-ours")
    assert "own org" not in tools.skills_load("org-deploy")
    assert "canary-of-ours org" in tools.skills_load("org-deploy")
    others = [one.name for one in library(world, Role.READER).skills_search("deploy the shop", 10).skills]
    assert "my-deploy" not in others
    with pytest.raises(HivemindError, match="is not a skill here"):
        library(world, Role.READER).skills_load("my-deploy")
    assert twin


def test_tools_see_only_what_the_token_is_good_for(world: World) -> None:
    """A token for the team alone finds nothing of the organisation."""
    narrow = viewer(world, Role.WRITER)
    narrow = Viewer(**{name: getattr(narrow, name) for name in Viewer.__slots__} | {"scopes": (Scope.TEAM,)})
    tools = Library(place=OnServer(database=world.database, viewer=narrow))
    assert [one.name for one in tools.skills_search("deploy the shop", 10).skills] == ["deploy-ours"]


def test_tools_withhold_from_a_session_that_is_known(world: World) -> None:
    """The search leaves it out, loading says why, and that is recorded; another call gives it."""
    withhold(world, world.ours.skill_id, 1.0)
    tools, caller = library(world), Caller(agent="codex", session_id="codex-1")
    names = [one.name for one in tools.skills_search("deploy the shop", 10, caller=caller).skills]
    assert "deploy-ours" not in names
    assert "is withheld from this session on purpose" in tools.skills_load("deploy-ours", caller=caller)
    assert offered(world) == [("codex-1", "mcp", "withheld", 1.0)]
    assert "make deploy" in tools.skills_load("deploy-ours")
    off = OnServer(database=world.database, viewer=viewer(world, Role.WRITER), withholds=False)
    assert "make deploy" in Library(place=off).skills_load("deploy-ours", caller=caller)
