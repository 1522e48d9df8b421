"""Judge passwords that people choose: only their surroundings tell them from prose and code."""

import re
from functools import lru_cache
from importlib import resources

_COMMON, _TRIVIAL = "common_words.txt", "trivial_passwords.txt"
_PLACEHOLDER = re.compile(
    r"change_?-?(?:me|it|this)|your[-_. ]?|<[^<>]*>|x{3,}|\*{3}|•{3}|\.{3}|…|_{3}|-{3}|example|"
    r"placeholder|dummy|"
    r"insert|replace|to-?do|fixme|redacted|goes[-_]?here|not[-_]?a[-_]?real|sample|s3cr3t|"
    r"pass(?:w|$|[-_\d])|passphrase|passcode|passe\b|"
    r"pwd|secret|credential|kennwort|contrase|senha|wachtwoord|token|abc123|123456|qwerty",
    re.I,
)
_REFERENCE = re.compile(
    r"[${%#]\{|\{\{|\$\(|%\(|^[$%@]|^\{.*\}$|^\[.*\]$|^\(|process\.|environ|getenv|[\w\])]\(|->|::|://|"
    r"^[/~.]|/.*/|\\|^-|=>|[<>]|^&|^\*|^![A-Za-z]+$|"
    r"\.(?:py|[jt]sx?|go|rs|java|rb|php|sh|ya?ml|json|toml|txt|md|html|env|key|pem)$"
)
_CIPHERS = re.compile(
    r"(?:sha|md|base|aes|utf|rot|hs|rs|es|rsa|ntlm|pkcs|x|argon|pbkdf|oauth|bcrypt|scrypt|ascii|http|tls|ssl|ssh|v|"
    r"step|py|python|node|web|crc|rfc|iso|blake|p|f|h|l|k8s|i18n|a11y|e2e|win|int|uint|ed|"
    r"ipv|s)[-_]?\d+\w{0,3}(?:[-_/].*)?",
    re.I,
)
_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_SYMBOLS = re.compile(r"[!#$%^&*@~+?=§€]")
_PLAIN = re.compile(r"[A-ZÄÖÜ]?[a-zäöüßéèñç]+(?:-[A-ZÄÖÜ]?[a-zäöüß]+)*")
_INFLECTED = re.compile(
    r".*(?:ed|ing|ly|able|ible|ive|ous|less|ful|ary|ic|ent|ant|ally|ten|ung|lich|bar|"
    r"ig|isch|ert|iert|ée?s?|ado|ada|ido|ida)",
    re.I,
)
_SHOUTED = re.compile(r"[A-Z][A-Z0-9]*(?:[_-][A-Z0-9]+)+_?|[A-Z]+\d?")
_LOG = re.compile(r"\b(?:FAIL|FAILED|SKIP|XFAIL|ERROR|=== RUN|PASS)\b[:\s]")
_CONNECTION = re.compile(
    r"\b(?:psql|pg_\w+)\s|\b(?:host|hostaddr|user|user ?id|uid|username|dbname|port|server|database|sslmode|"
    r"data source)=[^\s,;]+[ ;]",
    re.I,
)
_CLAUSE_END = re.compile(
    r"[.,;:!?)\]]{0,8}(?:\s{0,40}(?:\n|\Z)|[.,;!?)\]\"'`\\]|"
    r"\s{1,8}(?:and|for|on|so|but|please|und|et|y|e|en|at|in|if|now)\b)"
)
_OPTION = re.compile(
    r"-{1,2}(?!(?:generate|no|show|hide|reset|prompt|ask|check|with|skip|min|max)-)"
    r"(?:\w+-){0,4}(?:pass(?:w(?:or)?d|phrase|code)?|(?:store|key)pass)(?![\w-])",
    re.I,
)
_ENVIRONMENT = re.compile(r"\b(?:ENV|ARG|setenv|set -\w+)[ \t]+\w*\Z")
_BY_SPACE = frozenset(("requirepass", "masterauth", "keypassword", "storepassword"))
# The options that other programs of a line have: find -print, mkdir -parents.
_OTHER_OPTION = re.compile(
    r"p?(?:rint0?|rune|ath|orts?|lugin|rotocol|rogress|arents|assing|reserve|roject|rofile|refix|arallel|ack)"
)
_ASKING = frozenset(
    ("the", "is", "not", "must", "be", "enter", "your", "with", "please", "cannot", "should", "and", "or")
)


