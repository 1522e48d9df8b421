"""Tell kinds of failure apart by what the tool printed."""

import re

from hivemind.distill import commands
from hivemind.distill.session_view import Call

#: The command itself was wrong: another way of calling it can be the fix.
USAGE = re.compile(
    r"unrecogni[sz]ed (?:subcommand|option|argument|command)|unknown (?:flag|option|command|argument"
    r"|shorthand|script)|no such (?:option|command|subcommand)"
    r"|invalid (?:option|argument|choice|value|flag)|illegal option|unexpected argument"
    r"|accepts (?:at most|exactly)|requires? (?:at least|exactly|an? )"
    r"|(?:is|are) required|must (?:be|specify|provide|set|run)|missing (?:required|argument|script"
    r"|option)|not set\b|is not trusted|\busage:|try '.*--help'"
    r"|command not found|not found in \$?PATH|No module named|ModuleNotFoundError|cannot find module"
    r"|Could not find|no matches found|did not match any"
    r"|is not a (?:git|valid|known)|not a directory|No such file|does not exist|do(?:es)?n't know"
    r"|ignored by one of|Undefined|undefined variable"
    r"|Missing script|No rule to make target|unsupported|not supported|not installed"
    r"|updates to go\.mod needed|cannot be used|ERR_[A-Z_]+|no required module"
    r"|run `[^`]+`|please run|run '[^']+'|set the|environment variable",
    re.I,
)
#: Nothing is to be learnt from it: it passes, or the machine is at fault.
TRANSIENT = re.compile(
    r"timed? ?out|deadline exceeded|connection (?:refused|reset|closed)|\bECONN[A-Z]+\b|\bETIMEDOUT\b"
    r"|\bEAI_AGAIN\b|\bENOTFOUND\b|network (?:is )?unreachable|could not resolve host"
    r"|temporary failure|rate limit|too many requests|\b(?:429|502|503|504)\b|overloaded|no space left"
    r"|index\.lock|resource temporarily"
    r"|another \S+ process|killed|out of memory|SIGKILL|address already in use",
    re.I,
)
_TELLING = re.compile(
    r"error|unrecogni[sz]ed|unknown|not found|no module|cannot|can't|failed|invalid|illegal|unexpected"
    r"|missing|required|usage|denied|fatal|must|no such|not set|not trusted|did not",
    re.I,
)
_EXIT_LINE = re.compile(r"^(?:Error: )?Exit code -?\d+\s*$")
_NOISE = re.compile(
    r"^\s*(?:\d+[ \t]*(?:\d+[ \t]*)?[│|:]|[{\[]\"|at |File \"|\^+|[|>─━═=*~\-\s]+$|\$ |\[[\w:-]+\] \$)"
)
_PYTEST = re.compile(r"^E\s{2,}")
_FOLDERS = re.compile(r"(?:/(?:Users|home|root|private|var|tmp|opt)|~)/[^\s:'\"`),]*/")
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
MAX_LINE_CHARS = 160


def telling_line(output: str) -> str:
    """Give the line of a failure that says most, without one machine's folders; empty where none does."""
    lines = [_PYTEST.sub("", line.strip()) for line in ANSI.sub("", output[:20_000]).splitlines()]
    lines = [line for line in lines if line and not _EXIT_LINE.match(line) and not _NOISE.match(line)]
    for pattern in (USAGE, _TELLING):
        for line in lines:
            if pattern.search(line):
                return _FOLDERS.sub("…/", line)[:MAX_LINE_CHARS]
    return ""


def is_absent(output: str, program: str) -> bool:
    """Say whether the shell did not find the program: the machine is at fault, not the call."""
    name = re.escape(program)
    return bool(
        re.search(
            rf"command not found: {name}\b|(?:^|[\s/]){name}: (?:command )?not found\b", output[:4_000], re.M
        )
    )


def is_usage(output: str) -> bool:
    """Say whether the way of calling was at fault."""
    return bool(USAGE.search(output[:20_000]))


#: Marks of a failure that stands even where a pipe has hidden the exit status.
_HIDDEN = re.compile(
    r"^(?:error: )?(?:unrecogni[sz]ed (?:subcommand|option|argument)|unknown (?:flag|option|command)"
    r"|no such (?:option|command))"
    r"|: command not found\b|^\S*: (?:illegal|invalid) option|No module named|^error: unexpected argument",
    re.I | re.M,
)


#: Marks that tools for tests, builds, types and lint print when they end badly.
_BROKEN = re.compile(
    r"\berror TS\d+:|\bERR_PNPM_\w+|\bELIFECYCLE\b|^npm (?:ERR!|error) code\b"
    r"|^(?:Exit status|exit code:?) [1-9]"
    r"|^make(?:\[\d+\])?: \*\*\* |^error: could not compile|^BUILD FAILED|^FAILED \(|^--- FAIL: |^FAIL\t"
    r"|^=+ .*\b[1-9]\d* (?:failed|errors?)\b.* in |^ *Tests?:? .*\b[1-9]\d* failed\b"
    r"|^ *Test Files .*\d+ failed",
    re.M,
)
_CHECKS = frozenset({"test", "build", "lint", "typecheck"})
_READ_CHARS = 4_000


def shows_failure(output: str) -> bool:
    """Say whether a call that came back with success did not work: `… | tail` hides the exit status."""
    return bool(_HIDDEN.search(ANSI.sub("", output[:_READ_CHARS])))


def _is_broken_check(call: Call) -> bool:
    """Say whether a check ended badly behind a filter; what only looks at its log is no check."""
    ends = ANSI.sub("", output if len(output := call.output) <= 2 * _READ_CHARS else output[-_READ_CHARS:])
    if not _BROKEN.search(ends):
        return False
    return any(commands.purpose(step) in _CHECKS for step in commands.steps(call.text) if step.words)


def is_transient(output: str) -> bool:
    """Say whether the failure passes by itself or belongs to the machine, by its most telling line."""
    return bool(TRANSIENT.search(telling_line(output) or output[:4_000]))


def failed(call: Call) -> bool:
    """Say whether a call failed, also where its exit status is that of a filter behind a pipe."""
    if call.failed or not call.worked or "|" not in call.text:
        return call.failed
    return shows_failure(call.output) or _is_broken_check(call)


def worked(call: Call) -> bool:
    """Say whether a call surely worked."""
    return call.worked and not failed(call)
