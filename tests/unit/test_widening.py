"""From one project to every project: two repositories that agree make a candidate, and a person decides."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from claude_records import store
from hypothesis import given
from hypothesis import strategies as st
from stories import Moment, ask, edited, failed, ran, transcript

from hivemind.distill import pipeline, portable, portable_rules, widening
from hivemind.distill.report import Change
from hivemind.domain.skills import SkillState
from hivemind.library import lifecycle
from hivemind.library.document import render
from hivemind.store import lessons, schema, skills
from hivemind.store.across import Known
from hivemind.store.database import Database, open_database

RULES = "rules-in-every-project"
#: A person corrects the choice of a tool, which is then followed: one such session is enough.
PNPM = (
    ask("Add a page."),
    ran("npm install"),
    ask("No, use pnpm here, not npm."),
    ran("pnpm install", "done"),
)
PNPM_TOO = (ask("Mend the form."), ran("npm ci"), ask("Don't use npm, use pnpm"), ran("pnpm install", "done"))
NPM = (ask("Add a page."), ran("pnpm install"), ask("No, use npm, not pnpm."), ran("npm install", "done"))
PUSH = (ask("Ship it."), ran("git push origin main"), ask("Never push to main."), ran("git status"))
MERGED = (
    ask("Which were merged?"),
    failed("gh pr list --merged", "unknown flag: --merged"),
    ran("gh pr list --state merged", "12"),
)
PYTHON = (
    ask("Run the tests."),
    failed("python -m pytest {0}", "bash: python: command not found", code=127),
    ran("python3 -m pytest {0}", "12 passed"),
)


class World:
    """Hold repositories on disk, and tell what happened in them."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder = folder
        self.database = database
        self.day = 0
        self.told: list[str] = []  #: the sessions, in the order of telling

    def repository(self, name: str, *, remote: str = "") -> Path:
        """Make a checkout; `remote` is `owner/name`."""
        root = self.folder / "work" / name
        (root / ".git").mkdir(parents=True)
        url = f'[remote "origin"]\n\turl = https://github.com/{remote}.git\n' if remote else ""
        (root / ".git" / "config").write_text(f"[core]\n{url}")
        return root

    def tell(self, root: Path, *moments: Moment, times: int = 1, day: int = 0) -> None:
        """Store sessions of a checkout."""
        for _ in range(times):
            self.day += 1
            told = transcript(
                self.folder / "told",
                *moments,
                session=f"{root}{day or self.day}",
                day=day or self.day,
                cwd=str(root),
            )
            store(self.database, told, final=True)
            self.told.append(told.stem)

    def touch(self, root: Path, *paths: str) -> None:
        """Store a session that changes files of a checkout."""
        self.tell(root, ask("Change them."), *(edited(path, root=str(root)) for path in paths))

    def distill(self, *, policy: str = "auto") -> list[Change]:
        """Bring all skills up to date."""
        return pipeline.distill(self.database, "default", author="dev", policy=policy).changes

    def widen(self, *, policy: str = "auto") -> list[Change]:
        """Bring all skills up to date; give what was done about those of every project."""
        return [c for c in self.distill(policy=policy) if "-in-every-project" in c.name]

    def wide(self) -> dict[str, tuple[str, str]]:
        """Give the state and text of each skill of every project."""
        with self.database.read() as workspace:
            return {
                s.name: (
                    s.state.value,
                    render(skills.version_of(workspace, s.skill_id, version=s.version).document),
                )
                for s in skills.listed(workspace, project_id="")
            }

    def skill(self, name: str) -> skills.Skill:
        """Give a skill by name."""
        with self.database.read() as workspace:
            return skills.find(workspace, name)

    def text(self, name: str) -> str:
        """Give the body of a skill."""
        held = self.skill(name)
        with self.database.read() as workspace:
            return skills.version_of(workspace, held.skill_id, version=held.version).document.body

    def decide(self, name: str, state: SkillState) -> None:
        """Let a person decide."""
        with self.database.write() as workspace:
            lifecycle.decide(workspace, skills.find(workspace, name).skill_id, state, actor="person:dev")

    def covered(self) -> frozenset[str]:
        """Give the lessons that are told everywhere."""
        with self.database.read() as workspace:
            return widening.covered(workspace)