@lru_cache(maxsize=2)
def _words(file_name: str) -> frozenset[str]:
    text = resources.files(__package__).joinpath(file_name).read_text(encoding="utf-8")
    return frozenset(word for line in text.splitlines() if not line.startswith("#") for word in line.split())


def is_chosen_password(check: str, match: re.Match[str], name: str, value: str) -> bool:
    """Say whether the value of a match is a password, by the kind of place where it stands."""
    if len(value) < 4 or is_stand_in(value):
        return False
    if check == "argument":
        return not _OTHER_OPTION.fullmatch(value) and bool(re.search(r"[^\W\d_]", value))
    if check == "option":
        return bool(_OPTION.match(name)) and _is_option(match, value)
    if check == "setting":
        return _is_setting(match, name, value)
    return _is_spoken(match, value)


def is_stand_in(value: str) -> bool:
    """Say whether a value names, hides or describes a password, or is one that everybody knows."""
    return bool(
        _PLACEHOLDER.search(value)
        or _REFERENCE.search(value)
        or _SHOUTED.fullmatch(value)
        or _CIPHERS.fullmatch(value)
        or value.lower().strip("_-.!?0123456789") in _words(_TRIVIAL)
        or len(set(value)) <= 2
        or value.endswith("=")
    )


def _is_telling(value: str) -> bool:
    """Say whether letters, digits and symbols are mixed as in a password, and not as in an identifier."""
    if not re.search(r"[^\W\d_]{2}", value) or re.search(r"[()\[\]{},;]|\w\.\w", value):
        return False
    if called := re.fullmatch(r"([\w-]+)[!?]+", value):  # an exclamation, or a word and its sign
        return _is_telling(called.group(1)) or (
            _is_uncommon_word(called.group(1)) and not _INFLECTED.fullmatch(called.group(1))
        )
    if _SYMBOLS.search(value) and not re.fullmatch(r"[\w.+-]+@[\w.-]+|@[\w/.-]+|#\w+", value):
        return True
    if not re.search(r"\d", value) or re.match(r"\d+[-–.x:]?[a-z]*\b", value):
        return False
    parts = _PARTS.findall(value)
    numbered = re.fullmatch(r"[A-Za-z]{4,}[-_.]?\d{2,8}", value)
    return (bool(numbered) and len(parts) == 1) or not all(_is_common(part) for part in parts)


def _is_common(word: str) -> bool:
    return len(word) < 4 or word.lower() in _words(_COMMON) or word.lower() in _words(_TRIVIAL)


def _is_uncommon_word(value: str) -> bool:
    return (
        len(value) >= 5
        and bool(_PLAIN.fullmatch(value))
        and not all(_is_common(part) for part in value.split("-"))
    )


def _is_option(match: re.Match[str], value: str) -> bool:
    if "=" in match.group("separator") or match.group("quoted"):
        is_text = "," in match.group("separator") and re.search(r"\s", value)
        return bool(re.search(r"[^\W\d_]", value)) and not is_text and not _is_sentence(value)
    return _is_telling(value) or (_is_uncommon_word(value) and not _INFLECTED.fullmatch(value))


