"""Text that would make an agent act against its user: hidden, executed at load, or phrased as an order."""

import re
import unicodedata
from collections.abc import Iterator

from hivemind.domain.skills import Finding, SkillDocument
from hivemind.library.gates import markdown
from hivemind.library.gates.base import GateContext, line_of, shown
from hivemind.library.gates.markdown import Kind

name = "injection"

#: Hosts whose documented installation is a pipe into a shell; such a line only warns.
KNOWN_INSTALLERS = frozenset(
    {
        "astral.sh",
        "bun.sh",
        "deb.nodesource.com",
        "get.docker.com",
        "get.pnpm.io",
        "install.python-poetry.org",
        "sh.rustup.rs",
    }
)
#: Words of an HTML comment that make it more than a marker for some tool.
_COMMENT_WORDS = 3
_MAX_RUN = 120
_MAX_HEX_RUN = 160
_JOINERS = "\u200c\u200d"
#: Format characters, private use and unassigned: what a reader cannot see.
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"})
_HIDDEN_OTHERS = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u3164\ufe00-\ufe0e\uffa0\U000e0100-\U000e01ef]")
_NOT_PLAIN = re.compile(r"\r(?!\n)|[^\t\n\r\x20-\x7e]")
_RUN = re.compile(r"[A-Za-z0-9+/=_-]+")
_EXECUTED = re.compile(r"!`|^[ \t]*(?:`{3,}|~{3,})!", re.MULTILINE)
_SPAN = re.compile(r"`[^`]+`")
_LINK_COMMENT = re.compile(r"^ {0,3}\[//\]:", re.MULTILINE)
_ROLE = re.compile(
    r"</?(?:system|system-reminder|assistant|tool_result|function_results)>"
    r"|<\|im_(?:start|end)\|>|\[/?INST\]|<</?SYS>>"
)
_FEW = r"(?:\w{1,20} ){0,4}"
_TELL = rf"(?:tell|inform|(?:mention|reveal|show) {_FEW}to)"
_SECRETS = (
    r"(?:secret|token|password|credential|key|env|environment variable|cookie|conversation|transcript)s?"
)
#: Matched against the words alone: lower case, one space between, no punctuation.
_PHRASES = {
    "tells the agent to ignore its instructions": (
        rf"\b(?:ignore|disregard|forget|override|bypass) {_FEW}"
        rf"(?:previous|prior|above|earlier|preceding|existing|system|safety) {_FEW}"
        r"(?:instruction|rule|prompt|message|guideline|direction|policie|policy|guardrail)s?\b"
    ),
    "tells the agent to keep something from its user": (
        rf"\b(?:(?:do not|don t|dont|never) {_TELL}|without (?:telling|informing|asking|notifying))"
        r" the (?:user|human|operator)\b"
    ),
    "gives the agent another role": r"\byou are (?:now|no longer) (?:an? |the |in |bound )",
    "asks the agent to send secrets away": (
        rf"\b(?:send|post|upload|forward|exfiltrate|transmit|email|leak) {_FEW}{_SECRETS} {_FEW}"
        rf"(?:to|at|via) {_FEW}(?:https?|webhook|pastebin|url|attacker|ngrok)\b"
    ),
}
_ORDERS = tuple((label, re.compile(pattern)) for label, pattern in _PHRASES.items())
_DOWNLOAD = re.compile(r"\b(?:curl|wget|fetch|iwr|invoke-webrequest)\b", re.IGNORECASE)
_SHELL = re.compile(
    r"\s*(?:sudo\s+(?:-\S+\s+)*)?(?:env\s+)?(?:/\S*/)?(?:(?:ba|z|da|k|fi)?sh|python[0-9.]*|node|perl|ruby|php|iex)\b",
    re.IGNORECASE,
)
_SUBSHELL = re.compile(
    r"(?:\b(?:ba|z|da|k)?sh\b(?: -\w+)?|\beval|\bsource|\.) ?[\"']?(?:<\(|\$\(|`) ?(?:curl|wget)\b",
    re.IGNORECASE,
)
_LINE_END = re.compile(r"(?<!\\)\n")
_HOST = re.compile(r"https?://([A-Za-z0-9.-]+)")
_SENDS = re.compile(r"\b(?:curl|wget|nc|ncat|scp|ftp|rsync)\b", re.IGNORECASE)
_SENSITIVE = re.compile(
    r"\.ssh/|\bid_(?:rsa|ed25519|ecdsa)\b|\.aws/credentials|/etc/(?:passwd|shadow)|\.netrc|\.npmrc|\.git-credentials"
    r"|@\.env\b|\.env\b[^|]{0,200}\||\b(?:printenv|env)[ \t]{0,5}\|",
    re.IGNORECASE,
)


def check(document: SkillDocument, context: GateContext) -> Iterator[Finding]:  # noqa: ARG001
    """Report hidden text, execution at load, orders to the agent, piped downloads and exfiltration."""
    for where, text in _texts(document):
        for line, message, blocking in _seen(text):
            yield Finding(gate=name, message=f"Line {line} of the {where} {message}.", blocking=blocking)


