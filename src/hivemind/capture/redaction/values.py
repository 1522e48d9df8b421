"""Judge values: how random they are, and which of them only stand where a secret would."""

import base64
import binascii
import json
import math
import re
from collections import Counter

from hivemind.capture.redaction.rules import Check, ordinary_words

_MARKED = re.compile(r"redacted|\*{3}|•{3}|…|<[^<>]{1,80}>", re.I)
_TEMPLATE = re.compile(
    r"[${%#]\{|\{\{|\$\(|%\(|^\$|^%[A-Za-z_]\w*%?$|^@\w+@$|^\{[^}]*\}$|^\[[A-Za-z_.\- ]+\]$|"
    r"process\.env|environ|getenv|secrets?\.[A-Z]|[\w\])]\(|\bvars?\.|^!vault$"
)
_FILLER = re.compile(
    r"x{5,}|\.{3}|0{6,}|1{6,}|example|placeholder|change_?-?me|changeit|your[-_. ]?|dummy|insert|replace|"
    r"sample|goes[-_]?here|not[-_]?a[-_]?real|fake|todo|abcdefgh|12345678(?:9|$)|s3cr3t|hunter2|foobar|my-?secret",
    re.I,
)
_SHOUTED_FILLER = re.compile(r"x{6,}|EXAMPLE|PLACEHOLDER|REDACTED|YOUR[-_]", 0)
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.I)
_DIGEST = re.compile(r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{56}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128}", re.I)
_WORDS = r"(?:[A-Za-z$]{2,}\d{0,3}|[A-Za-z]|\d{1,4})"
_IDENTIFIER = re.compile(rf"_*{_WORDS}(?:[_.:/-]+{_WORDS})*_*|[\W\d_]+")
_VERSION = re.compile(r"v?\d+(?:\.\d+)+|\d{4}-\d\d-\d\d|^\d+$")
_OPAQUE_ID = re.compile(
    r"(?:toolu|msg|req|call|chatcmpl|resp|run|thread|asst|srvtoolu|item|fc|rs|ws)_\w+|sha\d{3}-"
)
_TELLING = 80  # in a longer random value some short word turns up by chance
# Names whose value is public, after the generic rule of gitleaks; the licence is in betterleaks.toml.
_PUBLIC_NAME = re.compile(
    r"access(?:ibility|or)|access[_.-]?id|random[_.-]?access|api[_.-]?(?:id|name|version)|rapid|capital|"
    r"api[\w-]*?:jar:|"
    r"author|auth[_.-]?source|credentials?[_.-]?id|(?:bucket|foreign|hot|idx|natural|primary|pub(?:lic)?|schema|sequence|cache|sort|"
    r"partition|object|s3|file|group|query|dedup\w*|idempotency|state|event|translation|i18n|react|row|data)[_.-]?key|"
    r"turkey|monkey|keying|key[_.-]?(?:alias|board|code|frame|id|length|mesh|name|pair|press|ring|selector|signature|"
    r"size|stone|storetype|word|up|down|left|right|vault|store|tab|file|path)|issuerkeyhash|secret[_.-]?(?:length|name|"
    r"size|id|s?ref)|csrf|xsrf|(?:api|credentials|token)[_.-]?(?:endpoint|ur[il])|public[_.-]?token|authenticity|"
    r"token[_.-]?(?:file|type|count|limit|id)|tokens|integrity|checksum|hash|digest|sha|fingerprint|etag|version|"
    r"next[_.-]?(?:page)?[_.-]?token|page[_.-]?token|continuation|cursor|salt_?rounds|usersecretsid",
    re.I,
)
_SECRET_NAME = re.compile(
    r"secret|token|passw|api[_.-]?key|private[_.-]?key|access[_.-]?key|auth[_.-]?key|account[_.-]?key|credential",
    re.I,
)
_COMMON_IN_PASSWORDS = re.compile(
    r"pass(?:word|phrase|wd)?|pwd|secret|test|admin|demo|user|qwerty|letmein|welcome|hello|root|guest|string|token|"
    r"default|wrong|correct|invalid|valid|old|new|foo|bar|none|null|true|false|field|input|type|name|login|value|hash|"
    r"encrypt|config|env|prompt|required|length|key|auth|model|schema|regex|reset|https?:|[\d\W_]+",
    re.I,
)
_TRIVIAL_URL_PASSWORD = re.compile(
    r"(?:(?:user)?pass(?:word|wd)?|pwd|pw|p|secret|token|key|test|bar|x|\d{1,6}|(?-i:[A-Z_]+)|port|oauth2?|x-oauth-basic|"
    r"postgres|root|admin|guest|user|minio\w*|redis|mysql|mongo|example)\d{0,3}[!?.]?",
    re.I,
)
_SECRET_FIELD = re.compile(
    r"(?:[a-z0-9]+_){0,5}(?:password|passwd|passphrase|pwd|secret|api_?key|secret_?key|private_?key|access_?key|"
    r"authorization|token|credentials?|cookie|connection_string)"
)
_NO_FIELD_VALUE = re.compile(
    r"|\$\{[^}]*\}|\$\w+|%\w+%|\{\{[^}]*\}\}|<[^<>]*>|[*.x•…]+|\[?redacted\]?|(?:bearer|basic|token)|string|text|password|"
    r"secret|include|omit|same-origin|null|none|undefined|true|false|required|optional|\W*",
    re.I,
)


