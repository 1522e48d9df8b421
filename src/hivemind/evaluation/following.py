"""Whether an agent followed a skill: the steps that its text names were taken afterwards.

Read from the text are code that is typed into a shell, or the name of a tool that is to be called, and
whether the words around it say to run it or not to. Other advice leaves no trace.
"""

import re
import shlex
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from hivemind.library.gates import markdown
from hivemind.library.gates.markdown import Kind

#: Steps of one skill that are looked for, at most.
MAX_STEPS = 60
#: A longer command line is a script, of which nothing is read, in characters.
MAX_LINE_CHARS = 4_000
#: Commands of one line, at most.
_MAX_PARTS = 40
_MAX_SPAN_CHARS = 300
_SHELL_BLOCKS = frozenset({"", "sh", "bash", "shell", "console", "zsh", "terminal", "fish"})


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Programs that are a step without any argument.
_PROGRAMS = _words(
    """
    alembic ansible black bun bundle cargo composer conda deno docker dotnet eslint flake8 gh git go
    golangci-lint gradle gradlew helm isort jest just kubectl make mise mix mvn mypy nox npm npx nx pdm pip
    pip3 pipenv pnpm podman poetry prettier pyright pytest rake rspec rubocop ruff rustup rye task terraform
    tofu tox tsc turbo uv uvx vitest yarn
    """
)
#: First words of code that is no command.
_NO_PROGRAM = _words(
    """
    abstract as async await class const create def default delete elif else enum except extends final fn for
    from func function if impl import in insert interface is let match mod new not null print private
    protected public pub raise return select self static struct super switch this throw try type update use
    val var void while with yield
    """
)
_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")
_ITEM = re.compile(r"\s*(?:[-*+]|(\d{1,3})[.)])\s+")
_SENTENCE = re.compile(r"(?<=[.!?;。！？])\s+|(?<=[。！？])")
_PROGRAM = re.compile(r"(?:\.{0,2}/)?[A-Za-z@_][\w.@/+-]*")
_SCRIPT = re.compile(r"\.{1,2}/[\w./-]+|[\w./-]+\.(?:sh|bash|ps1)")
_TOOL = re.compile(r"[A-Za-z_][\w.-]{1,80}")
_PLACEHOLDER = re.compile(r"[<{\[].*[>}\]]|\$\{?\w+\}?|[A-Z][A-Z0-9_]{2,}")
_REST = ("...", "…")
#: In angle brackets it would be a redirection.
_BLANK = re.compile(r"<[A-Za-z][\w .|/-]{0,60}>")
#: What a span comes after that is a condition, and no step.
_CONDITION = re.compile(
    r"(?:\b(?:when|whenever|if|after|before|once|until|unless|while|because|wenn|nach|vor|si|cuando|quand|après)|如果|当)"
    r"\s*(?:[\w-]+ing\s+|you\s+\w+\s+|the\s+|an?\s+)*$",
    re.IGNORECASE,
)
#: What a span comes after that is not to be run.
_NOT = re.compile(
    r"(?:\b(?:never|not|don['’]t|avoid|cannot|can['’]t|mustn['’]t|shouldn['’]t|instead of|rather than|stop"
    r"|without|nicht|nie|statt|anstatt|au lieu de|en lugar de|en vez de|em vez de|не|вместо|non|jamais|nunca)"
    r"\b|不要|别|禁止|而不是)[^.;:,()]{0,40}$",
    re.IGNORECASE,
)
#: What says of the span before it that it is not to be run.
_FAILS = re.compile(
    r"\s*(?:always |often |still )?(?:fails?\b|is refused|is wrong|is forbidden|is not (?:allowed|supported)"
    r"|is deprecated|breaks|does(?: not|n['’]t) work|no longer works|hangs)",
    re.IGNORECASE,
)
_WRONG_BLOCK = re.compile(
    r"(?:\b(?:don['’]t|do not|never|wrong|bad|avoid|incorrect|fails)\b|❌|✗)[^.]*$", re.I
)
_CALLS = re.compile(r"\bcall\s+(?:the\s+(?:tool\s+)?)?$", re.IGNORECASE)
_SIMPLE = re.compile(r"[\w./:=@%+, -]*")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_HEREDOC = re.compile(r"<<-?\s*['\"]?(\w+)")
_REDIRECT = re.compile(r"[0-9&]*[<>]+&?[0-9-]*")
_SHELLS = frozenset({"bash", "sh", "zsh", "dash"})
#: What another command is run by, with how many words of its own before it.
_RUN_BY = {"sudo": 0, "env": 0, "time": 0, "nohup": 0, "exec": 0, "command": 0, "timeout": 1}
_FOLLOWED, _BROKEN = True, False


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """Hold a call of the agent as far as it shows a step; `command` is empty where it was no shell."""

    tool_name: str
    command: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Hold a command, or with one word and `is_tool` a tool, that a text says to run or not to run."""

    words: tuple[str, ...]
    is_tool: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """Hold what one item of a text says: what to run, in this order where it is one, and what not to."""

    run: tuple[Step, ...] = ()
    avoid: tuple[Step, ...] = ()
    is_order: bool = False


@dataclass(slots=True)
class _Item:
    """Collect one item's steps while it is read."""

    number: str = ""
    run: list[Step] = field(default_factory=list)
    avoid: list[Step] = field(default_factory=list)


