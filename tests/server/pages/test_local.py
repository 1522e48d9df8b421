"""The pages over HTTP: who is let in, which forms count, and that a decision is about what was shown."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from typing import Any

import pytest
from pages_world import COOKIE, WORKSPACE, Local
from starlette.testclient import TestClient

from hivemind.server.app import create_app
from hivemind.server.pages.figures import Source, kept_of
from hivemind.store import skills
from hivemind.store.database import Database


def skill_named(database: Database, name: str) -> skills.Skill:
    """Give a skill."""
    with database.read(WORKSPACE) as workspace:
        return skills.find(workspace, name)


def fields(html: str, action: str) -> dict[str, str]:
    """Give the hidden fields of the form that goes to a place."""
    form = re.search(rf'<form[^>]*action="[^"]*{re.escape(action)}[^"]*"[^>]*>(.*?)</form>', html, re.S)
    assert form is not None, action
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form[1]))


def send(client: TestClient, page: str, action: str, **more: str) -> Any:
    """Open a page and send the form in it that goes to a place."""
    html = client.get(page).text
    path = re.search(rf'action="([^"]*{re.escape(action)}[^"]*)"', html)
    assert path is not None, action
    return client.post(path[1], data=fields(html, action) | more, follow_redirects=False)


def test_the_printed_address_works_once(pages: Local) -> None:
    """It gives a cookie that scripts do not see, and is dead from then on; nothing is shown without it."""
    link = f"/open?token={pages.access.new_link()}"
    with TestClient(pages.app, base_url="http://127.0.0.1") as stranger:
        assert stranger.get("/").status_code == 401
        assert stranger.get("/open?token=wrong").status_code == 400
        opened = stranger.get(link, follow_redirects=False)
        cookie = opened.headers["set-cookie"]
        assert cookie.startswith(f"{COOKIE}=")
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert stranger.get("/").status_code == 200
    with TestClient(pages.app, base_url="http://127.0.0.1") as late:
        assert "was opened already" in late.get(link).text
        assert late.get("/review").status_code == 401


@pytest.mark.parametrize(
    "path", ["/", "/review", "/skills", "/sessions", "/models", "/settings", "/sessions/hostile"]
)
def test_every_page_is_shown_with_the_policy(client: TestClient, path: str) -> None:
    """No script or style stands in a page, no handler and no style attribute; none is kept by caches."""
    answer = client.get(path)
    assert answer.status_code == 200
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert not re.search(r"<style|<script(?! src=\"/static/)|\sstyle=|\son\w+=\"", answer.text)


def test_a_form_of_another_site_is_refused(client: TestClient, pages: Local) -> None:
    """Without the session's own secret, or from another origin, nothing is decided."""
    skill = skill_named(pages.database, "seed-the-shop")
    page, action = f"/review/{skill.skill_id}", f"{skill.skill_id}/approve"
    good = fields(client.get(page).text, action)
    path = f"/review/{skill.skill_id}/approve"
    for headers, data in (
        ({}, good | {"csrf": ""}),
        ({}, good | {"csrf": "0" * 64}),
        ({"origin": "http://evil.example"}, good),
        ({"origin": "null"}, good),
        ({"sec-fetch-site": "cross-site"}, good),
        ({"sec-fetch-site": "same-site"}, good),
    ):
        assert client.post(path, data=data, headers=headers).status_code == 403
    assert skill_named(pages.database, "seed-the-shop").state.value == "candidate"
    own = {"origin": "http://127.0.0.1", "sec-fetch-site": "same-origin"}
    assert client.post(path, data=good, headers=own, follow_redirects=False).status_code == 303


def test_a_decision_is_taken_and_taken_back(client: TestClient, pages: Local) -> None:
    """Approving leads to the next case, says what happened, and offers to undo it."""
    skill = skill_named(pages.database, "seed-the-shop")
    answer = send(client, f"/review/{skill.skill_id}", f"{skill.skill_id}/approve")
    assert skill_named(pages.database, "seed-the-shop").state.value == "active"
    assert pages.followed == [WORKSPACE]
    after = client.get(answer.headers["location"]).text
    assert "is active now" in after
    undo = f"{skill.skill_id}/undo"
    assert client.post(f"/review/{undo}", data=fields(after, undo), follow_redirects=False).status_code == 303
    assert skill_named(pages.database, "seed-the-shop").state.value == "candidate"
    again = client.post(f"/review/{undo}", data=fields(after, undo))
    assert again.status_code == 409


def test_the_reason_of_a_rejection_is_kept(client: TestClient, pages: Local) -> None:
    """It stands in the ledger under the name of who decided."""
    skill = skill_named(pages.database, "seed-the-shop")
    send(client, f"/review/{skill.skill_id}", f"{skill.skill_id}/reject", reason="we use fixtures")
    with pages.database.read(WORKSPACE) as workspace:
        last = skills.decisions(workspace, skill.skill_id)[-1]
    assert (last.actor, last.to_state.value, last.reason) == ("person:ana", "rejected", "we use fixtures")