@pytest.fixture
def world(tmp_path: Path, database: Database) -> World:
    """Give a world without repositories."""
    return World(tmp_path, database)


def two(world: World) -> tuple[Path, Path]:
    """Make two repositories that have nothing to do with one another."""
    return world.repository("shop", remote="acme/shop"), world.repository("notes", remote="dev/notes")


def test_a_rule_of_two_projects_becomes_a_candidate(world: World) -> None:
    """What a person said in two repositories is proposed for all, with the evidence of both."""
    shop, notes = two(world)
    world.tell(shop, *PNPM)
    world.tell(notes, *PNPM_TOO)
    (change,) = world.widen()
    assert (change.action, change.name, change.state) == ("created", RULES, "candidate")
    ((state, text),) = world.wide().values()
    assert state == "candidate"
    assert "- Use pnpm, not npm." in text or "- Don't use npm, use pnpm." in text
    assert not any(word in text for word in ("shop", "notes", "acme", "here"))
    with world.database.read() as workspace:
        held = world.skill(RULES)
        version = skills.version_of(workspace, held.skill_id, version=1)
        cited = skills.evidence_of(workspace, version.lesson_ids)
        assert len({c.session_id for c in cited}) == 2
        first = skills.decisions(workspace, held.skill_id)[0]
        assert (first.numbers["projects"], first.numbers["lessons"]) == (2, 2)
        assert first.numbers["agents"] == ["claude"]
        assert "2 projects, 2 sessions and 1 agent" in first.reason


def test_it_loads_nowhere_until_a_person_approves(world: World) -> None:
    """Whatever the policy of a project's own skills, one of every project waits."""
    shop, notes = two(world)
    for root in (shop, notes, shop):
        world.tell(root, *PNPM)
        world.widen(policy="auto")
    assert world.skill(RULES).state is SkillState.CANDIDATE
    assert world.covered() == frozenset()
    assert "pnpm" in world.text("shop-rules")
    with world.database.read() as workspace:
        numbers = [d.numbers["sessions"] for d in skills.decisions(workspace, world.skill(RULES).skill_id)]
    assert numbers == [2, 3]
    world.decide(RULES, SkillState.ACTIVE)
    assert len(world.covered()) == 2


def test_one_project_is_not_enough(world: World) -> None:
    """However often something is said in one repository, it stays there."""
    shop, notes = two(world)
    world.tell(shop, *PNPM, times=5)
    world.tell(notes, ask("Add a page."), ran("pnpm install"))
    assert world.widen() == []
    assert world.wide() == {}


def test_what_nobody_confirmed_needs_two_sessions_in_each(world: World) -> None:
    """A rule that nothing followed counts from its second session in a repository."""
    shop, notes = two(world)
    world.tell(shop, *PUSH, times=2)
    world.tell(notes, *PUSH)
    assert world.widen() == []
    world.tell(notes, *PUSH)
    assert [c.name for c in world.widen()] == [RULES]
    assert "Never push to main." in world.wide()[RULES][1]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("shop", "acme/shop"), ("shop-2", "acme/shop")),  # two clones
        (("shop", "acme/shop"), ("theirs", "dev/shop")),  # a fork
        (("shop", "acme/shop"), ("theirs", "dev/shop-fork")),
        (("shop", "acme/shop"), ("theirs", "dev/my_shop.old")),
        (("shop", ""), ("shop-feature", "")),  # folders that git tells nothing about
        (("shop", ""), ("notes", "")),
        (("shop", "acme/shop"), ("shop/.worktrees/notes", "")),
        (("shop", "acme/shop"), ("shop/vendor/notes", "dev/notes")),
    ],
)
def test_copies_of_one_repository_are_one_witness(
    world: World, one: tuple[str, str], other: tuple[str, str]
) -> None:
    """Clones, forks, worktrees and folders within one another do not make a rule hold everywhere."""
    for name, remote in (one, other):
        world.tell(world.repository(name, remote=remote), *PNPM, times=2)
    assert world.widen() == []


