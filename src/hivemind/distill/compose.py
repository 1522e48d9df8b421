"""Choose which lessons of a project become skills, and which belong into one."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hivemind.distill.contrast import project as contrast
from hivemind.distill.contrast.stated import Stated
from hivemind.distill.miners import area, command, correction, fix, pitfall, procedure
from hivemind.domain.lessons import Lesson

#: Distinct sessions that must show a lesson nobody stated.
MIN_SESSIONS = 2
#: The checks of a project share one skill: they are run together and asked for together.
CHECKS_TOPIC = "checks"
CHECKS = frozenset({"test", "lint", "format", "typecheck", "build", CHECKS_TOPIC})
#: Sessions in which a project's commands were seen to work before they alone make a skill.
MIN_COMMAND_SESSIONS = 3
#: What any agent tries first: alone, and with no folder that it belongs to, it makes no skill.
_PLAIN = re.compile(
    r"(?:npm|pnpm|yarn|bun)(?: run)? \w+|cargo \w+|go (?:test|build|vet) \./\.\.\.|pytest|tox"
)
#: Sessions that must show an order of checks.
MIN_PROCEDURE_SESSIONS = 3
#: How much more common it must be than any other order of the same checks.
MIN_ORDER_RATIO = 2.0
#: Share of a command's sessions that had changed a folder before, for the command to belong to it.
MIN_AREA_SHARE = 0.8
#: A folder further down needs more sessions, else it is where one task was.
DEEP_PARTS, MIN_DEEP_SESSIONS = 3, 3
MAX_COMMANDS_PER_PURPOSE = 3
MAX_ITEMS = 12
MAX_PITFALLS = 6
#: Two rules with so many of their words in common are one rule.
SAME_RULE = 0.5
_PARTS = ("procedures", "commands", "areas", "fixes", "pitfalls", "rules", "contrasts", "dangers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Hold the lessons of a skill to be: one topic of one project."""

    project_id: str
    project_name: str
    topic: str
    procedures: tuple[Lesson, ...] = ()
    commands: tuple[Lesson, ...] = ()
    areas: tuple[Lesson, ...] = ()  #: where a command belongs
    fixes: tuple[Lesson, ...] = ()
    pitfalls: tuple[Lesson, ...] = ()
    rules: tuple[Lesson, ...] = ()
    contrasts: tuple[Lesson, ...] = ()  #: what went with success
    dangers: tuple[Lesson, ...] = ()  #: what went with failure

    @property
    def lessons(self) -> tuple[Lesson, ...]:
        """Give every lesson of the draft."""
        return (
            *self.fixes,
            *self.procedures,
            *self.commands,
            *self.areas,
            *self.pitfalls,
            *self.rules,
            *self.contrasts,
            *self.dangers,
        )

    @property
    def sessions(self) -> int:
        """Count the distinct sessions that the evidence names."""
        return len({e.session_id for lesson in self.lessons for e in lesson.evidence})

    def without(self, lesson_ids: Collection[str]) -> "Draft":
        """Leave lessons out, and the orders of checks that a command among them is a step of."""
        if not lesson_ids:
            return self
        dropped = {str(x.data.get("command")) for x in self.commands if x.lesson_id in lesson_ids}
        kept: dict[str, Any] = {
            name: tuple(x for x in getattr(self, name) if x.lesson_id not in lesson_ids) for name in _PARTS
        }
        kept["procedures"] = tuple(
            x for x in kept["procedures"] if dropped.isdisjoint(map(str, x.data["steps"]))
        )
        kept["areas"] = tuple(x for x in kept["areas"] if str(x.data.get("command")) not in dropped)
        return replace(self, **kept)