def _texts(document: SkillDocument) -> Iterator[tuple[str, str]]:
    for where in ("name", "description", "body", "license", "compatibility", "allowed_tools"):
        if text := getattr(document, where):
            yield where.replace("_", "-"), text
    if document.metadata:
        yield "metadata", "\n".join(f"{key}: {value}" for key, value in sorted(document.metadata.items()))


def _seen(text: str) -> Iterator[tuple[int, str, bool]]:
    yield from _hidden(text)
    yield from _markup(text)
    yield from _blobs(text)
    yield from _orders(text)
    yield from _shell(text)


def _hidden(text: str) -> Iterator[tuple[int, str, bool]]:
    seen = set[str]()
    for match in _NOT_PLAIN.finditer(text):
        character, at = match.group(), match.start()
        if character in seen or not _is_hidden(text, at):
            continue
        seen.add(character)
        yield line_of(text, at), f"holds the hidden character U+{ord(character):04X}; remove it", True


def _is_hidden(text: str, at: int) -> bool:
    character = text[at]
    if character in _JOINERS:  # emoji and several scripts are written with them, always between two letters
        around = text[at - 1 : at] + text[at + 1 : at + 2]
        return len(around) < 2 or any(
            c.isascii() or unicodedata.category(c) in _HIDDEN_CATEGORIES for c in around
        )
    if "\U0001f000" <= character <= "\U0001faff":  # emoji newer than this Python are unassigned to it
        return False
    return (
        unicodedata.category(character) in _HIDDEN_CATEGORIES or _HIDDEN_OTHERS.match(character) is not None
    )


def _markup(text: str) -> Iterator[tuple[int, str, bool]]:
    if found := _EXECUTED.search(text):
        yield (
            line_of(text, found.start()),
            "has `!` before a backtick, which runs commands at load; remove it",
            True,
        )
    if found := _ROLE.search(text):
        message = f"imitates a conversation's markup ({shown(found.group())}); remove it"
        yield line_of(text, found.start()), message, True
    if found := _LINK_COMMENT.search(text):
        yield (
            line_of(text, found.start()),
            "has a comment that readers of the page don't see; remove it",
            True,
        )
    for at, comment in _comments(_without_code(text)):
        if len(comment.split()) >= _COMMENT_WORDS:
            message = (
                f"has an HTML comment, which readers of the page don't see ({shown(comment)}); remove it"
            )
            yield line_of(text, at), message, True
            return


def _without_code(text: str) -> str:
    """Blank code blocks and spans, which show what is in them, so that positions stay."""
    blanked = []
    for kind, line in markdown.lines(text):
        if kind is Kind.TEXT:
            blanked.append(_SPAN.sub(lambda span: " " * len(span.group()), line))
        else:
            blanked.append(" " * len(line))
    return "\n".join(blanked)


def _comments(text: str) -> Iterator[tuple[int, str]]:
    at = text.find("<!--")
    while at >= 0:
        end = text.find("-->", at)
        yield at, text[at + 4 : end if end >= 0 else None]
        at = text.find("<!--", end) if end >= 0 else -1


def _blobs(text: str) -> Iterator[tuple[int, str, bool]]:
    for match in _RUN.finditer(text):
        run = match.group()
        if len(run) >= _MAX_RUN and _is_encoded(run):
            message = f"holds {len(run):,} characters of encoded data ({shown(run[:24])}…); remove it"
            yield line_of(text, match.start()), message, True
            return


def _is_encoded(run: str) -> bool:
    if len(run) >= _MAX_HEX_RUN and all(c in "0123456789abcdefABCDEF" for c in run):
        return True
    kinds = (any(c.isupper() for c in run), any(c.islower() for c in run), any(c.isdigit() for c in run))
    # Words joined by slashes and hyphens are a path; random base64 has one of them in 32 characters.
    return all(kinds) and sum(c in "/_-" for c in run) * 12 < len(run)


def _orders(text: str) -> Iterator[tuple[int, str, bool]]:
    visible = "".join(
        c for c in unicodedata.normalize("NFKC", text) if c.isascii() or unicodedata.category(c) != "Cf"
    )
    words = " ".join(re.findall(r"\w+", visible.lower()))
    for label, pattern in _ORDERS:
        if found := pattern.search(words):
            first = text.lower().find(found.group().partition(" ")[0])
            yield line_of(text, max(first, 0)), f"{label} ({shown(found.group())}); remove it", True


def _shell(text: str) -> Iterator[tuple[int, str, bool]]:
    number = 1
    for logical in _LINE_END.split(text):  # a backslash at its end makes a line go on
        line = logical.replace("\\\n", " ")
        if _pipes_download(line):
            hosts = _HOST.findall(line)
            known = bool(hosts) and all(host.lower() in KNOWN_INSTALLERS for host in hosts)
            message = f"runs what it downloads ({shown(line.strip())}); download, check, then run"
            yield number, message, not known
        if _SENDS.search(line) and _SENSITIVE.search(line):
            message = f"sends a file with credentials over the network ({shown(line.strip())}); remove it"
            yield number, message, True
        number += logical.count("\n") + 1


def _pipes_download(line: str) -> bool:
    if not _DOWNLOAD.search(line):
        return False
    if _SUBSHELL.search(line):
        return True
    downloaded = False
    for segment in line.split("|"):
        if downloaded and _SHELL.match(segment):
            return True
        downloaded = downloaded or _DOWNLOAD.search(segment) is not None
    return False