def test_nobody_approves_what_they_did_not_see(client: TestClient, pages: Local) -> None:
    """Where the skill got another version meanwhile, the page says so and decides nothing."""
    skill = skill_named(pages.database, "seed-the-shop")
    page, action = f"/review/{skill.skill_id}", f"{skill.skill_id}/approve"
    shown = fields(client.get(page).text, action)
    text = client.get(f"/skills/{skill.skill_id}/SKILL.md").text
    edited = send(client, f"{page}/edit", f"{skill.skill_id}/edit", text=text + "\nMore of it.\n")
    assert edited.status_code == 303
    answer = client.post(f"/review/{action}", data=shown)
    assert answer.status_code == 409
    assert "changed since you looked" in answer.text
    assert skill_named(pages.database, "seed-the-shop").state.value == "candidate"


def test_gates_judge_an_edit(client: TestClient, pages: Local) -> None:
    """What a gate stops is not saved, and the text comes back as it was written."""
    skill = skill_named(pages.database, "seed-the-shop")
    page, text = f"/review/{skill.skill_id}/edit", "no frontmatter </textarea><b>\u202e"
    form = fields(client.get(page).text, f"{skill.skill_id}/edit")
    checked = client.post(f"/review/{skill.skill_id}/check", data=form | {"text": text})
    assert "Not a SKILL.md" in checked.text
    refused = client.post(page, data=form | {"text": text})
    assert refused.status_code == 422
    assert "no frontmatter &lt;/textarea&gt;&lt;b&gt;\u202e</textarea>" in refused.text
    assert skill_named(pages.database, "seed-the-shop").version == 1


def test_a_proposal_is_accepted_once(client: TestClient, pages: Local) -> None:
    """The proposed version becomes the current one; the form that was open elsewhere does nothing more."""
    skill = skill_named(pages.database, "test-with-make")
    html = client.get(f"/review/{skill.skill_id}").text
    assert "Then run `make lint`." in html
    form = fields(html, "/proposals/q1/accept")
    assert client.post("/proposals/q1/accept", data=form, follow_redirects=False).status_code == 303
    assert skill_named(pages.database, "test-with-make").version == 2
    assert client.post("/proposals/q1/decline", data=form).status_code == 409


def test_two_skills_become_one(client: TestClient, pages: Local) -> None:
    """One is put away in favour of the other, which has its evidence."""
    gone, kept = (skill_named(pages.database, name) for name in ("seed-the-shop", "migrate-first"))
    html = client.get(f"/review/{gone.skill_id}/similar").text
    form = fields(html, f"{gone.skill_id}/merge") | {"into": kept.skill_id, "into_version": str(kept.version)}
    answer = client.post(f"/review/{gone.skill_id}/merge", data=form, follow_redirects=False)
    assert answer.status_code == 303
    assert skill_named(pages.database, gone.skill_id).state.value == "rejected"
    itself = form | {"into": gone.skill_id, "into_version": str(gone.version)}
    assert client.post(f"/review/{gone.skill_id}/merge", data=itself).status_code == 400


def test_every_session_is_on_one_page_of_the_list(client: TestClient) -> None:
    """Following the cursor gives each session once, and old data is shown without asking for it."""
    seen: list[str] = []
    path = "/sessions"
    while path:
        html = client.get(path).text
        seen += re.findall(r'class="main"><a href="/sessions/([^"]+)"', html)
        following = re.search(r'<a class="button plain" href="([^"]+)">Next</a>', html)
        path = following[1].replace("&amp;", "&") if following else ""
    assert len(seen) == len(set(seen)) > 100
    assert client.get("/sessions?before=nonsense").status_code == 422
    assert "No session is like that" in client.get("/sessions?q=nothing+like+this").text


def test_settings_are_set_as_on_the_command_line(client: TestClient, pages: Local) -> None:
    """One at a time; a key that is none is refused."""
    sent = fields(client.get("/settings").text, "/settings/change")
    done = client.post(
        "/settings/change", data=sent | {"key": "publish.policy", "value": "review"}, follow_redirects=False
    )
    assert done.status_code == 303
    assert pages.settings == {"publish.policy": "review"}
    assert client.post("/settings/change", data=sent | {"key": "no.such", "value": "1"}).status_code == 400


def test_what_is_not_there_is_said(client: TestClient) -> None:
    """A page that names something unknown is a page, with the status for it."""
    for path in ("/skills/nope", "/review/nope", "/sessions/nope", "/skills/nope/SKILL.md"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert answer.headers["content-type"].startswith("text/html")
    for path in ("/login", "/invite/x", "/login/device"):
        assert client.get(path).status_code == 404


def test_closing_ends_the_session(client: TestClient) -> None:
    """The cookie that was held elsewhere lets nobody in either."""
    send(client, "/", "/logout")
    assert client.get("/").status_code == 401


def test_the_first_page_finds_its_figures_counted(pages: Local) -> None:
    """They are counted beside the requests from the start on, and the end of the server ends it."""
    site = replace(pages.app.state.site, counts_ahead=True)
    app = create_app(site)
    with TestClient(app, base_url="http://127.0.0.1") as browser:
        for thread in threading.enumerate():
            if thread.name == "warming":
                thread.join(60)
        source = Source(site=site, space=WORKSPACE, kept=kept_of(app))
        kept = {what for what, space in source.kept._held if space == WORKSPACE}
        assert kept == {"queue", "glance", "uplift", "models", "choices"}
        browser.get(f"/open?token={pages.access.new_link()}")
        assert browser.get("/").status_code == 200
    assert "warming" not in {thread.name for thread in threading.enumerate()}
