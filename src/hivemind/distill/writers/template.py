"""Write a skill without a model: state each lesson plainly, in words that its evidence holds."""

import re

from hivemind.distill.compose import MIN_SESSIONS, Draft
from hivemind.distill.contrast import wording
from hivemind.distill.contrast.project import patterns_of
from hivemind.distill.items import Item
from hivemind.distill.miners import correction
from hivemind.distill.writers.markdown import code, plain, quoted
from hivemind.domain.lessons import Lesson
from hivemind.domain.skills import SkillDocument

MAX_NAME_CHARS = 64
MAX_DESCRIPTION_CHARS = 600
#: Event ids that the metadata names; the store links all of them.
MAX_CITED_EVENTS = 8
#: So much of an event's id is unique among millions, in characters.
CITED_CHARS = 13
CITED_ROLES = frozenset({"failure", "fix", "success", "correction"})

#: Purpose → what one does, the same where it is all one does, what it is about, what fails.
_PURPOSES = {
    "test": ("run the tests", "run the tests", "tests", "a test fails"),
    "lint": ("lint", "lint the code", "lint", "the linter complains"),
    "format": ("format the code", "format the code", "formatting", "the formatting is refused"),
    "typecheck": ("check the types", "check the types", "types", "there are type errors"),
    "build": ("build", "build the code", "build", "the build fails"),
    "generate": ("generate code", "generate code again", "generated code", "generated files are out of date"),
    "migrate": (
        "migrate the database",
        "migrate the database or apply a new migration",
        "database migrations",
        "the database schema is out of date",
    ),
    "install": ("install dependencies", "install or add dependencies", "dependencies", "installing fails"),
    "serve": ("start the application", "start the application locally", "local start", "it does not start"),
    "deploy": ("deploy or release", "deploy or release", "releases", "a release fails"),
}
#: Section → the line above its list; skills are found by its words, too. Of the commands the second stands
#: where an order comes before, of the contrasts in older skills.
INTROS = {
    "order": ("After the last change and before committing, in this order:",),
    "commands": ("What works here:", "Also known to work here:"),
    "fixes": ("What fails here, and what to do:",),
    "pitfalls": ("What the checks have refused here, so get it right the first time:",),
    "contrasts": (
        "Done here where it went well, and mostly not where it failed:",
        "What attempts that worked here did, and most that failed did not:",
    ),
    "dangers": ("What went with failure here, so be sure before doing it:",),
    "rules": ("Stated by people who work on this project:",),
}
_NOT_IN_NAME = re.compile(r"[^a-z0-9]+")
_CHECKS = "checks"


def write(draft: Draft) -> SkillDocument:
    """Write the SKILL.md of a draft; the same draft always gives the same text."""
    return SkillDocument(
        name=name_of(draft),
        description=_description(draft),
        body=_body(draft),
        metadata={
            "hivemind-topic": plain(draft.topic)[:100],
            "hivemind-evidence": " ".join(_cited(draft)),
        },
    )


