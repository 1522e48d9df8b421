"""Read shell commands well enough to tell what they are for and whether two do the same job."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from hivemind.distill.downloads import Segment, runs_a_download

#: A longer command is a script, not a step that a lesson can repeat, in characters.
MAX_COMMAND_CHARS = 2_000
#: Longer words are texts, not names, in characters.
MAX_WORD_CHARS = 60


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SEPARATORS = frozenset({"&&", "||", ";", "|", "|&", "&", "\n"})
_REDIRECT = re.compile(r"^\d*[<>]+&?\d*$")
_COMMENT = re.compile(r"(^|\s)#[^'\"\n]*$", re.M)
_ASSIGNMENT = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*=")
#: Programs that only look, move about or wait: never a step worth repeating by itself.
LOOKING = _words(
    """
    ! ( : [ [[ awk base64 case cat cd cp curl cut date df diff do done du echo env eval exit export
    false file find for grep head history hivemind if jq kill less ls lsof mkdir mv open pgrep pkill
    printf ps pwd read rg rm sed set sleep sort source stat tail tee test then touch trap tree true type
    uname unset until wait wc wget which while whoami xargs {
    """
)
#: Subcommands of any program that only look.
LOOKING_VERBS = _words(
    """
    cat describe diff get history info inspect list log logs ls ps query read search show stat status
    tail top version view wait watch whoami which capture --help -h --version
    """
)
_RUNNERS = frozenset({"run", "exec", "x", "compose", "tool", "task"})
#: Programs whose first plain word says what they do.
_WITH_VERB = _words(
    """
    alembic apt apt-get aws az brew bun bundle bunx cargo composer conda deno django-admin docker
    docker-compose dotnet firebase flask fly gcloud gh git go gradle gradlew hatch helm heroku just
    kubectl lerna make mise mix mvn netlify npm npx nx pdm pip pip3 pipenv pipx pnpm podman poetry
    prisma rails rake rtk rush rustup supabase swift task terraform tofu tox turbo uv uvx vercel
    wrangler xcodebuild yarn
    """
)
_INTERPRETERS = frozenset(
    {"python", "python3", "node", "ruby", "perl", "bash", "sh", "zsh", "php", "tsx", "ts-node"}
)
_LINTERS = "ruff|eslint|golangci-lint|clippy|flake8|pylint|biome|shellcheck|stylelint|rubocop|vet"
_PURPOSES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("typecheck", r"\b(type-?check|types|tsc|mypy|pyright|basedpyright|check-types)\b"),
        ("lint", rf"\b(lint(er|:\S+)?|{_LINTERS})\b"),
        ("format", r"\b(fmt|format|gofmt|prettier|black|isort|rustfmt)\b"),
        ("migrate", r"\b(migrate|migration|migrations|alembic|db:migrate)\b"),
        (
            "test",
            r"\b(tests?|pytest|jest|vitest|playwright|cypress|rspec|nextest|unittest|tox|e2e|test:\S+)\b",
        ),
        ("install", r"\b(install|ci|sync|add|i)\b"),
        ("build", r"\b(build|compile|bundle|dist|tsup|webpack|make all)\b"),
        ("generate", r"\b(generate|codegen|gen|protoc)\b"),
        ("serve", r"\b(dev|serve|start|runserver|up)\b"),
        ("deploy", r"\b(deploy|release|publish)\b"),
    )
)
#: A longer line is not searched for what it does, in characters.
MAX_SCRIPT_CHARS = 20_000
_HOME = re.compile(r"/(?:Users|home)/[^/\s]")
_COMMIT = re.compile(r"(?:^|[;&|\n]\s*|\()(?:\w+\s+)?git\s+(?:-C\s+\S+\s+)?commit\b")
#: Every agent that sees the project's manifest tries these.
_OBVIOUS = frozenset(
    {
        *("pytest", "python -m pytest", "python3 -m pytest", "tox", "make", "ruff check", "mypy", "black"),
        *("go build", "go test", "go vet", "go fmt", "gofmt", "cargo build", "cargo check", "cargo test"),
        *("cargo fmt", "cargo clippy", "npm test", "npm t", "yarn test", "pnpm test", "bun test", "npx tsc"),
        *("npx eslint", "npx prettier", "npx jest", "npx vitest", "dotnet build", "dotnet test", "mvn test"),
        *("mvn package", "gradle build", "gradle test", "gradlew build", "gradlew test", "mix test", "rake"),
        *("bundle install", "golangci-lint", "prettier", "eslint", "tsc", "jest", "vitest", "rspec"),
    }
)
_PLAIN_FLAG = re.compile(
    r"-{1,2}(?:v+|q+|x|s|l|w|race|verbose|quiet|noEmit|write|check|count=1|tb=\w+|cover)$"
)
_SELECTING = frozenset(
    {
        "-run",
        "-k",
        "-t",
        "-g",
        "--grep",
        "--filter-test",
        "--test-name-pattern",
        "--testNamePattern",
        "--only",
    }
    | {
        "--testPathPattern",
        "--testPathPatterns",
        "--run",
        "--spec",
        "-only-testing",
        "--tests",
        "--listTests",
    }
)
_SOURCE_FILE = re.compile(
    r"\.(?:py|pyi|ts|tsx|js|jsx|mjs|cjs|go|rs|java|kt|rb|php|swift|cs|c|cc|cpp|h|vue|svelte|md)$"
)
_VOLATILE = re.compile(
    r"^(?:[0-9a-f]{7,64}|\d{3,}|[0-9a-f]{8}-[0-9a-f-]{27,}|PR_\w+|.*\d{4}-\d{2}-\d{2}.*"
    r"|/(?:tmp|var/folders|private)/.*)$",
    re.I,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Hold one simple command of a shell line: no pipe, no separator."""

    words: tuple[str, ...]  #: without variable assignments and redirections
    assignments: tuple[str, ...] = ()  #: `NAME=value` in front of it

    @property
    def program(self) -> str:
        """Give the program's name without its folder."""
        return (self.words[0].rstrip("/").rsplit("/", 1)[-1] or self.words[0]) if self.words else ""

    @property
    def text(self) -> str:
        """Give the step as one would type it."""
        return " ".join([*(_quote(a) for a in self.assignments), *(_quote(w) for w in self.words)])


def _quote(word: str) -> str:
    if _ASSIGNMENT.match(word):
        name, _, value = word.partition("=")
        return f"{name}={shlex.quote(value)}"
    if re.fullmatch(r"[\w@%+=:,./\-~*?\[\]{}!#$^]+", word):
        return word
    return shlex.quote(word)


@lru_cache(maxsize=4096)
def steps(command: str) -> tuple[Step, ...]:
    """Split a shell line into its steps; empty for scripts, here-documents and what does not parse.

    What follows a pipe is left out (it filters output), and so are `cd` and `true` in front. A line that runs
    what it fetches has none: nobody knows what it did, and no lesson is to repeat it.
    """
    if len(command) > MAX_COMMAND_CHARS or "<<" in command or "$(" in command or "`" in command:
        return ()
    line = _COMMENT.sub(r"\1", command.replace("\\\n", " "))
    lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&\n")
    lexer.whitespace = " \t\r"
    lexer.whitespace_split = True
    lexer.commenters = ""  # shlex would take `a#b` for one
    try:
        tokens = list(lexer)
    except ValueError:
        return ()
    segments = _segments(tokens)
    if runs_a_download(segments):
        return ()
    found = [_step(each.words) for each in segments if not each.is_piped]
    return tuple(s for s in found if s.words and s.program not in _IN_FRONT and not _is_script(s))


def _segments(tokens: Sequence[str]) -> list[Segment]:
    """Cut a line at its separators."""
    found: list[Segment] = []
    current: list[str] = []
    writes: list[str] = []
    is_piped = skip = False
    for token in [*tokens, ";"]:
        if token in _SEPARATORS or set(token) <= set(";&|\n"):
            if current:
                found.append(Segment(words=tuple(current), is_piped=is_piped, writes=tuple(writes)))
            current, writes, is_piped, skip = [], [], token in ("|", "|&"), False
        elif _REDIRECT.match(token):
            skip = not token.rstrip("0123456789").endswith("&") or token.endswith("&")
            if current and current[-1].isdigit():
                current.pop()
        elif skip:
            writes.append(token)
            skip = False
        elif token in ("(", ")"):
            continue
        else:
            current.append(token)
    return found


_IN_FRONT = ("cd", "true", "set", "export", "source", ".")


def _is_script(step: Step) -> bool:
    return step.program in _INTERPRETERS and any(w in ("-c", "-e") or "\n" in w for w in step.words)


def _step(words: Sequence[str]) -> Step:
    count = 0
    while count < len(words) and _ASSIGNMENT.match(words[count]):
        count += 1
    return Step(words=tuple(words[count:]), assignments=tuple(words[:count]))


_VERB = re.compile(r"[a-z][a-z:-]+")
#: Flags before the verb whose value is the next word.
_VALUE_FLAGS = frozenset(
    {"-C", "-F", "--filter", "--prefix", "--cwd", "--dir", "--git-dir", "--project", "-w", "--workspace"}
)


def _plain(words: list[str]) -> list[str]:
    plain, skip = [], False
    for word in words:
        if skip or word.startswith("-"):
            skip = not skip and word in _VALUE_FLAGS
        else:
            plain.append(word)
    return plain


def head(step: Step) -> tuple[str, ...]:
    """Give the words that name what a step does: program and verb, without flags and operands."""
    words = [step.program, *step.words[1:]]
    named = [words[0]]
    plain = _plain(words[1:])
    if words[0] in _INTERPRETERS:
        if "-m" in words and words.index("-m") + 1 < len(words):
            return (words[0], "-m", words[words.index("-m") + 1])
        return (words[0], *plain[:1])
    by_path = "/" in step.words[0] and bool(plain) and bool(_VERB.fullmatch(plain[0]))
    if (words[0] not in _WITH_VERB and not by_path) or not plain:
        return tuple(named)
    named.append(plain[0])
    rest = plain[1:]
    if plain[0] in _WITH_VERB and rest:
        named.append(rest.pop(0))
    if named[-1] in _RUNNERS and rest:
        named.append(rest[0])
    return tuple(named)


def purpose(step: Step) -> str:
    """Say what a step is for (`test`, `lint`, `build`, …); empty where its words don't tell."""
    if step.program in LOOKING or step.program == "git":
        return ""
    text = " ".join(
        (*head(step), *(w for w in step.words if ":" in w and not w.startswith(("-", "/", "http"))))
    )
    for name, pattern in _PURPOSES:
        if pattern.search(text.replace("_", " ").replace("/", " ")):
            return name
    return ""


def topic(step: Step) -> str:
    """Give the group that a step's lessons belong to: its purpose, else its program."""
    return purpose(step) or step.program


def generalise(step: Step, *, root: str = "") -> Step:
    """Replace what changes from run to run: hashes, numbers, dates, temporary paths, the project's folder."""
    words = []
    for word in step.words:
        if root and (word == root or word.startswith(root.rstrip("/") + "/")):
            word = word[len(root) :].lstrip("/") or "."
        if _VOLATILE.match(word):
            word = "<value>"
        elif len(word) > MAX_WORD_CHARS or not word.isprintable():
            word = "<text>"
        words.append(word)
    return Step(words=tuple(words), assignments=step.assignments)


def is_repeatable(step: Step) -> bool:
    """Say whether a generalised step can be typed again as it stands."""
    return not any(w in ("<value>", "<text>") or _of_one_machine(w) for w in (*step.words, *step.assignments))


def _of_one_machine(word: str) -> bool:
    value = word.partition("=")[2] if "=" in word else word
    return value.startswith(("/", "~", "$HOME", "${HOME")) or bool(_HOME.search(word))


def is_obvious(step: Step) -> bool:
    """Say whether an agent tries the step by itself: a toolchain's command with no word of this project."""
    named = head(step)
    if step.assignments or " ".join(named) not in _OBVIOUS:
        return False
    rest = [w for w in step.words[1:] if w not in named]
    return all(w in (".", "./...") or w.endswith("/...") or bool(_PLAIN_FLAG.match(w)) for w in rest)


def is_selective(step: Step) -> bool:
    """Say whether a step names single tests or files, which change from one task to the next."""
    return any(
        w.partition("=")[0] in _SELECTING or "::" in w or bool(_SOURCE_FILE.search(w)) for w in step.words[1:]
    )


def commits(command: str) -> bool:
    """Say whether a shell line makes a commit, in whatever way it gives the message."""
    return len(command) <= MAX_SCRIPT_CHARS and bool(_COMMIT.search(command))


def same_job(one: Step, other: Step) -> bool:
    """Say whether two steps call the same thing: program and verb, or a program that has no known verbs."""
    if one.program != other.program:
        return False
    return one.program not in _WITH_VERB or head(one) == head(other)


def is_call_of_the_same(one: Step, other: Step) -> bool:
    """Say whether two steps call the same thing, whatever options they give it."""
    if one.program != other.program:
        return False
    needs_verb = one.program in _WITH_VERB or one.program in _INTERPRETERS
    return not needs_verb or head(one) == head(other)


def stands_in(step: Step, command: str, *, root: str = "") -> bool:
    """Say whether a step can be quoted as it stands in its command, white space aside."""
    prefix = root.rstrip("/") + "/"
    text = " ".join((command.replace(prefix, "") if len(prefix) > 1 else command).split())
    return " ".join(step.text.split()) in text


def similarity(one: Step, other: Step) -> float:
    """Compare two steps by their words: 1.0 the same words, 0.0 none in common."""
    a, b = _bag(one), _bag(other)
    return len(a & b) / len(a | b) if a | b else 0.0


def _bag(step: Step) -> frozenset[str]:
    return frozenset(w.strip("\"'") for w in (step.program, *step.words[1:]) if not w.startswith("-"))