def _is_setting(match: re.Match[str], name: str, value: str) -> bool:
    word = re.split(r"[^\w.-]", name, maxsplit=1)[0]
    separator = match.group("separator")
    is_shouted = separator == "=" and word.isupper()
    if not _names_password(word) or (
        re.search(r"\s", value) and not (is_shouted and not _is_sentence(value))
    ):
        return False
    text, start, end = match.string, match.start(), match.end()
    if word.lower() == "pass" and _is_test_log(match, value):
        return False
    if (
        separator.isspace()
        and word.lower() not in _BY_SPACE
        and not _ENVIRONMENT.search(text, max(0, start - 60), start)
    ):
        return False
    if match.group("quoted") and not is_shouted:
        return _is_telling(value) or (value.isascii() and _is_uncommon_word(value))
    if not is_shouted and re.search(r"[.]\w", value) and not _SYMBOLS.search(value):
        return False
    if separator.isspace() or is_shouted:
        return bool(re.search(r"[^\W\d_]", value)) and not re.fullmatch(r"[a-z]+(?:[A-Z][a-z]+)+", value)
    after = text[end : end + 1]
    if ":" in separator:
        low = max(0, start - 80)
        line = text[max(low, text.rfind("\n", low, start) + 1) : start]
        is_line = bool(re.fullmatch(r"[\s\d→|+-]*[\"']?[\w.-]*", line)) and after in ("", "\n", "\r", " ")
        return is_line and separator.endswith(" ") and (_is_telling(value) or _is_uncommon_word(value))
    near = text[max(0, start - 160) : start] + " " + text[end : end + 160]
    if _CONNECTION.search(near) and after not in (",", ")"):
        return _is_telling(value) or _is_uncommon_word(value)
    return separator == "=" and after not in (",", ")") and _is_telling(value)


def _is_test_log(match: re.Match[str], value: str) -> bool:
    text, start, end = match.string, match.start(), match.end()
    around = text[max(0, start - 300) : start] + "\n" + text[end : end + 300]
    return bool(
        re.search(r"test|[/:]", value, re.I)
        or text[max(0, start - 4) : start] == "--- "
        or _LOG.search(around)
    )


def _names_password(name: str) -> bool:
    if name in ("PWD", "OLDPWD"):
        return False
    short = re.search(r"(?:pass|pw|pwd)$", name, re.I)
    if not short or name.lower() in _BY_SPACE or re.search(r"pass(?:word|wort|wd|phrase|code)$", name, re.I):
        return True
    before = name[: short.start()][-1:]
    return not before.isalpha() or (before.islower() and name[short.start()].isupper())


def _is_spoken(match: re.Match[str], value: str) -> bool:
    verb, text, end = match.group("verb"), match.string, match.end()
    said = match.group()[:4].lower()
    if re.search(r"[\w./$@<{%-]$", text[max(0, match.start() - 1) : match.start()]):
        return False  # the end of another name, which the rule for settings judges
    if text[match.start() : match.start() + 5].lower() in ("pass:", "pass "):
        return _is_telling(value) and not re.search(r"\s", value) and not _is_test_log(match, value)
    if match.group("quoted"):
        return _is_quoted_phrase(verb, value)
    if _is_telling(value):
        return bool(verb.strip()) or (len(value) >= 8 and said.startswith("pass"))
    if verb.strip() in ("", "to", "auf", "=", "=>", "->", "→", "|") or _INFLECTED.fullmatch(value):
        return False
    is_clear = len(value) >= 14 or bool(_CLAUSE_END.match(text, end))
    return is_clear and (_is_uncommon_word(value) or _is_number(verb, value))


def _is_number(verb: str, value: str) -> bool:
    return bool(verb.strip(" :\t")) and bool(re.fullmatch(r"\d{6,16}", value))


def _is_quoted_phrase(verb: str, value: str) -> bool:
    words = value.split()
    if verb.strip() == "|":
        return _is_telling(value) and len(words) == 1
    if len(words) > 1:
        return bool(verb.strip()) and len(words) >= 3 and not _is_sentence(value)
    is_said = bool(verb.strip(" :\t"))
    is_word = len(value) >= 5 and _PLAIN.fullmatch(value) and not _INFLECTED.fullmatch(value)
    return _is_telling(value) or (is_said and (bool(is_word) or _is_uncommon_word(value)))


def _is_sentence(value: str) -> bool:
    words = value.lower().split()
    return len(words) > 12 or not _ASKING.isdisjoint(words)