def test_a_fork_under_another_name_has_the_same_files(world: World) -> None:
    """Two remotes whose sessions change the same files are one repository."""
    shop, store_ = world.repository("shop", remote="acme/shop"), world.repository("kiosk", remote="dev/kiosk")
    for root in (shop, store_):
        world.tell(root, *PNPM)
        world.touch(root, "src/cart/total.py", "src/cart/price.py", "README.md")
    assert world.widen() == []


def test_a_folder_without_a_remote_counts_where_its_files_tell_it_apart(world: World) -> None:
    """Other files and another name make a folder another repository."""
    shop, notes = world.repository("shop"), world.repository("notes")
    for root in (shop, notes):
        world.tell(root, *PNPM)
        world.touch(root, *(f"src/{root.name}/{part}.py" for part in ("one", "two", "three")))
    assert [c.action for c in world.widen()] == ["created"]


@pytest.mark.parametrize(
    "rule",
    [
        "Always run `npm test` before committing.",
        "Always run npm test before you commit.",
        "Never commit without running make lint.",
        "No, use `bun run css:build`, not bun build.",
        "Never edit src/generated by hand, use git.",
        "Never push to git.acme.example, use github.",
        "Always use the ledger when you run git.",
        "Always use acme-cli, never git.",
        "Never run git push as bob@acme.example.",
        "Don't use the LedgerService in tests, use git.",
        "Always commit with MY_TOKEN set in git.",
        "Never do that with git, always ask me.",
        "In this repo, always run git fetch before you commit.",
        "Always use password hunter2 with git.",
        "Always use port 3000 with docker.",
    ],
)
def test_what_is_a_projects_own_stays_there(world: World, rule: str) -> None:
    """Scripts, paths, hosts, names and secrets go nowhere, though two projects state the same words."""
    for root in two(world):
        story = (ask("Go on."), ran("git status"), ask(rule), ran("git fetch && npm test"))
        world.tell(root, *story, times=2)
    assert world.widen() == []


def test_a_secret_that_was_taken_out_leaves_nothing_behind(world: World) -> None:
    """A rule around a redacted value is no rule."""
    rule = "Always use ghp_16C7e42F292c6912E7710c838347Ae178B4a with gh, never git."
    for root in two(world):
        world.tell(root, ask("Go on."), ran("git status"), ask(rule), ran("gh auth status"), times=2)
    assert world.widen() == []


def test_commands_of_a_project_are_never_told_everywhere(world: World) -> None:
    """That `npm test` works in two repositories says nothing about a third."""
    for root in two(world):
        story = (
            ask("Check it."),
            edited("src/a/b.ts", root=str(root)),
            ran("npm test", "ok"),
            ran("make lint"),
        )
        world.tell(root, *story, times=4)
    assert world.widen() == []


def test_what_a_third_project_contradicts_is_not_told(world: World) -> None:
    """The opposite rule shows that it depends on the project."""
    shop, notes = two(world)
    world.tell(shop, *PNPM)
    world.tell(notes, *PNPM)
    assert [c.action for c in world.widen()] == ["created"]
    old = world.repository("old", remote="other/legacy")
    world.tell(old, *NPM)
    assert [(c.action, c.state) for c in world.widen()] == [("retired", "rejected")]
    before = world.skill(RULES)
    gone = world.told[-1]
    with world.database.write() as workspace:
        o = schema.occurrences
        workspace.execute(o.delete().where(o.c.session_id == gone))
        lessons.refresh(workspace, [row.lesson_id for row in workspace.execute(schema.lessons.select())])
    assert [(c.action, c.state) for c in world.widen()] == [("improved", "candidate")]
    after = world.skill(RULES)
    assert (after.skill_id, after.version) == (before.skill_id, before.version)


def test_a_project_that_works_with_what_is_unwanted_contradicts(world: World) -> None:
    """A rule against a tool does not hold where its commands are known to work."""
    for root in two(world):
        world.tell(root, *PNPM)
    old = world.repository("old", remote="other/legacy")
    world.tell(old, ask("Build it."), ran("npm run build:all", "ok"))
    assert world.widen() == []