def followed(body: str, calls: Sequence[Called]) -> bool | None:
    """Say whether calls, in order, took the steps of a skill's text; None where none could be seen.

    Doing first what the text says to avoid is not following it, whatever came after.
    """
    stated = advice(body)
    if not stated:
        return None
    programs = {step.words[0] for one in stated for step in (*one.run, *one.avoid)}
    ran = [one for call in calls for one in _ran(call, programs)]
    verdicts = [_verdict(one, ran) for one in stated]
    if _BROKEN in verdicts:
        return False
    if _FOLLOWED in verdicts:
        return True
    return False if any(one.run for one in stated) else None


@lru_cache(maxsize=512)
def advice(body: str) -> tuple[Advice, ...]:
    """Read what a text says to run and not to run."""
    found: list[Advice] = []
    ordered: list[Step] = []
    for item in _items(body):
        if item.number and len(item.run) == 1 and not item.avoid:
            ordered += item.run
            continue
        found += _order(ordered)
        ordered = []
        if item.run or item.avoid:
            found.append(Advice(run=tuple(item.run), avoid=tuple(item.avoid)))
        if len(found) >= MAX_STEPS:
            break
    return (*found, *_order(ordered))[:MAX_STEPS]


def _order(steps: Sequence[Step]) -> list[Advice]:
    return [Advice(run=tuple(steps[:MAX_STEPS]), is_order=len(steps) > 1)] if steps else []


def _verdict(stated: Advice, ran: Sequence[tuple[str, ...]]) -> bool | None:
    """Say of one item whether it was followed; None where what it is about did not come up."""
    if stated.is_order:
        return True if _taken_in_order(stated.run, ran) >= 2 else None
    related = False
    for words in ran:
        run = max((_length(step, words) for step in stated.run), default=0)
        avoid = max((_length(step, words) for step in stated.avoid), default=0)
        if avoid > run:
            return _BROKEN
        if run:
            return _FOLLOWED
        related = related or any(_is_related(step, words) for step in stated.avoid)
    return True if related and not stated.run else None


def _taken_in_order(steps: Sequence[Step], ran: Sequence[tuple[str, ...]]) -> int:
    taken = at = 0
    for step in steps:
        place = next((n for n in range(at, len(ran)) if _length(step, ran[n])), None)
        if place is not None:
            taken, at = taken + 1, place + 1
    return taken


def _is_related(step: Step, words: Sequence[str]) -> bool:
    """Say whether a command does the same in another way: its program and verb, with other arguments."""
    return len(step.words) > 2 and not step.is_tool and tuple(words[:2]) == step.words[:2]


def _length(step: Step, words: Sequence[str]) -> int:
    """Give how many words of a step a command begins with, all of them or none; it may have more flags."""
    at = 0
    for word in step.words:
        if word in _REST:
            return len(step.words)
        while at < len(words) and words[at] != word and words[at].startswith("-") and at:
            at += 1
        if at == len(words) or not (words[at] == word or (at and _PLACEHOLDER.fullmatch(word))):
            return 0
        at += 1
    return len(step.words)


def _ran(call: Called, programs: Collection[str]) -> Iterator[tuple[str, ...]]:
    """Yield what a call ran, if it can be about these programs: reading a line costs more than a look."""
    if call.command:
        if any(program in call.command for program in programs):
            yield from commands(call.command)
    else:
        yield (_tool(call.tool_name),)


def _tool(name: str) -> str:
    return f"tool:{name.rpartition('__')[2] or name}"


@lru_cache(maxsize=4096)
def commands(line: str) -> tuple[tuple[str, ...], ...]:
    """Split a shell line into the commands it runs, each as its words, its program without a folder."""
    if len(line) > MAX_LINE_CHARS:
        return ()
    return tuple(_commands(_without_documents(line.replace("\\\n", " ")), depth=0))[:_MAX_PARTS]


def _without_documents(line: str) -> str:
    """Leave out here-documents: what they hold is written and not run."""
    kept, end = [], ""
    for part in line.split("\n"):
        if end:
            end = "" if part.strip() == end else end
            continue
        kept.append(part)
        opened = _HEREDOC.search(part)
        end = opened.group(1) if opened else ""
    return "\n".join(kept)


def _commands(line: str, *, depth: int) -> Iterator[tuple[str, ...]]:
    if _SIMPLE.fullmatch(line):
        yield from _command(line.split(), depth=depth)
        return
    lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&\n")
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t\r", True, ""
    try:
        tokens = list(lexer)
    except ValueError:
        return
    words: list[str] = []
    is_target = False
    for token in [*tokens, ";"]:
        if token and set(token) <= set("();|&\n"):
            yield from _command(words, depth=depth)
            words, is_target = [], False
        elif _REDIRECT.fullmatch(token):
            is_target = not token[-1].isdigit() and not token.endswith("-")
            if words and words[-1].isdigit():
                words.pop()
        elif is_target:
            is_target = False
        else:
            words.append(token)


