"""Revise a skill by single items: what the machine wrote follows the lessons, what a person did stands.

The ledger keeps what the machine wrote with each version (`decisions.numbers`, under `wrote`). From that and
the versions follows what a person took out, or took back, and that is never put in again.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from hivemind.distill import items
from hivemind.distill.compose import Draft
from hivemind.distill.items import Edit, Item
from hivemind.distill.writers import template
from hivemind.domain.skills import SkillDocument, SkillState
from hivemind.library import rules
from hivemind.store import skills
from hivemind.store.database import Workspace

TEMPLATE: Final = "template"
#: A model worded what the template wrote (see `reword`).
MODEL: Final = "model"
PERSON: Final = "person:"
WROTE: Final = "wrote"
#: A skill that would keep less than this share of its items is left to a person.
MIN_KEPT: Final = 0.5
MAX_TOLD: Final = 3
MAX_TOLD_CHARS: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrote:
    """Hold what the machine wrote into a version."""

    description: str = ""
    title: str = ""
    items: tuple[Item, ...] = ()

    @classmethod
    def of(cls, document: SkillDocument, stated: Iterable[Item]) -> "Wrote":
        """Take it from a document in the template's words."""
        title = document.body.partition("\n")[0]
        return cls(description=document.description, title=title, items=tuple(stated))

    @classmethod
    def of_json(cls, stored: Any) -> "Wrote":
        """Read it as the ledger keeps it."""
        if not isinstance(stored, dict):
            return cls()
        return cls(
            description=str(stored.get("description", "")),
            title=str(stored.get("title", "")),
            items=items.of_json(stored.get("items")),
        )

    def as_json(self) -> dict[str, Any]:
        """Give it as the ledger keeps it."""
        return {"description": self.description, "title": self.title, "items": items.as_json(self.items)}


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Hold what became of a skill: its versions, its ledger, and what the machine wrote into each version."""

    skill: skills.Skill
    versions: Mapping[int, skills.Version]
    decisions: tuple[skills.Decision, ...]
    wrote: Mapping[int, Wrote]

    @classmethod
    def read(cls, workspace: Workspace, skill: skills.Skill) -> "History":
        """Read it from the store."""
        versions = {v.version: v for v in skills.versions(workspace, skill.skill_id)}
        decisions = tuple(skills.decisions(workspace, skill.skill_id))
        wrote: dict[int, Wrote] = {}
        for d in decisions:
            if WROTE in d.numbers:
                wrote[d.to_version] = Wrote.of_json(d.numbers[WROTE])
            elif d.to_version not in wrote:
                held = wrote.get(edited_version(d), Wrote())
                document = versions[d.to_version].document
                is_plain = versions[d.to_version].origin == TEMPLATE
                wrote[d.to_version] = Wrote.of(document, _read_back(document.body)) if is_plain else held
        return cls(skill=skill, versions=versions, decisions=decisions, wrote=wrote)

    @property
    def current(self) -> skills.Version:
        """Give the version that the skill is at."""
        return self.versions[self.skill.version]

    @property
    def made(self) -> Wrote:
        """Give what the machine wrote into the current version."""
        return self.wrote.get(self.skill.version, Wrote())

    def taken_out(self) -> list[Item]:
        """Give the items that a person took out of the text, or whose addition a person took back."""
        found: list[Item] = []
        for d in self._by_people():
            before, after = self.wrote[d.from_version or 0].items, self.wrote[d.to_version].items
            if d.undoes:
                found += [edit.before for edit in items.edits(before, after) if edit.before is not None]
            else:
                before = self.wrote[edited_version(d)].items
                told = items.missing(before, self.versions[edited_version(d)].document.body)
                gone = items.missing(before, self.versions[d.to_version].document.body)
                found += [item for item in gone if item not in told]
        return found

    def put_back(self) -> list[Item]:
        """Give the items whose removal a person took back."""
        return [
            edit.after
            for d in self._by_people()
            if d.undoes
            for edit in items.edits(self.wrote[d.from_version or 0].items, self.wrote[d.to_version].items)
            if edit.after is not None
        ]

    def _by_people(self) -> Iterator[skills.Decision]:
        taken_back = {d.undoes for d in self.decisions}
        for d in self.decisions:
            changes = d.from_version is not None and d.from_version != d.to_version
            if changes and d.actor.startswith(PERSON) and d.decision_id not in taken_back:
                yield d

    def put_away_by(self, actor: str) -> bool:
        """Say whether it was this actor who put the skill away, and nobody decided anything since."""
        return any(d.actor == actor and not d.undoes for d in self.decisions[-1:]) and self._is_put_away(
            self.skill.state
        )

    def was_brought_back(self, actor: str) -> bool:
        """Say whether a person took back that this actor put the skill away."""
        own = {d.decision_id for d in self.decisions if d.actor == actor and self._is_put_away(d.to_state)}
        return any(d.undoes in own and d.actor.startswith(PERSON) for d in self.decisions)

    @staticmethod
    def _is_put_away(state: SkillState) -> bool:
        return state in (SkillState.RETIRED, SkillState.REJECTED)


def edited_version(decision: skills.Decision) -> int:
    """Give the version that a decision changed: a person may not have seen the newest one."""
    found = decision.numbers.get(rules.EDITED)
    return found if isinstance(found, int) else decision.from_version or 0


def _read_back(body: str) -> Iterator[Item]:
    """Give the items of a template's text of which the ledger keeps none."""
    sections = {intro: section for section, intros in template.INTROS.items() for intro in intros}
    section = ""
    for block in body.strip("\n").split("\n\n"):
        if block in sections:
            section = sections[block]
        elif section == "order":
            yield Item(section=section, text=block)
        elif section:
            yield from (Item(section=section, text=line) for line in block.split("\n"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """Hold a skill's next text, or say why it stays as it is."""

    document: SkillDocument | None = None
    origin: str = TEMPLATE
    author: str = ""
    plain: SkillDocument | None = None  #: what the template writes: the gates judge it too
    wrote: Wrote = Wrote()
    edits: tuple[Edit, ...] = ()
    lesson_ids: tuple[str, ...] = ()
    note: str = ""
    kept: str = ""


def wanted(draft: Draft, history: History) -> Draft:
    """Leave out of a draft what a person does not want in the skill."""
    taken_out = history.taken_out()
    texts = {item.text for item in taken_out}
    draft = draft.without({lesson_id for item in taken_out for lesson_id in item.lesson_ids})
    # The same statement may come from a lesson of another key.
    return draft.without({i for item in template.items(draft) if item.text in texts for i in item.lesson_ids})


def revise(
    draft: Draft,
    history: History,
    *,
    author: str,
    may_edit_persons: bool,
    told_elsewhere: Collection[str] = (),
) -> Revision:
    """Give a skill's next text from what `wanted` left of its draft.

    What a skill of every project tells now may leave it, however much that is.
    """
    current, made = history.current, history.made
    plain = replace(template.write(draft), name=history.skill.name)
    stated = template.items(draft)
    refused = {item.text for item in history.taken_out()}
    base = tuple(item for item in made.items if item.text not in refused)
    ids = tuple(lesson.lesson_id for lesson in draft.lessons)
    if current.origin == TEMPLATE and not made.items:
        return Revision(document=plain, author=author, wrote=Wrote.of(plain, stated), lesson_ids=ids)
    owned = [item for item in base if not item.lesson_ids or not set(item.lesson_ids) <= set(told_elsewhere)]
    if why := _objection(history, owned, stated, may_edit_persons=may_edit_persons):
        return Revision(kept=why)
    protected = {item.text for item in history.put_back()}
    planned = items.edits(base, stated)
    changes = tuple(e for e in planned if e.before is None or e.before.text not in protected)
    if current.origin == TEMPLATE and changes == planned:
        wrote = Wrote.of(plain, stated)
        return Revision(
            document=plain, author=author, plain=plain, wrote=wrote, edits=changes, lesson_ids=ids
        )
    if not changes:
        return Revision(
            kept="" if current.origin in (TEMPLATE, MODEL) else "a person wrote its current version"
        )
    return _merged(history, plain, stated, base=base, changes=changes, ids=ids, author=author)


def _objection(
    history: History, base: Sequence[Item], stated: Sequence[Item], *, may_edit_persons: bool
) -> str:
    if history.current.origin not in (TEMPLATE, MODEL) and not (may_edit_persons and history.made.items):
        return "a person wrote its current version"
    if len(stated) < MIN_KEPT * len(base):
        return (
            f"it would keep {len(stated)} of {len(base)} items: "
            f"look at it, then `hivemind skills edit {history.skill.name}` or retire it"
        )
    return ""


def _merged(
    history: History,
    plain: SkillDocument,
    stated: Sequence[Item],
    *,
    base: Sequence[Item],
    changes: Sequence[Edit],
    ids: Sequence[str],
    author: str,
) -> Revision:
    current, made = history.current, history.made
    is_machines = current.origin in (TEMPLATE, MODEL)
    merged = items.merge(
        current.document.body,
        changes,
        present=base,
        wanted=stated,
        intros=template.INTROS,
        reworded=current.origin == MODEL,
    )
    wrote = Wrote.of(plain, [*stated, *(i for i in base if _is_kept(i, stated, changes))])
    if merged.left and is_machines:
        return Revision(
            document=plain,
            author=author,
            plain=plain,
            wrote=Wrote.of(plain, stated),
            edits=tuple(changes),
            lesson_ids=tuple(ids),
            note="the model's wording had no line to change for it, so it is worded anew",
        )
    if not merged.made:
        return Revision(kept="a person worded these items: they stay")
    title, newline, rest = merged.body.partition("\n")
    body = f"{plain.body.partition(chr(10))[0]}{newline}{rest}" if title == made.title else merged.body
    document = replace(
        current.document,
        body=body,
        description=plain.description
        if current.document.description == made.description
        else current.document.description,
        metadata={key: plain.metadata.get(key, value) for key, value in current.document.metadata.items()},
    )
    return Revision(
        document=document,
        origin=current.origin,
        author=author if is_machines else current.author,
        plain=plain,
        wrote=wrote,
        edits=merged.made,
        lesson_ids=tuple(dict.fromkeys((*ids, *(i for item in wrote.items for i in item.lesson_ids)))),
    )


def _is_kept(item: Item, stated: Sequence[Item], changes: Sequence[Edit]) -> bool:
    return item not in stated and all(edit.before != item for edit in changes)


def reason(workspace: Workspace, revision: Revision) -> str:
    """Say which items a revision adds, changes and removes, and how many sessions show them."""
    parts = []
    for action in ("added", "changed", "removed"):
        found = [edit for edit in revision.edits if edit.action == action]
        told = [_told(workspace, edit) for edit in found[:MAX_TOLD]]
        more = [f"{len(found) - MAX_TOLD} more"] if len(found) > MAX_TOLD else []
        if found:
            parts.append(f"{action} {', '.join([*told, *more])}")
    return "; ".join([*parts, *([revision.note] if revision.note else [])]) or (
        "its earliest evidence is in other sessions now"
    )


def _told(workspace: Workspace, edit: Edit) -> str:
    item = edit.after or edit.before
    assert item is not None  # noqa: S101 - an edit has one of them
    line = " / ".join(item.text.removeprefix("- ").split("\n"))
    short = line if len(line) <= MAX_TOLD_CHARS else line[: MAX_TOLD_CHARS - 1] + "…"
    if edit.after is None:
        return f"“{short}” (no longer supported)"
    number = skills.support(workspace, item.lesson_ids)
    return f"“{short}” (evidence from {number} session{'' if number == 1 else 's'})"
