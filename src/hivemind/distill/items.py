"""Know the items of a skill's text: which lesson each rests on, what changed, and how to change only that.

An item is a line of the body, or the lines of a numbered list. Whatever else a text holds is left as it is.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

#: From this share of common words on, two lines without commands say the same.
SAME_WORDS: Final = 0.6
#: The same for lines that hold the same commands.
SAME_WORDS_AROUND_CODE: Final = 0.2
_SPAN = re.compile(r"(`+)(?!`)(.*?[^`])\1(?!`)")
_LIST_LINE = re.compile(r"\s*(?:[-*+]|\d{1,3}[.)])\s")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Hold one statement of a skill."""

    section: str
    text: str  #: a line, or several
    lesson_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Hold one change of an item: `before` is None where it is new, `after` where it goes."""

    before: Item | None = None
    after: Item | None = None

    @property
    def action(self) -> str:
        """Name the change."""
        return "added" if self.before is None else "removed" if self.after is None else "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """Hold a body with the edits that were made in it, and those that found no place."""

    body: str
    made: tuple[Edit, ...] = ()
    left: tuple[Edit, ...] = ()


def edits(before: Sequence[Item], after: Sequence[Item]) -> tuple[Edit, ...]:
    """Say how one text's items become another's; items of the same words are the same."""
    held, wanted = {item.text for item in before}, {item.text for item in after}
    gone = [item for item in before if item.text not in wanted]
    found = []
    for item in after:
        if item.text in held:
            continue
        was = next((old for old in gone if _is_about_the_same(old, item, before=before, after=after)), None)
        if was is not None:
            gone.remove(was)
        found.append(Edit(before=was, after=item))
    return (*found, *(Edit(before=item) for item in gone))


def _is_about_the_same(old: Item, new: Item, *, before: Sequence[Item], after: Sequence[Item]) -> bool:
    if old.section != new.section:
        return False
    alone = all(sum(x.section == new.section for x in items) == 1 for items in (before, after))
    return not {*old.lesson_ids}.isdisjoint(new.lesson_ids) or (alone and "\n" in old.text + new.text)


def missing(items: Iterable[Item], body: str) -> list[Item]:
    """Give the items that a text states no more, in whatever words."""
    wanted = list(items)
    places = _places(body.split("\n"), wanted, reworded=True)
    return [item for item, place in zip(wanted, places, strict=True) if place is None]


def merge(
    body: str,
    changes: Sequence[Edit],
    *,
    present: Sequence[Item],
    wanted: Sequence[Item],
    intros: Mapping[str, Sequence[str]],
    reworded: bool,
) -> Merged:
    """Make edits in a text that may have been worded otherwise, and leave every other line as it is.

    `present` are the items that the text was made of, `wanted` those it is to state, in order; `intros` are
    the lines that a section's list may stand under. With `reworded` an item is also known by its commands.
    """
    text = _Text(body, present, reworded=reworded)
    made: list[Edit] = []
    left: list[Edit] = []
    for edit in changes:
        if edit.before is None:
            continue
        if not text.replace(edit.before, edit.after, intros=intros.get(edit.before.section, ())):
            left.append(edit)
        else:
            made.append(edit)
    for edit in changes:
        if edit.before is None and edit.after is not None:
            text.add(edit.after, wanted=wanted, intros=intros.get(edit.after.section, ()))
            made.append(edit)
    return Merged(body=text.body, made=tuple(made), left=tuple(left))


class _Text:
    """Hold the lines of a body, each with the item it belongs to."""

    def __init__(self, body: str, present: Sequence[Item], *, reworded: bool) -> None:
        self._lines = body.split("\n")
        self._owners: list[Item | None] = [None] * len(self._lines)
        for item, place in zip(present, _places(self._lines, present, reworded=reworded), strict=True):
            for n in place or ():
                self._owners[n] = item

    @property
    def body(self) -> str:
        return "\n".join(self._lines)

    def replace(self, old: Item, new: Item | None, *, intros: Sequence[str]) -> bool:
        at = [n for n, owner in enumerate(self._owners) if owner == old]
        if not at:
            return False
        first = at[0]
        self._cut(first, len(at))
        if new is not None:
            self._put(first, new)
        else:
            self._drop_empty_list(first, old.section, intros)
        return True

    def add(self, item: Item, *, wanted: Sequence[Item], intros: Sequence[str]) -> None:
        order = [x for x in wanted if x.section == item.section]
        here = order.index(item) if item in order else len(order)
        for other in (*reversed(order[:here]), *order[here + 1 :]):
            at = [n for n, owner in enumerate(self._owners) if owner == other]
            if at:
                self._put(at[-1] + 1 if other in order[:here] else at[0], item)
                return
        intro = next((n for n, line in enumerate(self._lines) if line.strip() in intros), None)
        if intro is not None:
            end = self._end_of_list(intro + 1)
            if end is not None:
                self._put(end, item)
                return
        self._append(item, intros)

    def _append(self, item: Item, intros: Sequence[str]) -> None:
        while self._lines and not self._lines[-1].strip():
            self._cut(len(self._lines) - 1, 1)
        for line in ("", *intros[:1], *([""] if intros else [])):
            self._lines.append(line)
            self._owners.append(None)
        self._put(len(self._lines), item)
        self._lines.append("")
        self._owners.append(None)

    def _end_of_list(self, start: int) -> int | None:
        """Give the line after the list that begins at or after blank lines; None where no list is."""
        n = start
        while n < len(self._lines) and not self._lines[n].strip():
            n += 1
        if n >= len(self._lines) or not _LIST_LINE.match(self._lines[n]):
            return None
        while n < len(self._lines) and self._lines[n].strip():
            n += 1
        return n

    def _drop_empty_list(self, at: int, section: str, intros: Sequence[str]) -> None:
        """Remove the line above a list that has no item left."""
        if any(owner is not None and owner.section == section for owner in self._owners):
            return
        above = at - 1
        while above >= 0 and not self._lines[above].strip():
            above -= 1
        below = at
        while below < len(self._lines) and not self._lines[below].strip():
            below += 1
        followed = below < len(self._lines) and _LIST_LINE.match(self._lines[below])
        if above < 0 or self._lines[above].strip() not in intros or followed:
            return
        end = below if below < len(self._lines) else len(self._lines) - 1
        while above > 0 and below >= len(self._lines) and not self._lines[above - 1].strip():
            above -= 1
        self._cut(above, end - above)

    def _put(self, at: int, item: Item) -> None:
        lines = item.text.split("\n")
        self._lines[at:at] = lines
        self._owners[at:at] = [item] * len(lines)

    def _cut(self, at: int, number: int) -> None:
        del self._lines[at : at + number]
        del self._owners[at : at + number]


def _places(lines: Sequence[str], items: Sequence[Item], *, reworded: bool) -> list[range | None]:
    """Find the lines of each item, no line twice: first those of its own words, then those that say it."""
    taken: set[int] = set()
    found: list[range | None] = []
    for item in items:
        own = item.text.split("\n")
        starts = range(len(lines) - len(own) + 1)
        place = next(
            (
                range(n, n + len(own))
                for n in starts
                if taken.isdisjoint(range(n, n + len(own)))
                and all(lines[n + k].rstrip() == own[k] for k in range(len(own)))
            ),
            None,
        )
        taken.update(place or ())
        found.append(place)
    if reworded:
        for index, item in enumerate(items):
            if found[index] is None:
                found[index] = _said_otherwise(lines, item, taken)
                taken.update(found[index] or ())
    return found


def _said_otherwise(lines: Sequence[str], item: Item, taken: set[int]) -> range | None:
    own = item.text.split("\n")
    best, place = 0.0, None
    for n in range(len(lines) - len(own) + 1):
        run = range(n, n + len(own))
        if not taken.isdisjoint(run):
            continue
        alike = min(_likeness(lines[n + k], own[k]) for k in range(len(own)))
        if alike > best:
            best, place = alike, run
    return place


def _likeness(line: str, own: str) -> float:
    """Say how much of an item a line states; 0 where it is not that item."""
    if not line.strip() or line.lstrip().startswith("#"):
        return 0.0
    spans = _spans(own)
    words, wanted = _words(line), _words(own)
    shared = len(words & wanted) / max(1, len(words | wanted))
    if spans:
        return shared if spans <= _spans(line) and shared >= SAME_WORDS_AROUND_CODE else 0.0
    return shared if shared >= SAME_WORDS else 0.0


def _spans(text: str) -> frozenset[str]:
    return frozenset(" ".join(span.group(2).split()) for span in _SPAN.finditer(text))


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.lower()))


def as_json(items: Iterable[Item]) -> list[dict[str, Any]]:
    """Give items as the ledger keeps them."""
    return [{"section": x.section, "text": x.text, "lessons": list(x.lesson_ids)} for x in items]


def of_json(stored: Any) -> tuple[Item, ...]:
    """Read items as the ledger keeps them; what is none is left out."""
    rows = stored if isinstance(stored, list) else []
    return tuple(
        Item(section=str(row["section"]), text=str(row["text"]), lesson_ids=tuple(map(str, row["lessons"])))
        for row in rows
        if isinstance(row, dict) and {"section", "text", "lessons"} <= row.keys()
    )