def drafts(lessons: Sequence[Lesson], *, project_id: str, project_name: str) -> list[Draft]:
    """Group a project's supported lessons by topic; the same lessons always give the same drafts.

    What attempts at a skill's own tasks teach joins that skill: two skills for one request would stand in
    each other's way.
    """
    compared = [x for x in lessons if "patterns" in x.data and (x.sessions >= MIN_SESSIONS or x.explicit)]
    plain = [x for x in lessons if "patterns" not in x.data]
    by_topic = {
        draft.topic: draft for draft in _drafts(plain, project_id=project_id, project_name=project_name)
    }
    enough = {topic for topic, draft in by_topic.items() if is_enough(draft)}

    def about(topic: str, kind: str) -> list[Lesson]:
        found = [x for x in _of(compared, kind) if _skill_topic(x, among=enough) == topic]
        return sorted(found, key=_by_sureness)

    found = []
    for topic in sorted({*by_topic, *(_skill_topic(x, among=enough) for x in compared)}):
        empty = Draft(project_id=project_id, project_name=project_name, topic=topic)
        draft = replace(
            by_topic.get(topic, empty),
            contrasts=_in_order(about(topic, contrast.KIND)[:MAX_ITEMS]),
            dangers=_in_order(about(topic, contrast.PITFALL)[:MAX_PITFALLS]),
        )
        if is_enough(draft):
            found.append(draft)
    return found


def stated(lessons: Sequence[Lesson]) -> list[Stated]:
    """Give the commands that the skills of a project's lessons state, but for what comparing taught."""
    plain = [x for x in lessons if "patterns" not in x.data]
    found = []
    for draft in _drafts(plain, project_id="", project_name=""):
        told = {str(x.data[name]) for x in draft.fixes for name in ("failed", "fix")}
        told |= {str(x.data["command"]) for x in draft.commands}
        told |= {str(step) for x in draft.procedures for step in x.data["steps"]}
        if told and is_enough(draft):
            found.append(Stated(topic=draft.topic, commands=frozenset(told)))
    return found


def _skill_topic(lesson: Lesson, *, among: Collection[str]) -> str:
    about = str(lesson.data.get(contrast.SKILL_TOPIC, ""))
    return about if about in among else lesson.topic


def _drafts(lessons: Sequence[Lesson], *, project_id: str, project_name: str) -> list[Draft]:
    """Draft what single sessions showed, also where that is not enough for a skill."""
    supported = [x for x in lessons if x.sessions >= MIN_SESSIONS or x.explicit]
    fixes = _best_fixes(_of(supported, fix.KIND))
    broken = {x.data.get("failed") for x in fixes if x.data.get("relation") != "remedy"}
    known = [x for x in _of(supported, command.KIND) if x.data.get("command") not in broken]
    orders = _orders(_of(supported, procedure.KIND))
    refused = sorted((x for x in _of(supported, pitfall.KIND) if "rule" in x.data), key=_by_support)
    rules = _distinct_rules(_of(supported, correction.KIND))
    found = []
    for topic in sorted({group(x.topic) for x in (*fixes, *known, *orders, *refused, *rules)}):
        commands = _few_a_purpose(_about(topic, known))
        draft = Draft(
            project_id=project_id,
            project_name=project_name,
            topic=topic,
            fixes=_in_order(_about(topic, fixes)[:MAX_ITEMS]),
            procedures=tuple(_about(topic, orders)),
            commands=commands,
            areas=_areas(commands, _of(supported, area.KIND)),
            pitfalls=_in_order(_about(topic, refused)[:MAX_PITFALLS]),
            rules=_in_order(_about(topic, rules)[:MAX_ITEMS]),
        )
        found.append(draft)
    return found


def group(topic: str) -> str:
    """Give the topic of the skill that lessons of a topic belong to."""
    return CHECKS_TOPIC if topic in CHECKS else topic


def _of(lessons: Iterable[Lesson], kind: str) -> list[Lesson]:
    return [x for x in lessons if x.kind == kind]


def _about(topic: str, lessons: Iterable[Lesson]) -> list[Lesson]:
    return [x for x in lessons if group(x.topic) == topic]


def _in_order(lessons: Iterable[Lesson]) -> tuple[Lesson, ...]:
    """Order lessons so that one more session of the same moves no line of a skill."""
    return tuple(sorted(lessons, key=lambda x: x.key))