def name_of(draft: Draft) -> str:
    """Give `project-topic` in the characters that a skill name may have."""
    project = _NOT_IN_NAME.sub("-", draft.project_name.lower()).strip("-") or "project"
    topic = _NOT_IN_NAME.sub("-", draft.topic.lower()).strip("-")[: MAX_NAME_CHARS // 2] or "notes"
    return f"{project[: MAX_NAME_CHARS - len(topic) - 1].strip('-')}-{topic}".strip("-")


def _description(draft: Draft) -> str:
    project = plain(draft.project_name).replace("`", "'")
    if draft.topic == _CHECKS or draft.topic in _PURPOSES:
        text = f"How to {_join(_done(draft))} in {project}{_with(draft)}. {_covers(draft)}{_when(draft)}."
    elif draft.fixes:
        topic = plain(draft.topic).replace("`", "'")
        text = (
            f"How to call {topic} in {project}: what fails here, and what works instead. "
            f"Use before running {topic}, and when {_failing(draft)} fails."
        )
    elif draft.contrasts or draft.dangers:
        tasks = _tasks(draft)
        text = (
            f"What worked in {tasks} in {project}, and what went with failure. "
            f"Use before starting on {tasks} there, and before changing anything for them."
        )
    else:
        subjects = _subjects(draft)
        text = (
            f"Rules that people working on {project} have stated about {subjects or 'how to work here'}. "
            f"Use before changing or running {'any of these' if subjects else 'anything there'}."
        )
    return _cut(text, MAX_DESCRIPTION_CHARS)


def _with(draft: Draft) -> str:
    if draft.topic == _CHECKS or not draft.commands:
        return ""
    return f" ({_join([code(str(x.data['command'])) for x in draft.commands[:2]], last='or')})"


def _covers(draft: Draft) -> str:
    covered = []
    if draft.procedures:
        covered.append("the order to run them in")
    if draft.fixes:
        covered.append("what fails here and what to run instead")
    if draft.pitfalls:
        rules = ", ".join(plain(str(x.data["rule"])) for x in draft.pitfalls[:3])
        covered.append(f"what is refused ({rules})")
    if draft.rules:
        covered.append("the rules its people stated")
    return f"Covers {_join(covered)}. " if covered else ""


def _when(draft: Draft) -> str:
    if draft.topic == _CHECKS:
        asked = _join(_done(draft), last="or")
        failing = dict.fromkeys([*_purposes(draft), *("lint" for _ in draft.pitfalls)])
        fails = _join([_PURPOSES[p][3] for p in failing], last="or")
        return (
            f"Use when asked to {asked}, or to check or verify that nothing is broken; before you commit, "
            f"push or open a pull request; and when {fails}"
        )
    after = [code(str(x.data["folder"])) for x in draft.areas]
    changed = f", after changing {_join(after, last='or')}" if after else ""
    return f"Use when asked to {_PURPOSES[draft.topic][1]}{changed}, and when {_PURPOSES[draft.topic][3]}"


def _done(draft: Draft) -> list[str]:
    purposes = _purposes(draft)
    return [_PURPOSES[p][1 if len(purposes) == 1 and draft.topic == _CHECKS else 0] for p in purposes]


def _purposes(draft: Draft) -> list[str]:
    found = {str(x.data.get("purpose")) for x in draft.commands} | {x.topic for x in draft.fixes}
    named = sorted((p for p in found if p in _PURPOSES), key=list(_PURPOSES).index)
    return named or ["lint" if draft.topic == _CHECKS else draft.topic]


def items(draft: Draft) -> tuple[Item, ...]:
    """Give what the body states, in order; every lesson of the draft belongs to an item."""
    ordered = list(draft.procedures[0].data["steps"]) if draft.procedures else []
    remedies = {x.data["fix"]: x for x in draft.fixes if x.data.get("relation") == "remedy"}
    hidden = [x for x in draft.commands if x.data["command"] in ordered]
    found = []
    if ordered:
        steps = "\n".join(f"{n}. {code(str(step))}" for n, step in enumerate(ordered, start=1))
        areas = [x for x in draft.areas if x.data["command"] in ordered]
        found.append(_item("order", steps, *draft.procedures, *hidden, *areas))
    found += _commands(draft, without={*ordered, *remedies})
    for x in draft.fixes:
        same = [
            y
            for y in (*draft.commands, *draft.areas)
            if remedies.get(y.data["command"]) is x and y not in hidden
        ]
        found.append(_item("fixes", _fix(x), x, *same))
    found += [_item("pitfalls", _pitfall(x), x) for x in draft.pitfalls]
    found += [_item("contrasts", f"- {wording.advice(patterns_of(x.data))}", x) for x in draft.contrasts]
    found += [_item("dangers", f"- {wording.warning(patterns_of(x.data))}", x) for x in draft.dangers]
    return (*found, *(_item("rules", _rule(x), x) for x in draft.rules))


def _item(section: str, text: str, *lessons: Lesson) -> Item:
    return Item(section=section, text=text, lesson_ids=tuple(dict.fromkeys(x.lesson_id for x in lessons)))


def _body(draft: Draft) -> str:
    parts = [f"# {_title(draft)}"]
    stated = items(draft)
    for section, intros in INTROS.items():
        own = [item.text for item in stated if item.section == section]
        if own:
            after_order = section == "commands" and any(item.section == "order" for item in stated)
            parts += [intros[1 if after_order else 0], "\n".join(own)]
    return "\n\n".join(parts) + "\n"


def _title(draft: Draft) -> str:
    project = plain(draft.project_name)
    if draft.topic == _CHECKS:
        return f"Checks in {project}: {_join([_PURPOSES[p][2] for p in _purposes(draft)])}"
    if draft.topic in _PURPOSES:
        about = _PURPOSES[draft.topic][2]
        return f"{about[0].upper()}{about[1:]} in {project}"
    if draft.fixes:
        return f"Calling {plain(draft.topic)} in {project}"
    if draft.contrasts or draft.dangers:
        return f"What works in {_tasks(draft)} in {project}"
    return f"Rules of {project}"


def _tasks(draft: Draft) -> str:
    """Name the tasks that were compared."""
    labels = dict.fromkeys(str(x.data.get("label", "")) for x in (*draft.contrasts, *draft.dangers))
    named = [plain(label) for label in labels if label]
    return f"tasks about “{_join(named)}”" if named else "tasks"


def _commands(draft: Draft, *, without: set[str]) -> list[Item]:
    """Give one item for each purpose, and folder where commands belong to one."""
    folders = {x.data["command"]: x for x in draft.areas}
    lines: dict[str, list[Lesson]] = {}
    for x in draft.commands:
        if x.data["command"] not in without:
            what, area = _PURPOSES[str(x.data["purpose"])][0], folders.get(x.data["command"])
            after = f", after changing {code(str(area.data['folder']))}" if area else ""
            lines.setdefault(f"{what[0].upper()}{what[1:]}{after}", []).append(x)
    return [
        _item(
            "commands",
            f"- {what}: {', '.join(code(str(x.data['command'])) for x in found)}",
            *found,
            *(folders[x.data["command"]] for x in found if x.data["command"] in folders),
        )
        for what, found in lines.items()
    ]


def _fix(lesson: Lesson) -> str:
    failed, fix = code(str(lesson.data["failed"])), code(str(lesson.data["fix"]))
    error = quoted(str(lesson.data.get("error", "")))
    shown = f" with {error}" if error else ""
    if lesson.data.get("relation") == "remedy":
        return f"- When {failed} fails{shown}, run {fix}, then {failed} again."
    return f"- {failed} fails{shown}. Run {fix} instead."


def _pitfall(lesson: Lesson) -> str:
    rule, message = plain(str(lesson.data["rule"])), plain(str(lesson.data.get("message", "")))
    return f"- {rule}: {message}." if message else f"- {rule}."


def _rule(lesson: Lesson) -> str:
    text = plain(str(lesson.data["rule"]), keep_code=True)
    return f"- {text if text.endswith(('.', '!')) else text + '.'}"


def _failing(draft: Draft) -> str:
    return _join([code(str(x.data["failed"])) for x in draft.fixes[:2]], last="or")


def _subjects(draft: Draft) -> str:
    named = dict.fromkeys(
        plain(subject) for x in draft.rules for subject in correction.subjects(str(x.data["rule"]))
    )
    return _join(list(named)[:6])


def _cited(draft: Draft) -> list[str]:
    """Name the first event of each lesson, then the second of each, until there are enough."""
    columns = [_earliest(x) for x in draft.lessons]
    longest = max(map(len, columns), default=0)
    by_turns = [ids[n] for n in range(longest) for ids in columns if n < len(ids)]
    return [event_id[:CITED_CHARS] for event_id in dict.fromkeys(by_turns)][:MAX_CITED_EVENTS]


def _earliest(lesson: Lesson) -> list[str]:
    """Give the events of the sessions that first made the lesson count, so that later ones change no word."""
    first = list(dict.fromkeys(e.session_id for e in lesson.evidence))[:MIN_SESSIONS]
    return [e.event_id for e in lesson.evidence if e.role in CITED_ROLES and e.session_id in first]


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rsplit(" ", 1)[0] + "…"


def _join(words: list[str], *, last: str = "and") -> str:
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"