def test_an_option_that_a_tool_does_not_know(world: World) -> None:
    """What a public tool refused in two projects, and what it took instead, is told for all."""
    for root in two(world):
        world.tell(root, *MERGED, times=2)
    assert [c.name for c in world.widen()] == ["gh-in-every-project"]
    text = world.wide()["gh-in-every-project"][1]
    assert (
        "`gh pr list --merged` fails with “unknown flag: --merged”. Run `gh pr list --state merged`" in text
    )


def test_operands_are_left_open(world: World) -> None:
    """Two calls that differ in what they were called with are one lesson."""
    for branch, root in zip(("fix-cart", "add-tags"), two(world), strict=True):
        bad = failed(f"gh pr checks {branch} --wait", "unknown flag: --wait")
        world.tell(root, ask("Wait for it."), bad, ran(f"gh pr checks {branch} --watch", "ok"), times=2)
    world.widen()
    text = world.wide()["gh-in-every-project"][1]
    assert "`gh pr checks <value> --wait` fails" in text
    assert "fix-cart" not in text
    assert "add-tags" not in text


@pytest.mark.parametrize(
    ("bad", "good", "error"),
    [
        ("git checkout master", "git checkout main", "error: pathspec 'master' did not match any file(s)"),
        ("npm run tst", "npm run test", "npm error Missing script: tst"),
        ("npm run lint --fixx", "npm run lint --fix", "unknown option '--fixx'"),
        ("make tst", "make test", "No rule to make target 'tst'"),
        ("./scripts/deploy --prod", "./scripts/deploy --live", "unknown flag: --prod"),
        ("acme deploy --prod", "acme deploy --live", "unknown flag: --prod"),
        ("docker compose up shop", "docker compose up shop-api", "no such service: shop"),
        ("gh api /repos/acme/shop --fields", "gh api /repos/acme/shop --field a=b", "invalid repository"),
        ("pytest --cov=shop", "pytest --cov=shop_api", "unrecognized arguments: --cov=shop"),
    ],
)
def test_a_fix_of_a_project_stays_there(world: World, bad: str, good: str, error: str) -> None:
    """Branches, scripts, services and packages are a project's, even where two have the same."""
    for root in two(world):
        world.tell(root, ask("Do it."), failed(bad, error), ran(good, "ok"), times=2)
    assert world.widen() == []


def test_a_program_that_is_missing_under_one_name(world: World) -> None:
    """`python` → `python3` is told without arguments, unless `python` works somewhere."""
    shop, notes = two(world)
    for tests, root in (("tests/cart", shop), ("tests/tags", notes)):
        bad = failed(f"python -m pytest {tests}", "bash: python: command not found", code=127)
        world.tell(root, ask("Test it."), bad, ran(f"python3 -m pytest {tests}", "12 passed"), times=2)
    assert [c.name for c in world.widen()] == ["python-in-every-project"]
    assert (
        "- `python` fails with “bash: python: command not found”. Run `python3` instead."
        in (world.wide()["python-in-every-project"][1])
    )
    blog = world.repository("blog", remote="dev/blog")
    world.tell(blog, ask("Test it."), ran("python -m pytest tests/unit -q --cov", "12 passed"))
    assert [c.action for c in world.widen()] == ["retired"]


def test_what_a_public_linter_refuses(world: World) -> None:
    """A linter's own rule is told by its language; a plugin of the project's is not."""
    for root in two(world):
        output = "a.md:3 MD040/fenced-code-language Fenced code blocks should have a language specified"
        own = "  3:1  error  Do not touch the ledger  acme/no-ledger"
        story = (ask("Lint."), failed("npm run lint", f"{output}\n{own}"), ran("npm run lint", ""))
        world.tell(root, *story, times=2)
    assert [c.name for c in world.widen()] == ["lint-markdown-in-every-project"]
    text = world.wide()["lint-markdown-in-every-project"][1]
    assert "MD040/fenced-code-language (Fenced code blocks should have a language specified)" in text
    assert "ledger" not in text


def test_a_second_run_changes_nothing(world: World) -> None:
    """Nothing new, and the same sessions mined again, change no word and add no version."""
    for root in two(world):
        world.tell(root, *PNPM)
    world.widen()
    before = world.wide()
    assert world.widen() == []
    with world.database.write() as workspace:
        lessons.forget_mined(workspace)
    assert world.widen() == []
    assert world.wide() == before
    assert world.skill(RULES).version == 1