def _by_support(lesson: Lesson) -> tuple[int, str]:
    return (-lesson.sessions, lesson.key)


def _by_sureness(lesson: Lesson) -> tuple[float, str]:
    return (-float(lesson.data.get("probability", 0)), lesson.key)


def is_enough(draft: Draft) -> bool:
    """Say whether a draft's lessons are worth a skill."""
    if draft.fixes or draft.rules or draft.procedures or draft.pitfalls or draft.contrasts or draft.dangers:
        return True
    if not draft.commands or _is_plain(draft):
        return False
    return max(x.sessions for x in draft.commands) >= MIN_COMMAND_SESSIONS


def _is_plain(draft: Draft) -> bool:
    only = draft.commands[0] if len(draft.commands) == 1 and not draft.areas else None
    return only is not None and _PLAIN.fullmatch(str(only.data.get("command"))) is not None


def _best_fixes(fixes: list[Lesson]) -> list[Lesson]:
    """Keep one answer to each failing call: the one that most sessions found."""
    best: dict[tuple[bool, str], Lesson] = {}
    for lesson in sorted(fixes, key=_by_support):
        relation, _, failing = lesson.key.partition(" -> ")[0].partition(": ")
        best.setdefault((relation == "remedy", failing), lesson)
    broken = {x.data.get("failed") for x in best.values() if x.data.get("relation") != "remedy"}
    # A fix that is itself known to fail is a step on the way, not an answer.
    return sorted((x for x in best.values() if x.data.get("fix") not in broken), key=_by_support)


def _orders(found: list[Lesson]) -> list[Lesson]:
    """Keep the order of checks that most sessions ended with, unless they end with others as often."""
    best = min(found, key=lambda x: (-x.sessions, -len(x.data["steps"]), x.key), default=None)
    if best is None or best.sessions < MIN_PROCEDURE_SESSIONS:
        return []
    same = {*best.data["steps"]}
    others = [x.sessions for x in found if x is not best and {*x.data["steps"]} == same]
    return [best] if best.sessions >= MIN_ORDER_RATIO * max(others, default=0) else []


def _few_a_purpose(known: list[Lesson]) -> tuple[Lesson, ...]:
    kept: list[Lesson] = []
    for lesson in sorted(known, key=_by_support):
        purpose, text = lesson.data.get("purpose"), str(lesson.data.get("command"))
        if any(text.endswith(f" {x.data.get('command')}") for x in kept):
            continue  # a wrapper around a command that is known better
        if sum(x.data.get("purpose") == purpose for x in kept) < MAX_COMMANDS_PER_PURPOSE:
            kept.append(lesson)
    return tuple(sorted(kept[:MAX_ITEMS], key=lambda x: (str(x.data.get("purpose")), x.key)))


def _areas(commands: Iterable[Lesson], found: list[Lesson]) -> tuple[Lesson, ...]:
    """Choose for each command the narrowest folder that its sessions had changed before."""
    chosen = []
    for known in commands:
        fitting = [
            x
            for x in found
            if x.data.get("command") == known.data.get("command")
            and x.sessions >= MIN_AREA_SHARE * known.sessions
            and (_depth(x) < DEEP_PARTS or x.sessions >= MIN_DEEP_SESSIONS)
        ]
        if fitting:
            chosen.append(min(fitting, key=lambda x: (-_depth(x), -x.sessions, x.key)))
    return tuple(chosen)


def _depth(lesson: Lesson) -> int:
    return str(lesson.data["folder"]).count("/") + 1


def _distinct_rules(rules: list[Lesson]) -> list[Lesson]:
    kept: list[Lesson] = []
    for lesson in sorted(rules, key=lambda x: (not x.explicit, -x.sessions, x.key)):
        words = correction.terms(str(lesson.data.get("rule", "")))
        if not any(_overlap(words, correction.terms(str(k.data.get("rule", "")))) >= SAME_RULE for k in kept):
            kept.append(lesson)
    return kept


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / min(len(one), len(other)) if one and other else 0.0
