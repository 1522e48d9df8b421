"""Take in skills that others wrote: as candidates, through the same gates, never over what is there."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from hivemind.domain.skills import Finding, SkillDocument, SkillState
from hivemind.errors import HivemindError
from hivemind.library import gates, lenient, lifecycle, skill_folders
from hivemind.library.document import MAX_CHARACTERS, content_hash
from hivemind.library.gates.spec import MAX_NAME
from hivemind.store import skills as store
from hivemind.store.database import Workspace

ORIGIN: Final = "import"
#: What is said of bytes that are no text.
NOT_TEXT: Final = Finding(gate="spec", message="It is not UTF-8 text.")
_PUT_AWAY = (SkillState.REJECTED, SkillState.RETIRED)


class Update(StrEnum):
    """Say which skills of the same name get a new version rather than a numbered neighbour."""

    NONE = "none"
    CANDIDATES = "candidates"  #: what loads nowhere yet
    ALL = "all"  #: those in use too: the new text is then used at once


class Outcome(StrEnum):
    """Name what became of one offered skill."""

    TAKEN = "taken"  #: a new candidate
    UPDATED = "updated"  #: a new version
    KEPT = "kept"  #: the library has it already
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """Hold one SKILL.md that somebody offers, and what lies beside it."""

    source: str  #: where it is from, for messages and the ledger
    text: str
    folder: str = ""  #: the name of its folder, where it has one
    beside: tuple[tuple[str, str], ...] = ()  #: texts in its folder, by their paths there
    problems: tuple[Finding, ...] = ()  #: what was seen while it was read


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Say what became of an offered skill."""

    source: str
    outcome: Outcome
    name: str = ""
    skill_id: str = ""
    version: int = 0
    reason: str = ""
    findings: tuple[Finding, ...] = ()
    left_out: tuple[str, ...] = ()  #: files beside it: the library keeps instructions only


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    offered: Offered
    document: SkillDocument | None
    findings: tuple[Finding, ...]


def offered_below(path: Path) -> Iterator[Offered]:
    """Read a SKILL.md, or every one below a folder, within limits and through no link, one at a time."""
    if path.is_file():
        resolved = path.resolve()  # what a person names may be a link
        yield _offered(resolved, source=_named(path), alone=resolved.name != "SKILL.md")
        return
    files, problems = skill_folders.skill_files(path)
    for file in files:
        yield _offered(file, source=_named(file))
    for problem in problems:
        if problem.blocking:
            yield Offered(source=_named(problem.path), text="", problems=(_finding(problem),))


def take_in(
    workspace: Workspace,
    offered: Iterable[Offered],
    *,
    project_id: str,
    actor: str,
    author: str = "",
    update: Update = Update.NONE,
) -> list[Result]:
    """Make candidates of what passes the gates; nothing of it loads before somebody decides so.

    `project_id` is empty for skills of every project. What the library has already, whatever its name and
    whether or not it was put away, is kept as it is.
    """
    return [
        _taken(workspace, one, project_id=project_id, actor=actor, author=author, update=update)
        for one in offered
    ]


def _taken(
    workspace: Workspace, offered: Offered, *, project_id: str, actor: str, author: str, update: Update
) -> Result:
    judged = _read(offered)
    left_out = tuple(name for name, _ in offered.beside)
    document = judged.document
    if document is None:
        return _refused(judged)
    known = _same_text(workspace, document, project_id=project_id)
    if known is not None:
        reason = f"it was {known.state.value} here" if known.state in _PUT_AWAY else "the library has it"
        return _result(offered, known, Outcome.KEPT, reason=reason)
    namesake = _namesake(workspace, document.name, project_id=project_id)
    if namesake is not None and not _may_update(namesake, update, project_id=project_id):
        document, namesake = replace(document, name=_numbered(workspace, document.name, project_id)), None
    context = lifecycle.context_for(
        workspace,
        project_id=project_id,
        skill_id=namesake.skill_id if namesake else "",
        person_authored=True,
    )
    found = (*judged.findings, *gates.check(document, replace(context, imported=True)))
    judged = replace(judged, document=document, findings=found)
    if gates.blocking(found):
        return _refused(judged)
    reason = f"taken in from {offered.source}"
    if namesake is not None:
        skill = lifecycle.add_version(
            workspace,
            namesake.skill_id,
            document,
            origin=ORIGIN,
            actor=actor,
            author=author,
            findings=found,
            reason=reason,
        )
        return _result(offered, skill, Outcome.UPDATED, findings=found, left_out=left_out)
    skill = lifecycle.create(
        workspace,
        document,
        project_id=project_id,
        origin=ORIGIN,
        actor=actor,
        author=author,
        findings=found,
        reason=reason,
    )
    return _result(offered, skill, Outcome.TAKEN, findings=found, left_out=left_out)