def entropy(value: str) -> float:
    """Return the Shannon entropy of the characters, in bits a character."""
    size = len(value)
    return -sum(n / size * math.log2(n / size) for n in Counter(value).values()) if size else 0.0


def is_placeholder(value: str) -> bool:
    """Say whether a value that a token rule matched only shows the token's form."""
    return bool(_SHOUTED_FILLER.search(value) or _MARKED.search(value) or _TEMPLATE.search(value))


def is_secret_field(name: str, value: str) -> bool:
    """Say whether the name of a field makes its value a secret, whatever the value looks like."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", "_", name).lower().strip("_")
    return bool(_SECRET_FIELD.fullmatch(words)) and not _NO_FIELD_VALUE.fullmatch(value.strip())


def holds_secret(check: Check, name: str, separator: str, value: str) -> bool:
    """Carry out a rule's check on the name before a value and on the value."""
    if check == "random":
        return _is_random(value) or bool(_UUID.fullmatch(value))
    if check == "assignment":
        return _is_assigned_secret(name, separator, value)
    if check == "password":
        return _is_password(name, separator, value)
    if check == "url":
        return not is_placeholder(value) and not _TRIVIAL_URL_PASSWORD.fullmatch(value)
    if check == "jwt":
        return _is_jwt(value)
    if check == "numbered":
        return bool(re.match(rb"\d{6,14}:", base64.b64decode(value[:40] + "==", altchars=b"-_")))
    return True


def _is_filler(value: str) -> bool:
    return bool(
        _MARKED.search(value)
        or _TEMPLATE.search(value)
        or _FILLER.search(value)
        or len(set(value)) <= max(2, len(value) // 10)
    )


def _is_random(value: str) -> bool:
    core = value.rstrip("=")
    return (
        not _is_filler(value)
        and not _IDENTIFIER.fullmatch(core)
        and not _VERSION.search(core)
        and not _OPAQUE_ID.match(value)
        and any(c.isdigit() for c in core)
        and (len(core) > _TELLING or not ordinary_words().search(value.lower()))
    )


def _is_assigned_secret(name: str, separator: str, value: str) -> bool:
    strong = _SECRET_NAME.search(name)
    assigned = "=" in separator or ":" in separator or "%3" in separator
    if _PUBLIC_NAME.search(name) or not (strong or assigned):
        return False
    if _UUID.fullmatch(value) or _DIGEST.fullmatch(value):
        return bool(strong)
    return _is_random(value)


def _is_password(name: str, separator: str, value: str) -> bool:
    if separator.isspace() and "-" not in name:  # prose, unless it is the option of a command
        return False
    return (
        not _is_filler(value)
        and not _IDENTIFIER.fullmatch(value)
        and not ordinary_words().fullmatch(value.lower())
        and len(_COMMON_IN_PASSWORDS.sub("", value)) >= 4
        and sum(bool(re.search(group, value)) for group in (r"[a-z]", r"[A-Z]", r"\d", r"[^\w\s.-]")) >= 2
        and bool(re.search(r"[\d!#$%^&*~@]", value))
        and not re.search(r"^[*/]|/.*/|[*_]{2}|,|\w\(", value)
        and entropy(value) > 2.2
    )


def _is_jwt(value: str) -> bool:
    head = value.partition(".")[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return False
    return isinstance(header, dict) and bool(header.keys() & {"alg", "typ", "kid", "enc"})
