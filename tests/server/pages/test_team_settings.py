"""The forms by which admins set what holds for their team: what they change, and who may not."""

from __future__ import annotations

import re

import pytest
from server_world import CANARY, World, make_world
from test_local import fields, send
from test_team import as_role

from hivemind.domain.accounts import Role
from hivemind.library import team_settings
from hivemind.library.team_settings import RedactionRule, TeamSettings
from hivemind.store import audit, jobs
from hivemind.store.database import Database

RULE = {"name": "acme-badge", "regex": r"ACME-(?P<value>\d{4})"}


@pytest.fixture
def world(database: Database) -> World:
    """Give a server with two teams, on each database."""
    return make_world(database)


def held(world: World) -> TeamSettings:
    """Give what is set for ours."""
    with world.database.read("ours") as workspace:
        return team_settings.of(workspace)


def test_an_admin_changes_policies_and_takes_it_back(world: World) -> None:
    """By the same form; each change is in the log with what it was before."""
    with as_role(world, Role.ADMIN) as admin:
        sent = send(admin, "/settings", "/settings/policies", publish_policy="auto", share_policy="")
        assert (sent.status_code, sent.headers["location"]) == (303, "/settings?saved=policies")
        assert held(world).publish_policy == "auto"
        assert "Set by admin" in admin.get("/settings").text
        send(admin, "/settings", "/settings/policies", publish_policy="", share_policy="")
        assert held(world).publish_policy == ""
        wrong = send(admin, "/settings", "/settings/policies", publish_policy="perhaps")
        assert wrong.status_code == 422
        assert "not a policy" in wrong.text
    with world.database.read("ours") as workspace:
        entries = audit.listed(workspace, limit=9, action="settings.change")
    assert [(one.subject, one.detail["from"], one.detail["to"]) for one in entries] == [
        ("publish.policy", "auto", None),
        ("publish.policy", None, "auto"),
    ]


def test_the_queue_goes_by_the_teams_policy(world: World) -> None:
    """A skill on trial waits for a person under review, and not under auto."""
    with as_role(world, Role.ADMIN) as admin:
        path = f"/review/{world.ours.skill_id}"
        world.as_role(
            Role.REVIEWER, "POST", f"/skills/{world.ours.skill_id}/decisions", json={"action": "trial"}
        )
        for policy, waits in (("review", True), ("auto", False)):
            send(admin, "/settings", "/settings/policies", share_policy=policy)
            assert ("nobody approved it" in admin.get(path).text) is waits


def test_what_a_time_deletes_at_once_is_confirmed_first(world: World) -> None:
    """With how many sessions; a longer time that deletes nothing is simply set."""
    with as_role(world, Role.ADMIN) as admin:
        asked = send(admin, "/settings", "/settings/retention", days="3")
        assert asked.status_code == 200
        assert "1 session ended more than 3 days ago" in asked.text
        assert held(world).retention_days == 0
        confirmed = fields(asked.text, "/settings/retention")
        assert confirmed["confirmed"] == "3"
        assert admin.post("/settings/retention", data=confirmed).status_code == 200
        assert held(world).retention_days == 3
        with world.database.read("ours") as workspace:
            assert jobs.PRUNE in {job.kind for job in jobs.listed(workspace)}
        send(admin, "/settings", "/settings/retention", days="36500")
        assert held(world).retention_days == 36_500
        assert send(admin, "/settings", "/settings/retention", days="36501").status_code == 422
        assert send(admin, "/settings", "/settings/retention", days="-1").status_code == 422
        send(admin, "/settings", "/settings/retention", days="0")
    assert held(world).retention_days == 0


def test_a_rule_is_tried_added_and_removed(world: World) -> None:
    """Trying stores nothing; what cannot be a rule comes back with why, and with what was written."""
    text = "badge ACME-1234 <b>\r\nand ghp_16C7e42F292c6912E7710c838347Ae178B4a"
    with as_role(world, Role.ADMIN) as admin:
        form = fields(admin.get("/settings").text, "/settings/redaction/add")
        tried = admin.post("/settings/redaction/try", data=form | RULE | {"text": text})
        assert "2 parts would be taken out" in tried.text
        part = admin.post(
            "/settings/redaction/try", data=form | RULE | {"text": text}, headers={"hx-request": "true"}
        ).text
        assert "<html" not in part
        assert "badge ACME-<del>1234</del><mark>[REDACTED:acme-badge]</mark> &lt;b&gt;" in part
        assert held(world).redaction_rules == ()
        assert send(admin, "/settings", "/settings/redaction/add", **RULE).status_code == 303
        assert held(world).redaction_rules == (RedactionRule(id=RULE["name"], regex=RULE["regex"]),)
        for name, regex in (("acme-badge", "abc"), ("b", "(<x>"), ("b", "aa.*b|aa"), ("B!", "abc")):
            wrong = send(admin, "/settings", "/settings/redaction/add", name=name, regex=regex, text="kept")
            assert wrong.status_code == 422
            assert "redaction rule" in wrong.text
            assert "kept" in wrong.text
            assert "<x>" not in wrong.text
        assert len(held(world).redaction_rules) == 1
        send(admin, "/settings", "/settings/redaction/remove")
        assert held(world).redaction_rules == ()


def test_nobody_else_sets_anything(world: World) -> None:
    """Not a reviewer, not a form without the session's secret, and not on another team's behalf."""
    paths = ["policies", "retention", "redaction/add", "redaction/remove", "redaction/try"]
    sent = {"publish_policy": "auto", "days": "5", "name": "x-1", "regex": "abc", "text": "abc"}
    with as_role(world, Role.REVIEWER) as reviewer:
        html = reviewer.get("/settings").text
        assert "Save the policies" not in html
        assert "Add the rule" not in html
        csrf = re.search(r'name="csrf" value="(\w+)"', html)
        assert csrf is not None
        for path in paths:
            answer = reviewer.post(f"/settings/{path}", data=sent | {"csrf": csrf[1]})
            assert answer.status_code == 403, path
    with as_role(world, Role.ADMIN) as admin:
        for path in paths:
            assert admin.post(f"/settings/{path}", data=sent).status_code == 403, path
    assert held(world).set_by == {}
    assert CANARY + "theirs" not in html