def _read(offered: Offered) -> _Judged:
    """Read the text and judge what lies beside it; what cannot be read is judged as a text all the same."""
    found = [*offered.problems]
    document = None
    if offered.text or not gates.blocking(found):
        try:
            read = lenient.read(offered.text, folder=offered.folder)
        except HivemindError as error:
            found.append(Finding(gate="spec", message=error.message))
            if len(offered.text) <= MAX_CHARACTERS:
                found += gates.check_text(offered.text, where="the file")
        else:
            document = read.parsed.document
            found += read.notes
            found += [_dropped(key) for key in read.parsed.unknown_keys]
    found += [finding for _, finding in gates.check_beside(offered.beside)]
    return _Judged(
        offered=offered, document=None if gates.blocking(found) else document, findings=tuple(found)
    )


def _dropped(key: str) -> Finding:
    return Finding(
        gate="spec",
        message=f"The key {gates.shown(key)} is not in the specification and was left out.",
        blocking=False,
    )


def _same_text(workspace: Workspace, document: SkillDocument, *, project_id: str) -> store.Skill | None:
    """Find a skill that says the same, whatever number its name has got."""
    for skill in store.listed(workspace, project_id=project_id):
        if skill.description == document.description:
            held = store.version_of(workspace, skill.skill_id, version=skill.version)
            if held.content_hash == content_hash(replace(document, name=skill.name)):
                return skill
    return None


def _namesake(workspace: Workspace, wanted: str, *, project_id: str) -> store.Skill | None:
    found = store.listed(workspace, project_id=project_id or None, states=store.OPEN_STATES)
    return next((skill for skill in found if skill.name == wanted), None)


def _may_update(skill: store.Skill, update: Update, *, project_id: str) -> bool:
    if skill.project_id != project_id or update is Update.NONE:
        return False
    return update is Update.ALL or skill.state is SkillState.CANDIDATE


def _numbered(workspace: Workspace, wanted: str, project_id: str) -> str:
    # As `lifecycle.create` does, but before the gates look for a namesake.
    number = 2
    while True:
        suffix = f"-{number}"
        name = wanted[: MAX_NAME - len(suffix)].rstrip("-") + suffix
        if _namesake(workspace, name, project_id=project_id) is None:
            return name
        number += 1


def _refused(judged: _Judged) -> Result:
    stopped = gates.blocking(judged.findings)
    return Result(
        source=judged.offered.source,
        outcome=Outcome.REFUSED,
        name=judged.document.name if judged.document else judged.offered.folder,
        reason=stopped[0].message if stopped else "it cannot be read",
        findings=judged.findings,
    )


def _result(
    offered: Offered,
    skill: store.Skill,
    outcome: Outcome,
    *,
    reason: str = "",
    findings: tuple[Finding, ...] = (),
    left_out: tuple[str, ...] = (),
) -> Result:
    return Result(
        source=offered.source,
        outcome=outcome,
        name=skill.name,
        skill_id=skill.skill_id,
        version=skill.version,
        reason=reason,
        findings=findings,
        left_out=left_out,
    )


def _offered(file: Path, *, source: str, alone: bool = False) -> Offered:
    data = skill_folders.read(file)
    if isinstance(data, skill_folders.Problem):
        return Offered(source=source, text="", folder=_named(file.parent.name), problems=(_finding(data),))
    problems = list[Finding]()
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text, problems = "", [NOT_TEXT]
    texts, troubles = ([], []) if alone else skill_folders.bundled(file.parent)
    return Offered(
        source=source,
        text=text,
        folder=_named(file.stem if alone else file.parent.name),
        beside=tuple((_named(path.relative_to(file.parent)), text) for path, text in texts),
        problems=(*problems, *map(_finding, troubles)),
    )


def _named(path: Path | str) -> str:
    """Give a path as text: a name on disk may be none."""
    return os.fsencode(path).decode("utf-8", "replace")


def _finding(problem: skill_folders.Problem) -> Finding:
    return Finding(
        gate="spec", message=f"{_named(problem.path.name)}: {problem.message}.", blocking=problem.blocking
    )
