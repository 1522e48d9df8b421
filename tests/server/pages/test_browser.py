"""The pages in Chromium: their policy refuses nothing, nobody is shut out, hostile text does nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pages_world import WORKSPACE, Local, served
from server_world import make_world

from hivemind.domain.accounts import Role
from hivemind.server.access import joining
from hivemind.store import skills
from hivemind.store.database import open_database

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

AXE = Path(__file__).with_name("axe-4.14.1.min.js")
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 375, "height": 800}
LOOKS = [("light", DESKTOP), ("dark", DESKTOP), ("light", PHONE), ("dark", PHONE)]
#: Rules of WCAG 2.2 A and AA, and of good practice; what is found is told with its element.
_RUN_AXE = """async () => (await axe.run()).violations
    .filter((each) => ["serious", "critical"].includes(each.impact))
    .map((each) => each.id + ": " + each.nodes.map((node) => node.html.slice(0, 160)).join(" | "))"""


@dataclass
class Seen:
    """Hold a tab that is let in, and what it complained about."""

    tab: Any
    base: str
    pages: Local
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> Any:
        """Open a page."""
        return self.tab.goto(self.base + path)

    def skill(self, name: str) -> skills.Skill:
        """Give a skill as it is now."""
        with self.pages.database.read(WORKSPACE) as workspace:
            return skills.find(workspace, name)

    @property
    def paths(self) -> list[str]:
        """Name a page of each kind."""
        decided, on_trial = self.skill("test-with-make").skill_id, self.skill("migrate-first").skill_id
        hostile = self.skill("hostile").skill_id
        with self.pages.database.read(WORKSPACE) as workspace:
            learnt = next(s.skill_id for s in skills.listed(workspace) if s.project_id != "p1")
        found = ["/", "/review", f"/review/{on_trial}", f"/review/{decided}", f"/review/{learnt}"]
        found += [f"/review/{on_trial}/edit", "/skills", f"/skills/{decided}", f"/review/{hostile}"]
        found += [f"/skills/{hostile}", "/sessions", "/sessions/hostile", "/settings"]
        return [*found, "/models?old=claude-opus-5-5&new=gpt-6-codex"]


def _opened(chromium: Any, pages: Local, **options: Any) -> Iterator[Seen]:
    with served(pages.app) as base:
        context = chromium.new_context(**options)
        tab = context.new_page()
        tab.set_default_timeout(60_000)
        seen = Seen(tab, base, pages)
        tab.on(
            "console", lambda m: seen.complaints.append(f"{tab.url}: {m.text}") if m.type != "log" else None
        )
        tab.on("pageerror", lambda error: seen.complaints.append(f"{tab.url}: {error}"))
        tab.on("dialog", lambda dialog: (seen.complaints.append(dialog.message), dialog.dismiss()))
        seen.open(f"/open?token={pages.access.new_link()}")
        yield seen
        context.close()


@pytest.fixture
def seen(chromium: Any, pages: Local) -> Iterator[Seen]:
    """Open the pages with their policy in force."""
    yield from _opened(chromium, pages, viewport=DESKTOP)


@pytest.fixture
def inspected(chromium: Any, pages: Local) -> Iterator[Seen]:
    """Open the pages for a script that their policy would keep out."""
    yield from _opened(chromium, pages, viewport=DESKTOP, bypass_csp=True)


def test_every_page_loads_without_a_complaint(seen: Seen) -> None:
    """No error and nothing that the policy refused is on the console, and nothing is wider than a phone."""
    for path in seen.paths:
        for viewport in (DESKTOP, PHONE):
            seen.tab.set_viewport_size(viewport)
            answer = seen.open(path)
            assert answer.status == 200, path
            wide = seen.tab.evaluate("document.documentElement.scrollWidth")
            assert wide <= viewport["width"], f"{path} is {wide} wide"
    assert seen.complaints == []


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("scheme", "viewport"), LOOKS)
def test_no_page_shuts_anybody_out(inspected: Seen, scheme: str, viewport: dict[str, int]) -> None:
    """axe finds nothing serious in any page, light and dark, on a desktop and on a phone."""
    inspected.tab.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    inspected.tab.set_viewport_size(viewport)
    found = {}
    for path in inspected.paths:
        inspected.open(path)
        inspected.tab.add_script_tag(path=str(AXE))
        if violations := inspected.tab.evaluate(_RUN_AXE):
            found[path] = violations
    assert found == {}


def test_the_review_by_keyboard(seen: Seen) -> None:
    """From the queue to a decision and back with single keys; a field that is typed in takes them as text."""
    tab = seen.tab
    seen.open("/review")
    tab.keyboard.press("j")
    tab.keyboard.press("j")
    tab.keyboard.press("k")
    assert tab.locator(".marked").count() == 1
    seen.open(f"/review/{seen.skill('seed-the-shop').skill_id}")
    with tab.expect_navigation():
        tab.keyboard.press("a")
    assert seen.skill("seed-the-shop").state.value == "active"
    with tab.expect_navigation():
        tab.keyboard.press("u")
    assert seen.skill("seed-the-shop").state.value == "candidate"
    tab.keyboard.press("r")
    tab.keyboard.type("a reason")
    assert seen.skill("seed-the-shop").state.value == "candidate"
    with tab.expect_navigation():
        tab.keyboard.press("Enter")
    assert seen.skill("seed-the-shop").state.value == "rejected"
    with seen.pages.database.read(WORKSPACE) as workspace:
        last = skills.decisions(workspace, seen.skill("seed-the-shop").skill_id)[-1]
    assert last.reason == "a reason"
    tab.keyboard.press("?")
    assert tab.locator("dialog#help").is_visible()
    tab.keyboard.press("Escape")
    tab.keyboard.press("Tab")
    assert seen.complaints == []


def test_an_edit_is_judged_while_it_is_typed(seen: Seen) -> None:
    """A finding appears as soon as the text has one; what is mended is saved as the next version."""
    skill, tab = seen.skill("seed-the-shop"), seen.tab
    seen.open(f"/review/{skill.skill_id}")
    with tab.expect_navigation():
        tab.keyboard.press("e")
    field = tab.locator("#text")
    good = field.input_value()
    field.fill(good.replace("name: seed-the-shop", "name: Not A Name"))
    tab.locator("#findings .blocking").first.wait_for()
    tab.get_by_role("button", name="Save as the next version").click()
    tab.get_by_role("alert").wait_for()
    assert seen.skill("seed-the-shop").version == 1
    tab.locator("#text").fill(good + "\n- It takes a minute.\n")
    with tab.expect_navigation():
        tab.get_by_role("button", name="Save as the next version").click()
    assert seen.skill("seed-the-shop").version == 2
    assert [c for c in seen.complaints if "422" not in c] == []


def test_similar_skills_are_found_without_leaving_the_page(seen: Seen) -> None:
    """The answer takes the place of the button."""
    seen.open(f"/review/{seen.skill('seed-the-shop').skill_id}")
    seen.tab.get_by_role("button", name="Find skills that say the same").click()
    seen.tab.get_by_role("button", name="Merge into this one").first.wait_for()
    assert seen.complaints == []


def test_hostile_text_is_shown_and_does_nothing(seen: Seen) -> None:
    """No script of it runs, nothing of it is an element, and what would hide is marked."""
    hostile = seen.skill("hostile").skill_id
    for path in ("/sessions/hostile", f"/review/{hostile}", f"/skills/{hostile}", "/review", "/sessions"):
        seen.open(path)
        assert "owned" not in seen.tab.title()
        assert seen.tab.locator("main img, main script, main iframe").count() == 0
        assert seen.tab.locator("a[href^='javascript']").count() == 0
        text = seen.tab.locator("main").inner_text()
        assert "\u202e" not in text
        assert "\x1b" not in text
        assert "⟨U+202E⟩" in text
    seen.open("/sessions/hostile")
    assert "characters left out" in seen.tab.locator("main").text_content()
    assert seen.complaints == []


def test_the_theme_is_kept(seen: Seen) -> None:
    """The button changes it, and the next page has it."""
    seen.tab.emulate_media(color_scheme="light")
    seen.open("/")
    before = seen.tab.evaluate("getComputedStyle(document.body).backgroundColor")
    seen.tab.get_by_role("button", name="Switch between light and dark").click()
    seen.open("/skills")
    assert seen.tab.evaluate("getComputedStyle(document.body).backgroundColor") != before


def _logged_in(tab: Any, base: str, token: str) -> None:
    tab.goto(f"{base}/login?next=/settings")
    tab.get_by_label("A token, or the link of your invitation").fill(token)
    with tab.expect_navigation():
        tab.get_by_role("button", name="Log in").click()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_settings_of_a_team(chromium: Any, tmp_path: Path) -> None:
    """A rule is tried while it is typed, refused or added; a time is confirmed; all of it in every look."""
    database = open_database(tmp_path / "team.db")
    world = make_world(database)
    complaints: list[str] = []
    found: dict[str, Any] = {}
    with served(world.app) as base:
        context = chromium.new_context(bypass_csp=True, viewport=DESKTOP)
        tab = context.new_page()
        tab.on("console", lambda m: complaints.append(m.text) if m.type != "log" else None)
        _logged_in(tab, base, world.ours.tokens[Role.ADMIN])
        tab.get_by_label("Skills of one project").select_option("auto")
        with tab.expect_navigation():
            tab.get_by_role("button", name="Save the policies").click()
        assert tab.locator("#policies").get_by_role("status").inner_text() == "Saved."
        rule = tab.locator("#redaction form.rule")
        rule.get_by_label("Name").fill("acme-badge")
        tab.locator("#try-text").fill("badge ACME-1234 <img src=x>")
        tab.locator("#tried p").wait_for()
        rule.get_by_label("Regular expression").fill("aa.*b|aa")
        tab.locator("#tried").get_by_role("alert").wait_for()
        rule.get_by_label("Regular expression").fill("ACME-\\d{4}")
        tab.locator("#tried del").wait_for()
        assert tab.locator("#tried del").inner_text() == "ACME-1234"
        assert tab.locator("#tried img").count() == 0
        _inspect(tab, "/settings tried", found)
        with tab.expect_navigation():
            rule.get_by_role("button", name="Add the rule").click()
        assert tab.locator("#redaction table").inner_text().count("acme-badge") >= 1
        tab.get_by_label("Days that sessions are kept").fill("3")
        with tab.expect_navigation():
            tab.get_by_role("button", name="Save the time").click()
        _inspect(tab, "/settings asks", found)
        with tab.expect_navigation():
            tab.get_by_role("button", name="Keep 3 days, delete the rest").click()
        assert "3 days after they ended" in tab.locator("#retention").inner_text()
        _look(tab, base, ["/settings"], found)
        context.close()
    database.close()
    assert found == {}
    assert complaints == []


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_pages_of_a_team(chromium: Any, tmp_path: Path) -> None:
    """Login, invitation, a machine's login and settings: usable by all, in every look, no complaint."""
    database = open_database(tmp_path / "team.db")
    world = make_world(database)
    with database.write("ours") as workspace:
        _, link = joining.invite(workspace, role=Role.WRITER, invited_by="", name="Bea")
    code = joining.start_device(database, label="laptop", address="192.0.2.7").user_code
    complaints: list[str] = []
    found: dict[str, Any] = {}
    with served(world.app) as base:
        context = chromium.new_context(bypass_csp=True)
        tab = context.new_page()
        tab.on("console", lambda m: complaints.append(m.text) if m.type != "log" else None)
        _look(tab, base, [f"/invite/{link}", "/login?next=/settings"], found)
        tab.get_by_label("A token, or the link of your invitation").fill(world.ours.tokens[Role.ADMIN])
        with tab.expect_navigation():
            tab.get_by_role("button", name="Log in").click()
        assert tab.url == f"{base}/settings"
        paths = ["/settings", f"/login/device?code={code}", "/login/device", "/review?scope=org"]
        _look(tab, base, [*paths, f"/skills/{world.ours.skill_id}", f"/review/{world.ours.skill_id}"], found)
        tab.goto(f"{base}/login/device?code={code}")
        tab.get_by_role("button", name="Let it in").click()
        tab.get_by_role("status").wait_for()
        context.close()
    database.close()
    assert found == {}
    assert complaints == []


def _look(tab: Any, base: str, paths: list[str], found: dict[str, Any]) -> None:
    for path in paths:
        tab.goto(base + path)
        _inspect(tab, path, found)


def _inspect(tab: Any, name: str, found: dict[str, Any]) -> None:
    """Look at the page that is open in every way; what is wrong with it is added to what was found."""
    for scheme, viewport in LOOKS:
        tab.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        tab.set_viewport_size(viewport)
        if tab.evaluate("document.documentElement.scrollWidth") > viewport["width"]:
            found[f"{name} {viewport['width']}"] = "too wide"
        tab.add_script_tag(path=str(AXE))
        if violations := tab.evaluate(_RUN_AXE):
            found[f"{name} {scheme}"] = violations