def test_the_order_of_arrival_does_not_matter(tmp_path: Path) -> None:
    """Sessions give the same skills of every project in whatever order they come, widened between or not."""
    seen = set()
    stories = {1: ("shop", PNPM), 2: ("notes", PNPM_TOO), 3: ("shop", MERGED), 4: ("notes", MERGED)}
    for number, order in enumerate(itertools.permutations(stories)):
        if number % 6:
            continue
        for between in (False, True):
            database = open_database(tmp_path / f"{number}{between}" / "hivemind.db")
            world = World(tmp_path / f"{number}{between}", database)
            roots = {"shop": "acme/shop", "notes": "dev/notes"}
            made = {name: world.repository(name, remote=remote) for name, remote in roots.items()}
            for day in order:
                name, story = stories[day]
                world.tell(made[name], *story, day=day)
                world.tell(made[name], *story, day=day + 10)
                if between:
                    world.widen()
            world.widen()
            seen.add(tuple(sorted(world.wide().items())))
            database.close()
    assert [[name for name, _ in found] for found in seen] == [["gh-in-every-project", RULES]]


def test_a_rejected_claim_stays_away_until_much_more_supports_it(world: World) -> None:
    """A person's no stands against more of the same, and is asked about again for a further project."""
    shop, notes = two(world)
    world.tell(shop, *PNPM)
    world.tell(notes, *PNPM)
    world.widen()
    world.decide(RULES, SkillState.REJECTED)
    world.tell(shop, *PNPM)
    assert world.widen() == []
    blog = world.repository("blog", remote="dev/blog")
    world.tell(blog, *PNPM)
    assert [(c.action, c.state) for c in world.widen()] == [("created", "candidate")]
    world.decide(world.skill(RULES).skill_id, SkillState.REJECTED)
    assert world.widen() == []


def test_twice_the_sessions_bring_a_rejected_claim_back(world: World) -> None:
    """Without another project, the sessions must have doubled."""
    shop, notes = two(world)
    world.tell(shop, *PNPM)
    world.tell(notes, *PNPM)
    world.widen()
    world.decide(RULES, SkillState.REJECTED)
    world.tell(notes, *PNPM)
    assert world.widen() == []
    world.tell(shop, *PNPM)
    assert [c.action for c in world.widen()] == ["created"]


def test_a_candidate_follows_its_evidence(world: World) -> None:
    """A further claim joins it; when one project is left it goes, and comes back with the evidence."""
    shop, notes = two(world)
    world.tell(shop, *PNPM)
    world.tell(notes, *PNPM)
    world.widen()
    for root in (shop, notes):
        world.tell(root, *PUSH, times=2)
    assert [c.action for c in world.widen()] == ["improved"]
    held = world.skill(RULES)
    assert held.version == 2
    gone = world.told[1]
    with world.database.write() as workspace:
        o = schema.occurrences
        workspace.execute(o.delete().where(o.c.session_id == gone))
        lessons.refresh(workspace, [row.lesson_id for row in workspace.execute(schema.lessons.select())])
        (change,) = widening.widen(workspace, author="dev", policy="auto")
    assert change.action == "improved"
    assert "pnpm" not in world.wide()[RULES][1]


def test_what_a_person_approved_keeps_its_words(world: World) -> None:
    """A further claim becomes a candidate of its own, and an approved text is not changed."""
    shop, notes = two(world)
    world.tell(shop, *PNPM)
    world.tell(notes, *PNPM)
    world.widen()
    world.decide(RULES, SkillState.ACTIVE)
    before = world.wide()[RULES]
    for root in (shop, notes):
        world.tell(root, *PUSH, times=2)
    assert [(c.action, c.name, c.state) for c in world.widen()] == [("created", f"{RULES}-2", "candidate")]
    found = world.wide()
    assert found[RULES] == before
    assert "pnpm" not in found[f"{RULES}-2"][1]


