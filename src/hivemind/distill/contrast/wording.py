"""Say a pattern in words: as something to do, or as something that went with failure."""

from collections.abc import Sequence

from hivemind.distill.contrast.patterns import EDIT, END, MAX_ITEMS, START, Pattern
from hivemind.distill.writers.markdown import code

#: Kind → what to do, and what was seen; the fields are what `_fields` gives.
_FORMS = {
    "does": ("call {0}", "calling {0}"),
    "call": ("call {0} with {1}", "calling {0} with {1}"),
    "gives": ("call {0} with {1}", "calling {0} with {1}"),
    "items": ("call {0} with {1} in {2}", "calling {0} with {1} in {2}"),
    "times": ("call {0} {1}", "calling {0} {1}"),
    "before": ("before {1}, call {0}", "calling {0} before {1}"),
    "then": ("call {1} right after {0}", "calling {1} right after {0}"),
    "first": ("begin with {0}", "beginning with {0}"),
    "last": ("end with {0}", "ending right after {0}"),
    "fails": ("go on when {0} fails", "a call of {0} that failed"),
    "changes": ("make {0}", "making {0}"),
    "changed": ("make {0}", "making {0}"),
    "agreed": ("ask the person and wait for a yes before {0}", "asking for one more yes before {0}"),
    "unagreed": ("go ahead with {0} without asking first", "going ahead with {0} before the person said yes"),
    "repeats": ("make sure by repeating {0}", "repeating {0} although nothing had changed"),
    "invents": ("work out values of {0} that nobody gave", "values in {0} that came up nowhere before"),
}
_TIMES = {"2": "more than once", "3": "more than twice"}
_CHANGES = {"0": "no change", "1": "exactly one change", "2": "two changes", "3": "three or more changes"}
_ANY = {"repeats": "the same call"}


def advice(patterns: Sequence[Pattern]) -> str:
    """Say what to do; patterns that come together are one step."""
    return _sentence(patterns, form=0)


def warning(patterns: Sequence[Pattern]) -> str:
    """Say what went with failure."""
    return _sentence(patterns, form=1)


def _sentence(patterns: Sequence[Pattern], *, form: int) -> str:
    first, *rest = patterns
    kind, fields = _fields(first)
    text = _FORMS[kind][form].format(*fields)
    values = [_value(*p.about[1:]) for p in rest if p.kind == "gives" and p.about[0] == first.about[0]]
    if values and kind in ("does", "gives"):
        text += (" with " if kind == "does" else " and ") + " and ".join(values)
    return f"{text[:1].upper()}{text[1:]}."


def _fields(pattern: Pattern) -> tuple[str, tuple[str, ...]]:
    """Give the form that a pattern is said in, with what to fill in."""
    kind, about = pattern.kind, pattern.about
    match kind, about:
        case "then", (first, last) if first == START:
            return "first", (step(last),)
        case "then", (first, last) if last == END:
            return "last", (step(first),)
        case "gives", (name, argument, value):
            return kind, (step(name), _value(argument, value))
        case "call", (name, *stated):
            pairs = zip(stated[::2], stated[1::2], strict=True)
            return kind, (step(name), ", ".join(_value(a, v) for a, v in pairs))
        case "items", (name, argument, number):
            return kind, (step(name), _entries(number), code(argument))
        case "times", (name, number):
            return kind, (step(name), _TIMES[number])
        case "changes", (number,):
            return kind, (_CHANGES[number],)
        case _, ():
            return kind, (_ANY.get(kind, "a change"),)
    return kind, tuple(step(name) for name in about)


def step(name: str) -> str:
    """Name a step in a sentence."""
    return "the tool that changes files" if name == EDIT else code(name)


def _value(argument: str, value: str) -> str:
    return f"{code(argument)} {code(value)}"


def _entries(number: str) -> str:
    return (
        f"{number}{' or more' if number == str(MAX_ITEMS) else ''} {'entry' if number == '1' else 'entries'}"
    )
