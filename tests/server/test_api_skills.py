"""Skills over the API: reading with ETags, deciding, editing, proposing."""

from __future__ import annotations

import pytest
from server_world import World, skill_md

from hivemind.domain.accounts import Role


def test_a_list_and_a_skill_are_not_sent_twice(world: World) -> None:
    """With the ETag of what a client has, the answer is 304 until something changes."""
    for path in ("/skills", f"/skills/{world.ours.skill_id}"):
        first = world.as_role(Role.READER, "GET", path)
        assert first.status_code == 200
        held = {"If-None-Match": first.headers["etag"]}
        assert world.as_role(Role.READER, "GET", path, headers=held).status_code == 304
    world.as_role(
        Role.REVIEWER, "POST", f"/skills/{world.ours.skill_id}/decisions", json={"action": "retire"}
    )
    assert world.as_role(Role.READER, "GET", path, headers=held).status_code == 200


def test_a_decision_is_about_what_was_read(world: World) -> None:
    """Two reviewers decide at once: the second is told that something changed."""
    path = f"/skills/{world.ours.skill_id}"
    etag = world.as_role(Role.REVIEWER, "GET", path).headers["etag"]
    decide = {"json": {"action": "retire", "reason": "old"}, "headers": {"If-Match": etag}}
    done = world.as_role(Role.REVIEWER, "POST", f"{path}/decisions", **decide)
    assert (done.status_code, done.json()["skill"]["state"]) == (201, "retired")
    again = world.as_role(Role.REVIEWER, "POST", f"{path}/decisions", **decide)
    assert again.status_code == 412
    assert again.headers["content-type"] == "application/problem+json"
    assert again.json()["type"].endswith("#version-conflict")
    undone = world.as_role(Role.REVIEWER, "POST", f"{path}/decisions", json={"action": "undo"})
    assert undone.json()["skill"]["state"] == "active"
    stale = {"action": "retire", "version": 9}
    assert world.as_role(Role.REVIEWER, "POST", f"{path}/decisions", json=stale).status_code == 412
    whole = world.as_role(Role.READER, "GET", path).json()
    assert [d["to_state"] for d in whole["decisions"]] == ["candidate", "active", "retired", "active"]
    assert whole["decisions"][-2]["actor"].startswith("person:reviewer")
    assert "skill.retire" in world.actions()


@pytest.mark.parametrize("role", [Role.READER, Role.WRITER])
def test_only_a_reviewer_decides(world: World, role: Role) -> None:
    """A reader and a writer may not, and nothing changes."""
    path = f"/skills/{world.ours.skill_id}"
    assert world.as_role(role, "POST", f"{path}/decisions", json={"action": "retire"}).status_code == 403
    assert world.as_role(role, "GET", path).json()["state"] == "active"


def test_a_reviewer_edits_and_a_writer_proposes(world: World) -> None:
    """A reviewer's version is used at once; a writer's waits, and of two edits both are kept."""
    path = f"/skills/{world.ours.skill_id}"
    edit = {"skill_md": skill_md("deploy-ours", "Run `make ship`."), "base_version": 1}
    proposed = world.as_role(Role.WRITER, "POST", f"{path}/versions", json=edit)
    assert (proposed.status_code, proposed.json()["skill"]["version"]) == (202, 1)
    first = proposed.json()["proposal"]
    same = world.as_role(Role.WRITER, "POST", f"{path}/proposals", json=edit).json()["proposal"]
    assert same["proposal_id"] == first["proposal_id"]
    edit["skill_md"] = skill_md("deploy-ours", "Run `make send`.")
    used = world.as_role(Role.REVIEWER, "POST", f"{path}/versions", json=edit)
    assert (used.status_code, used.json()["skill"]["version"]) == (201, 4)
    assert world.as_role(Role.REVIEWER, "POST", f"{path}/versions", json=edit).status_code == 412
    answer = f"{path}/proposals/{first['proposal_id']}"
    assert world.as_role(Role.WRITER, "POST", answer, json={"is_accepted": True}).status_code == 403
    late = world.as_role(Role.REVIEWER, "POST", answer, json={"is_accepted": True})
    assert late.status_code == 412
    taken = world.as_role(Role.REVIEWER, "POST", answer, json={"is_accepted": True, "version": 4})
    assert taken.json()["skill"]["version"] == first["version"]
    assert taken.json()["proposal"]["state"] == "accepted"
    twice = world.as_role(Role.REVIEWER, "POST", answer, json={"is_accepted": False})
    assert twice.status_code == 409
    text = world.as_role(Role.READER, "GET", f"{path}/SKILL.md")
    assert "make ship" in text.text
    assert text.headers["content-type"].startswith("text/markdown")
    whole = world.as_role(Role.READER, "GET", path).json()
    assert len(whole["versions"]) == 4
    assert {p["state"] for p in whole["proposals"]} == {"open", "accepted"}


