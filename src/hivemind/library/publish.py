"""Write live skills into agents' folders, take in what people edit there, and never touch what is not ours.

A row of `installs` says what we last knew of a path. Before a file is written or removed the row says what
is about to happen, so that a crash at any point is told apart from a person's edit: what stands on disk is
the old file, the intended one, or a person's.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from hivemind.capture import boundary, git
from hivemind.domain.skills import LIVE_STATES, Finding, SkillState
from hivemind.errors import HivemindError
from hivemind.library import held_back, lifecycle, made_folders, placing, rules, skill_files
from hivemind.library.document import Parsed, content_hash, inspect, render
from hivemind.library.gates import check
from hivemind.library.gates.base import shown
from hivemind.store import installs
from hivemind.store import skills as store
from hivemind.store.database import Database, Workspace
from hivemind.store.installs import GONE, Install
from hivemind.store.skills import Skill

#: Skills of one project that are written: agents list every file, and choose worse from many.
MAX_PER_PROJECT = 12
#: How long one publication waits for another, in seconds.
PUBLISH_WAIT_S = 30.0
_FILE = "SKILL.md"


class SkillFolders(Protocol):
    """Name the part of an agent that publishing needs."""

    name: str

    def skill_folder(self, project_root: Path) -> Path | None:
        """Give the folder of a project where the agent reads skills; None where it reads none there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Report one path that was left alone; `slug` names the section of docs/errors.md."""

    slug: str
    path: Path
    message: str


@dataclass(slots=True, kw_only=True)
class PublishReport:
    """Collect what one publication did."""

    written: list[Path] = field(default_factory=list)
    removed: list[Path] = field(default_factory=list)
    edited: list[str] = field(default_factory=list)  #: skills whose file a person edited: a new version each
    deleted: list[str] = field(default_factory=list)  #: skills whose file a person deleted: retired
    withheld: dict[str, list[str]] = field(
        default_factory=dict
    )  #: by project folder, live skills over the limit
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    path: Path
    root: Path
    agent: str
    skill: Skill


def publish(
    database: Database,
    *,
    agents: Sequence[SkillFolders],
    workspace_id: str = "default",
    max_per_project: int = MAX_PER_PROJECT,
    home: Path | None = None,
    person: str = "person:local",
) -> PublishReport:
    """Bring the skill files of every project on this machine in line with the library.

    First, a person's valid edit becomes a version and a deleted file retires its skill; anything else that
    isn't ours is reported and left alone. A project whose folder is gone is passed over, and so is the user's
    `home`, whose skills would load everywhere. Edits and deletions are recorded under the actor `person`.
    """
    with _Publication.alone(database, workspace_id, person=person) as publication:
        roots = publication.roots(home)  # first: of a folder that lost all its files no row is left
        publication.take_in_edits()
        targets = publication.plan(agents, roots, max_per_project=max_per_project)
        publication.remove_others({str(target.path) for target in targets})
        for target in targets:
            publication.write(target)
    return publication.report


def unpublish_all(
    database: Database, *, workspace_id: str = "default", person: str = "person:local"
) -> PublishReport:
    """Remove every skill file of ours; files that a person edited stay and are reported."""
    with _Publication.alone(database, workspace_id, person=person) as publication:
        held_back.clear(database.path)
        publication.keep_edits()
        publication.remove_others(set())
        made_folders.remove_empty(database.path)
    return publication.report


def hold_back(
    database: Database,
    *,
    workspace_id: str,
    root: Path,
    skill_ids: Collection[str],
    wait_s: float,
    person: str = "person:local",
) -> PublishReport:
    """Take the files of some skills out of one checkout, and put back the others that were taken out.

    A file stays that a person worded, or that is under version control, where its absence would become part
    of a commit. Raises HivemindError where another publication takes longer than `wait_s`.
    """
    with _Publication.alone(database, workspace_id, person=person, wait_s=wait_s) as publication:
        before = held_back.read(database.path, workspace_id).get(str(root), frozenset())
        # First, so that after a crash the file is known to be missing on purpose.
        held_back.put(database.path, workspace_id, root, before | set(skill_ids))
        publication.take_out(root, skill_ids)
        publication.put_back(root, before - set(skill_ids))
        held_back.put(database.path, workspace_id, root, skill_ids)
    return publication.report


def installed_paths(workspace: Workspace) -> list[Path]:
    """Give the skill files that are ours."""
    return [Path(row.path) for row in installs.listed(workspace) if row.content_hash]


class _Publication:
    """Hold what one run knows; each step is a transaction, a file operation, and a transaction."""

    def __init__(self, database: Database, workspace_id: str, *, person: str) -> None:
        self.report = PublishReport()
        self._database = database
        self._workspace_id = workspace_id
        self._person = person
        self._left_alone: set[str] = set()  #: paths that this run must not touch
        self._secrets: dict[str, bool] = {}  #: which skills hold one, of those looked at
        self._held_back = held_back.read(database.path, workspace_id)

    @classmethod
    @contextmanager
    def alone(
        cls, database: Database, workspace_id: str, *, person: str, wait_s: float = PUBLISH_WAIT_S
    ) -> Iterator["_Publication"]:
        lock = database.path.with_name(f"{database.path.name}.publish-lock")
        with skill_files.only_one(lock, wait_s=wait_s):
            yield cls(database, workspace_id, person=person)

    def roots(self, home: Path | None) -> dict[Path, set[str]]:
        """Give the project folders on this machine, with the projects of each."""
        with self._database.read(self._workspace_id) as workspace:
            return placing.roots(workspace, home=home)

    def take_in_edits(self) -> None:
        """Bring the rows in line with the files."""
        for row, seen in self._settled():
            if seen.data is None and not row.content_hash and self._is_held_back(row.root, row.skill_id):
                continue
            if seen.data is None:
                self._missing(row)
            elif seen.digest != row.content_hash:
                self._edited(row, seen.data)

    def keep_edits(self) -> None:
        """Leave what people edited as it is, without taking it in."""
        for row, seen in self._settled():
            if seen.data is not None and seen.digest != row.content_hash:
                self._leave(row.path, "skill-file-edited", "it was edited since it was written")

    def take_out(self, root: Path, skill_ids: Collection[str]) -> None:
        """Remove the files of some skills from one checkout; their folders stay ours."""
        wanted = [
            (row, seen)
            for row, seen in self._settled(root)
            if row.skill_id in skill_ids and row.content_hash and seen.digest == row.content_hash
        ]
        tracked = git.tracked(root, [Path(row.path) for row, _ in wanted]) if wanted else frozenset()
        for row, _ in wanted:
            path = Path(row.path)
            if path in tracked or self._as_rendered(row) != row.content_hash:
                continue
            with self._reported(row.path):
                self._put(replace(row, intended_hash=GONE))
                skill_files.remove(path, expected=row.content_hash, root=Path(row.root))
                self._put(replace(row, content_hash="", intended_hash=""))
                self.report.removed.append(path)

    def put_back(self, root: Path, skill_ids: Collection[str]) -> None:
        """Write the files of some skills that were taken out of one checkout, as they are now."""
        if not skill_ids:
            return
        with self._database.read(self._workspace_id) as workspace:
            rows = [row for row in installs.listed(workspace) if row.root == str(root)]
            live = store.listed(workspace, states=LIVE_STATES, skill_ids=skill_ids)
            skills = {skill.skill_id: skill for skill in live}
        self._held_back.pop(str(root), None)
        for row in rows:
            path, skill = Path(row.path), skills.get(row.skill_id)
            if row.content_hash or row.skill_id not in skill_ids or skill is None:
                continue
            if skill_files.look(path, root=root).data is not None:
                # Whoever had it open has saved it: an edit of what was taken out.
                self._put(replace(row, content_hash=self._as_rendered(row)))
            elif path.parent.name == skill.name:  # under a new name it is the next publication's
                self.write(_Target(path=path, root=root, agent=row.agent, skill=skill))

    def _as_rendered(self, row: Install) -> str:
        """Give the digest that our own file of a row's version has."""
        with self._database.read(self._workspace_id) as workspace:
            written = store.versions(workspace, row.skill_id, only=row.version)
        return skill_files.digest(render(written[0].document).encode()) if written else ""

    def _is_held_back(self, root: str, skill_id: str) -> bool:
        return skill_id in self._held_back.get(root, ())

    def _settled(self, root: Path | None = None) -> Iterator[tuple[Install, skill_files.Seen]]:
        """Give each path that may be touched, after what a crash left undone is settled."""
        with self._database.read(self._workspace_id) as workspace:
            rows = [row for row in installs.listed(workspace) if root is None or row.root == str(root)]
        for row in rows:
            if not placing.is_folder(Path(row.root)):
                self._left_alone.add(row.path)  # perhaps a disk that is not mounted
                continue
            seen = skill_files.look(Path(row.path), root=Path(row.root))
            if seen.refusal:
                self._leave(row.path, "skill-file-refused", seen.refusal)
            elif seen.data is not None and not row.content_hash and seen.digest != row.intended_hash:
                self._leave(row.path, "skill-file-foreign", "a file that is not ours stands there")
            else:
                yield self._settle(row, seen.digest), seen

    def _settle(self, row: Install, digest: str) -> Install:
        if not row.intended_hash:
            return row
        if not digest:
            settled = replace(row, content_hash="", intended_hash="")
        elif digest == row.intended_hash:
            settled = replace(row, content_hash=digest, intended_hash="")
        elif row.intended_hash == GONE:
            settled = replace(row, intended_hash="")
        else:  # the row names the version that was to come: no version, so that it is written again
            settled = replace(row, version=0, intended_hash="")
        self._put(settled)
        return settled

    def _missing(self, row: Install) -> None:
        # Without a hash it is our own unfinished work; all skills swept away is no verdict about one.
        if row.content_hash and Path(row.path).parent.parent.is_dir():
            self._deleted(row)
        self._give_up(row)

    def _deleted(self, row: Install) -> None:
        with self._database.write(self._workspace_id) as workspace:
            skill = store.by_id(workspace, row.skill_id)
            if skill.state in LIVE_STATES:
                reason = f"its file was deleted: {row.path}"
                lifecycle.decide(
                    workspace, skill.skill_id, SkillState.RETIRED, actor=self._person, reason=reason
                )
                self.report.deleted.append(skill.name)
            # In the same transaction, since an undo must not meet the same deletion again.
            installs.put(workspace, replace(row, content_hash=""))

    def _give_up(self, row: Install) -> None:
        """Forget a path without a file; its folder stays known as ours while a person's files are in it."""
        try:
            gone = skill_files.clear(Path(row.path).parent)
        except OSError as error:
            gone = False
            self._leave(row.path, "skill-file-unwritable", f"its folder cannot be removed ({error.strerror})")
        if not gone:
            self._put(replace(row, content_hash="", intended_hash=""))
            return
        with self._database.write(self._workspace_id) as workspace:
            installs.forget(workspace, row.path)

    def _edited(self, row: Install, data: bytes) -> None:
        try:
            parsed = inspect(_text(data))
            with self._database.read(self._workspace_id) as workspace:
                findings = _judge(workspace, row, parsed)
            with self._database.write(self._workspace_id) as workspace:
                version = self._take_in(workspace, row, parsed, findings=findings)
                known = replace(row, version=version, content_hash=skill_files.digest(data))
                installs.put(workspace, known)
        except HivemindError as error:
            self._leave(row.path, "skill-file-rejected", f"the edit was not taken in: {error.message}")

    def _take_in(
        self, workspace: Workspace, row: Install, parsed: Parsed, *, findings: tuple[Finding, ...]
    ) -> int:
        written = store.versions(workspace, row.skill_id, only=row.version)
        if written and written[0].content_hash == content_hash(parsed.document):
            return row.version  # it says what it said: a newer version in the library stays
        before = store.by_id(workspace, row.skill_id)
        after = lifecycle.add_version(
            workspace,
            row.skill_id,
            parsed.document,
            origin="person",
            author=self._person.removeprefix("person:"),
            findings=findings,
            actor=self._person,
            reason=f"edited in {row.path}",
            numbers={rules.EDITED: row.version} if written else None,
        )
        if after.version != before.version:
            self.report.edited.append(after.name)
        return after.version

    def plan(
        self, agents: Sequence[SkillFolders], roots: Mapping[Path, set[str]], *, max_per_project: int
    ) -> list[_Target]:
        """Choose each folder's skills: approved first, then what most sessions show, then the newest."""
        with self._database.read(self._workspace_id) as workspace:
            # Without a folder there is nothing to rank for, and to rank a large library takes seconds.
            ranked = placing.ranked(workspace) if roots and agents else []
            chosen_for = {
                root: self._choose(workspace, root, ranked, project_ids, most=max_per_project)
                for root, project_ids in sorted(roots.items())
            }
        targets: dict[Path, _Target] = {}
        for root, chosen in chosen_for.items():
            for agent in agents:
                folder = agent.skill_folder(root)
                if folder is None:
                    continue
                for skill in chosen.values():
                    path = folder / skill.name / _FILE
                    # Two agents may share one folder, also by a link.
                    real = path.parent.parent.resolve() / skill.name
                    targets.setdefault(real, _Target(path=path, root=root, agent=agent.name, skill=skill))
        return list(targets.values())

    def _choose(
        self,
        workspace: Workspace,
        root: Path,
        ranked: Sequence[Skill],
        project_ids: Collection[str],
        *,
        most: int,
    ) -> dict[str, Skill]:
        """Choose a folder's skills by name, and report the others."""
        chosen: dict[str, Skill] = {}
        for skill in ranked:
            everywhere = not skill.project_id and skill.state is SkillState.ACTIVE
            if not (skill.project_id in project_ids or everywhere):
                continue
            if len(chosen) >= most or skill.name in chosen:
                self.report.withheld.setdefault(str(root), []).append(skill.name)
            elif not self._holds_secret(workspace, skill):
                chosen[skill.name] = skill
        return chosen

    def _holds_secret(self, workspace: Workspace, skill: Skill) -> bool:
        """Look again before a file is written: a person's rules may be newer than the skill."""
        known = self._secrets.get(skill.skill_id)
        if known is not None:
            return known
        document = store.version_of(workspace, skill.skill_id, version=skill.version).document
        found = boundary.redactor().findings(render(document))
        if found:
            message = f"{skill.name} is in no folder: it holds a secret ({found[0].rule}); edit or retire it"
            self.report.problems.append(Problem(slug="skill-secret", path=Path(skill.name), message=message))
        self._secrets[skill.skill_id] = bool(found)
        return bool(found)

    def remove_others(self, wanted: set[str]) -> None:
        """Remove our files that are not wanted any more."""
        with self._database.read(self._workspace_id) as workspace:
            rows = installs.listed(workspace)
        for row in rows:
            if row.path in wanted or row.path in self._left_alone:
                continue
            with self._reported(row.path):
                if row.content_hash:
                    self._put(replace(row, intended_hash=GONE))
                    skill_files.remove(Path(row.path), expected=row.content_hash, root=Path(row.root))
                    self.report.removed.append(Path(row.path))
                self._give_up(row)

    def write(self, target: _Target) -> None:
        """Make one file hold the current version, unless it does."""
        path, skill = target.path, target.skill
        if str(path) in self._left_alone or self._is_held_back(str(target.root), skill.skill_id):
            return
        seen = skill_files.look(path, root=target.root)
        if seen.refusal:
            self._leave(str(path), "skill-file-refused", seen.refusal)
            return
        with self._database.read(self._workspace_id) as workspace:
            row = installs.of(workspace, path)
            document = store.version_of(workspace, skill.skill_id, version=skill.version).document
        data = render(document).encode()
        new = Install(
            path=str(path),
            root=str(target.root),
            agent=target.agent,
            skill_id=skill.skill_id,
            version=skill.version,
            content_hash=row.content_hash if row else "",
            intended_hash=skill_files.digest(data),
        )
        with self._reported(str(path)):
            if row and row.content_hash and (row.skill_id, row.version) == (new.skill_id, new.version):
                self._tidy(target)
            elif seen.digest == new.intended_hash or self._may_write(new, row):
                self._put(new)
                self._tidy(target)
                if seen.digest != new.intended_hash:
                    skill_files.write(path, data, expected=new.content_hash, root=target.root)
                    self.report.written.append(path)
                self._put(replace(new, content_hash=new.intended_hash, intended_hash=""))

    def _may_write(self, new: Install, row: Install | None) -> bool:
        """Make the folder of a new file; one that stands there already is somebody else's."""
        folder = Path(new.path).parent
        if row is None:
            if not folder.exists():
                self._put(new)  # first, so that after a crash the folder is known as ours
                made_folders.remember(self._database.path, folder.parent, root=Path(new.root))
            if not skill_files.claim(folder):
                with self._database.write(self._workspace_id) as workspace:
                    installs.forget(workspace, new.path)
                self._leave(
                    new.path, "skill-file-foreign", "a skill of this name that is not ours stands there"
                )
                return False
        return True

    def _tidy(self, target: _Target) -> None:
        skill_files.tidy(target.path.parent, ignored=target.skill.state is SkillState.TRIAL)

    def _put(self, row: Install) -> None:
        with self._database.write(self._workspace_id) as workspace:
            installs.put(workspace, row)

    def _leave(self, path: str, slug: str, reason: str) -> None:
        self._left_alone.add(path)
        self.report.problems.append(
            Problem(slug=slug, path=Path(path), message=f"{path} was left alone: {reason}")
        )

    @contextmanager
    def _reported(self, path: str) -> Iterator[None]:
        try:
            yield
        except skill_files.ChangedError:
            self._leave(path, "skill-file-edited", "it changed while it was to be written")
        except OSError as error:
            self._leave(path, "skill-file-unwritable", f"it cannot be written ({error.strerror})")


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise HivemindError("skill-unparseable", "it is not UTF-8 text", hint="save it as UTF-8") from error


def _judge(workspace: Workspace, row: Install, parsed: Parsed) -> tuple[Finding, ...]:
    """Run the gates on a person's edit; raise where it cannot be taken in."""
    folder = Path(row.path).parent.name
    if parsed.document.name != folder:
        raise HivemindError(
            "skill-gated",
            f"its name {shown(parsed.document.name)} is not its folder's, {shown(folder)}",
            hint=f"write `name: {folder}`; `hivemind skills edit` can rename a skill",
        )
    skill = store.by_id(workspace, row.skill_id)
    current = store.version_of(workspace, skill.skill_id, version=skill.version)
    context = lifecycle.context_for(
        workspace,
        project_id=skill.project_id,
        lesson_ids=current.lesson_ids,
        skill_id=skill.skill_id,
        person_authored=True,
        unknown_keys=parsed.unknown_keys,
    )
    return check(parsed.document, context)