def _command(words: Sequence[str], *, depth: int) -> Iterator[tuple[str, ...]]:
    rest = list(words)
    while rest and (_ASSIGNMENT.match(rest[0]) or rest[0] in _RUN_BY):
        own = _RUN_BY.get(word := rest.pop(0), 0)
        while word in _RUN_BY and rest and rest[0].startswith("-"):
            rest.pop(0)
        del rest[:own]
    if not rest:
        return
    program = rest[0].rstrip("/").rpartition("/")[2] or rest[0]
    if program in _SHELLS and len(rest) > 1:
        if rest[1].startswith("-") and rest[1].endswith("c") and len(rest) > 2:
            if not depth:
                yield from _commands(rest[2], depth=1)
            return
        if not rest[1].startswith("-"):  # a script
            rest = rest[1:]
            program = rest[0].rpartition("/")[2] or rest[0]
    yield (program, *rest[1:])


def _items(body: str) -> Iterator[_Item]:
    """Read a text item by item: a list's entry, a paragraph, a block of commands."""
    paragraph: list[str] = []
    block: list[str] | None = None
    language, before = "", ""
    for kind, line in markdown.lines(body):
        if kind is Kind.CODE:
            if block is not None:
                block.append(line)
        elif kind is Kind.FENCE:
            if paragraph:
                before = paragraph[-1]
                yield _prose(paragraph)
                paragraph = []
            if block is None:
                block, language = [], line.strip().lstrip("`~").strip().partition(" ")[0].lower()
            else:
                if language in _SHELL_BLOCKS:
                    yield from _block(block, is_wrong=bool(_WRONG_BLOCK.search(before)))
                block, before = None, ""
        elif not line.strip() or line.startswith("#") or _ITEM.match(line):
            if paragraph:
                before = paragraph[-1]
                yield _prose(paragraph)
            paragraph = [line] if line.strip() and not line.startswith("#") else []
        else:
            paragraph.append(line)
    if paragraph:
        yield _prose(paragraph)


def _block(lines: Sequence[str], *, is_wrong: bool) -> Iterator[_Item]:
    typed = [line.strip() for line in "\n".join(lines).replace("\\\n", " ").split("\n")]
    if any(line.startswith("$ ") for line in typed):
        typed = [line[2:] for line in typed if line.startswith("$ ")]
    for line in typed[:MAX_STEPS]:
        steps = [] if line.startswith("#") else _steps(line)
        yield _Item(avoid=steps) if is_wrong else _Item(run=steps)


def _prose(lines: Sequence[str]) -> _Item:
    text = " ".join(line.strip() for line in lines)
    marked = _ITEM.match(text)
    item = _Item(number=(marked.group(1) or "") if marked else "")
    for sentence in _sentences(text[marked.end() :] if marked else text):
        _read_sentence(sentence, item)
    return item


def _sentences(text: str) -> Iterator[str]:
    """Split a text into sentences, not within its code."""
    spans = [(m.start(), m.end()) for m in _SPAN.finditer(text)]
    start = at = 0
    for end in _SENTENCE.finditer(text):
        while at < len(spans) and spans[at][1] <= end.start():
            at += 1
        if at == len(spans) or end.start() <= spans[at][0]:
            yield text[start : end.start()]
            start = end.end()
    yield text[start:]


def _read_sentence(sentence: str, item: _Item) -> None:
    """Sort the code of a sentence into what to run and what to avoid."""
    last, is_denied, conditions = 0, False, set[tuple[str, ...]]()
    for span in _SPAN.finditer(sentence):
        before, after, code = sentence[last : span.start()], sentence[span.end() :], span.group(2).strip()
        joined = bool(last) and before.strip().lower() in (",", "or", "and", ", or", ", and", "/")
        last = span.end()
        if _CALLS.search(before) and _TOOL.fullmatch(code):
            item.run.append(Step(words=(_tool(code),), is_tool=True))
            continue
        steps = _steps(code)
        if _CONDITION.search(before):
            conditions |= {step.words for step in steps}
            is_denied = False
            continue
        is_denied = (is_denied and joined) or bool(_NOT.search(before)) or bool(_FAILS.match(after))
        if is_denied:
            item.avoid += steps
        else:
            item.run += [step for step in steps if step.words not in conditions]


def _steps(code: str) -> list[Step]:
    """Read what would be typed into a shell; nothing for code of another kind."""
    if len(code) > _MAX_SPAN_CHARS or not _is_command(code):
        return []
    found = commands(_BLANK.sub("{}", code))
    return [Step(words=words) for words in found if words[0] not in ("cd", "true", "echo")]


def _is_command(code: str) -> bool:
    words = code.split()
    while words and _ASSIGNMENT.match(words[0]):
        words = words[1:]
    if not words or not _PROGRAM.fullmatch(words[0]) or words[0].lower() in _NO_PROGRAM:
        return False
    if len(words) == 1:
        return words[0] in _PROGRAMS or bool(_SCRIPT.fullmatch(words[0]))
    return words[1] not in ("=", ":=", "==", "=>", "->", ":") and not words[0].endswith((",", ":"))