def test_a_project_makes_way_and_takes_its_item_back(world: World) -> None:
    """No lesson is stated in two live skills, and none is lost when the one of every project goes."""
    for root in two(world):
        world.tell(root, *PNPM)
    world.distill()
    assert {world.skill(name).state.value for name in ("shop-rules", "notes-rules")} == {"trial"}
    world.decide("shop-rules", SkillState.ACTIVE)
    world.decide(RULES, SkillState.ACTIVE)
    done = sorted((c.action, c.name) for c in world.distill())
    assert done == [("retired", "notes-rules"), ("retired", "shop-rules")]
    assert world.distill() == []
    world.decide(RULES, SkillState.RETIRED)
    world.distill()
    assert (world.skill("shop-rules").state, world.skill("notes-rules").state) == ("active", "trial")
    assert world.distill() == []


def test_a_project_keeps_what_only_it_says(world: World) -> None:
    """Of a skill with two rules, the one that is told everywhere goes and comes back."""
    shop, notes = two(world)
    for root in (shop, notes):
        world.tell(root, *PNPM)
    world.tell(
        shop, ask("Go on."), ran("ls"), ask("Never edit src/generated by hand, run bun gen."), ran("bun gen")
    )
    world.distill()
    assert "pnpm" in world.text("shop-rules")
    world.decide(RULES, SkillState.ACTIVE)
    world.distill()
    assert "pnpm" not in world.text("shop-rules")
    assert "src/generated" in world.text("shop-rules")
    assert world.distill() == []
    world.decide(RULES, SkillState.RETIRED)
    world.distill()
    assert "pnpm" in world.text("shop-rules")
    assert world.distill() == []


def test_what_a_person_took_out_is_left_to_the_projects(world: World) -> None:
    """A text that a person changed covers only what it still states."""
    for root in two(world):
        world.tell(root, *PNPM)
        world.tell(root, *PUSH, times=2)
    world.widen()
    held = world.skill(RULES)
    with world.database.write() as workspace:
        document = skills.version_of(workspace, held.skill_id, version=1).document
        kept = [line for line in document.body.splitlines() if "push" not in line.lower()]
        changed = type(document)(name=RULES, description=document.description, body="\n".join(kept) + "\n")
        lifecycle.add_version(workspace, held.skill_id, changed, origin="person", actor="person:dev")
        lifecycle.decide(workspace, held.skill_id, SkillState.ACTIVE, actor="person:dev")
    assert len(world.covered()) == 2
    assert world.widen() == []


@pytest.mark.parametrize(
    "rule",
    [
        "Use pnpm, not npm",
        "Please use pnpm instead of npm here.",
        "Don't use npm, use pnpm",
        "We use pnpm in this repo, not npm",
        "Don't ever use npm. Use pnpm instead.",
        "Instead of npm use pnpm",
    ],
)
def test_wordings_of_one_rule_are_one(rule: str) -> None:
    """What is wanted and what is not makes the rule, not its words."""
    signed = portable_rules.read(rule)
    assert signed is not None
    assert signed.key == "+pnpm -npm"


def test_the_opposite_is_another_rule() -> None:
    """The same words the other way round are never the same rule."""
    for one, other in (
        ("Use pnpm, not npm", "Use npm, not pnpm"),
        ("Never push to main", "Always push to main"),
    ):
        a, b = portable_rules.read(one), portable_rules.read(other)
        assert a is not None
        assert b is not None
        assert a.key != b.key
        assert a.opposes(b)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(
    kind=st.sampled_from(portable.KINDS),
    data=st.dictionaries(st.sampled_from(["rule", "failed", "fix", "relation", "error", "message"]), _json),
)
def test_no_lesson_makes_it_raise(kind: str, data: dict[str, object]) -> None:
    """Whatever a lesson holds, it is read or left where it is."""
    lesson = Known(lesson_id="l1", project_id="p1", kind=kind, key="k", data=data)
    found = portable.claim(lesson, names={"shop"})
    assert found is None or found.key


_parts = st.sampled_from(["use ", "not ", "npm", "`", "git ", "don't ", ", ", ". ", "instead of ", "/", ":"])


@given(st.lists(_parts | st.text(max_size=5), max_size=12).map("".join))
def test_no_rule_makes_it_raise(rule: str) -> None:
    """Whatever a person wrote, it is read or it is not."""
    signed = portable_rules.read(rule, names={"shop"})
    assert signed is None or signed.key
    assert portable_rules.tools_in(rule) is not None