def test_a_version_with_a_secret_is_refused(world: World) -> None:
    """The gates judge what people write, too."""
    path = f"/skills/{world.ours.skill_id}/versions"
    text = skill_md("deploy-ours", "export AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzTnXkVqpL")
    for role in (Role.REVIEWER, Role.WRITER):
        refused = world.as_role(role, "POST", path, json={"skill_md": text, "base_version": 1})
        assert refused.status_code == 422
        assert refused.json()["type"].endswith("#skill-gated")
        assert "wJalr" not in refused.text


def test_a_list_is_read_in_pages(world: World) -> None:
    """Each skill comes once, and the filters hold on every page."""
    from server_world import make_skill

    ids = {make_skill(world.database, "ours", f"page-{n}", says=f"p{n}") for n in range(5)}
    seen: list[str] = []
    after = ""
    while True:
        path = f"/skills?limit=2&q=shop&state=active&after={after}"
        page = world.as_role(Role.READER, "GET", path).json()
        seen += [one["skill_id"] for one in page["items"]]
        after = page["next"]
        if not after:
            break
    assert len(seen) == len(set(seen)) == 6
    assert ids <= set(seen)
    assert world.as_role(Role.READER, "GET", "/skills?state=retired").json()["items"] == []
    for hostile in ("x", "W10", "bnVsbA", "WyIyMDI2IiwgInMiXQ", "WzEsMl0"):
        assert world.as_role(Role.READER, "GET", f"/skills?after={hostile}").status_code == 422


def test_what_the_organisation_has_an_admin_decides(world: World) -> None:
    """Everybody reads it; a reviewer of one team does not decide for all of them."""
    path = f"/skills/{world.ours.org_skill_id}?scope=org"
    assert world.as_role(Role.READER, "GET", path).status_code == 200
    decide = f"/skills/{world.ours.org_skill_id}/decisions?scope=org"
    assert world.as_role(Role.REVIEWER, "POST", decide, json={"action": "retire"}).status_code == 403
    assert world.as_role(Role.ADMIN, "POST", decide, json={"action": "retire"}).status_code == 201


def test_in_their_own_space_a_writer_decides(world: World) -> None:
    """And nobody else sees it, whatever their role."""
    path = f"/skills/{world.ours.own_skill_id}"
    done = world.as_role(Role.WRITER, "POST", f"{path}/decisions?scope=me", json={"action": "retire"})
    assert done.status_code == 201
    assert world.as_role(Role.ADMIN, "GET", f"{path}?scope=me").status_code == 404
    assert world.as_role(Role.ADMIN, "GET", path).status_code == 404


def test_a_prompt_gets_the_few_skills_that_it_is_worth(world: World) -> None:
    """The team's and the organisation's; nothing for a prompt about something else."""
    found = world.as_role(Role.READER, "POST", "/context", json={"prompt": "please deploy the shop"}).json()
    assert {one["scope"] for one in found["skills"]} <= {"team", "org"}
    assert found["skills"][0]["name"] in ("deploy-ours", "org-deploy")
    assert "make deploy" in found["text"]
    nothing = world.as_role(Role.READER, "POST", "/context", json={"prompt": "thanks, go on"}).json()
    assert nothing == {"skills": [], "text": ""}
