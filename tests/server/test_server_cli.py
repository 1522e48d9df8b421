"""`hivemind server`: what its operator does, straight on the database."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from databases import OVER_HTTP, Maker
from hivemind.cli.root import hivemind
from hivemind.domain.accounts import Role
from hivemind.errors import HivemindError
from hivemind.server import serving
from hivemind.server.access import joining
from hivemind.server.access.team import PAGE_KINDS, viewer_of
from hivemind.store import audit, machines


def run(url: str, *words: str) -> str:
    """Run a verb; give what it prints."""
    done = CliRunner().invoke(hivemind, ["server", *words], env={"HIVEMIND_DATABASE_URL": url})
    if done.exception is not None:
        raise done.exception
    return done.stdout


@pytest.mark.parametrize("databases", ["postgresql", OVER_HTTP], indirect=True)
def test_an_operator_lets_in_sees_and_keeps_out(databases: Maker) -> None:
    """On a server by the URL of the environment; everything is in the log of the workspace."""
    url = databases.place()
    database = databases.open(url)
    with pytest.raises(HivemindError) as error:
        run(url, "members")
    assert error.value.slug == "workspace-unknown"
    first = serving.found(database, workspace_id="team", organisation="acme")
    assert serving.found(database, workspace_id="other", organisation="acme") == ""
    ada = joining.accept_invitation(database, first, name="Ada")
    link = run(url, "invite", "--role", "writer", "--base-url", "https://hivemind.example.com").strip()
    assert link.startswith("https://hivemind.example.com/invite/hm.team.")
    bo = joining.accept_invitation(database, link.rpartition("/")[2], name="Bo")
    assert bo.member.role is Role.WRITER
    again = run(url, "invite", "--person", ada.member.person_id).strip().rpartition("/")[2]
    back = joining.accept_invitation(database, again, name="")
    assert (back.member.person_id, back.member.role) == (ada.member.person_id, Role.ADMIN)
    listed = {one["name"]: one["role"] for one in json.loads(run(url, "members", "--json"))}
    assert listed == {"Ada": "admin", "Bo": "writer"}
    held = json.loads(run(url, "tokens", "--json"))
    # A browser session is as good as its person, and listed as no more.
    assert {(one["person"], one["role"]) for one in held} == {("Ada", "admin"), ("Bo", "writer")}
    mine = next(one["id"] for one in held if one["person"] == "Bo")
    run(url, "revoke", mine)
    assert viewer_of(database, bo.text, kinds=PAGE_KINDS) is None
    run(url, "remove", bo.member.person_id)
    assert "Bo" not in run(url, "members")
    keys = {run(url, "rotate-key") for _ in range(2)}
    with database.read("team") as workspace:
        held_key = machines.key(workspace)
        actions = [entry.action for entry in audit.listed(workspace, limit=50)]
    assert held_key is not None
    assert len(keys) == 2
    assert any(held_key.public in said.replace("\n", "") for said in keys)
    assert {"member.invite", "token.revoke", "member.remove", "key.rotate"} <= set(actions)
