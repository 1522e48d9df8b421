"""Redaction takes every planted secret out, leaves everything else alone, and never fails."""

import base64
import gzip
import json
import random
import string
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from benchmarks.redaction import measure
from hypothesis import given, settings
from hypothesis import strategies as st

from hivemind.capture.redaction import Redactor, Rule
from hivemind.capture.redaction.rules import built_in
from hivemind.capture.redaction.scan import MARKER, Scanner, fast_search, plain_search
from hivemind.errors import HivemindError

REDACTOR = Redactor()
ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
SEEDS = st.integers(0, 2**32)


def seeded(seed: int) -> random.Random:
    """Return a source of characters that repeats itself in the next run."""
    return random.Random(seed)  # noqa: S311  # it makes up secrets that guard nothing


def noise(source: random.Random, size: int, alphabet: str = ALNUM) -> str:
    """Return random characters, with a digit so that no check takes them for a word."""
    return "".join(source.choices(alphabet, k=size - 1)) + source.choice(string.digits)


def base64url(value: object) -> str:
    """Return a JSON value as a part of a JSON web token."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


# Every prefix is put together here, so that no scanner takes this file for a leak.
TOKENS = {
    "github": lambda r: "gh" + "p_" + noise(r, 36),
    "github-fine": lambda r: "github" + "_pat_" + noise(r, 22) + "_" + noise(r, 59),
    "gitlab": lambda r: "gl" + "pat-" + noise(r, 20),
    "slack": lambda r: (
        "xo" + f"xb-{noise(r, 12, string.digits)}-{noise(r, 12, string.digits)}-" + noise(r, 24)
    ),
    "stripe": lambda r: "sk" + "_live_" + noise(r, 24),
    "openai": lambda r: "sk" + "-proj-" + noise(r, 74) + "T3Blbk" + "FJ" + noise(r, 74),
    "anthropic": lambda r: "sk" + "-ant-api03-" + noise(r, 93) + "AA",
    "npm": lambda r: "np" + "m_" + noise(r, 36),
    "pypi": lambda r: "py" + "pi-AgEIcHlwaS5vcmc" + noise(r, 150),
    "hugging-face": lambda r: "h" + "f_" + "".join(r.choices(string.ascii_letters, k=34)),
    "sendgrid": lambda r: "S" + "G." + noise(r, 22) + "." + noise(r, 43),
    "google": lambda r: "AI" + "za" + noise(r, 35),
    "aws-id": lambda r: "AK" + "IA" + "".join(r.choices(string.ascii_uppercase + "234567", k=16)),
    "digital-ocean": lambda r: "do" + "p_v1_" + noise(r, 64, HEX),
    "shopify": lambda r: "shp" + "at_" + noise(r, 32, HEX),
    "twilio": lambda r: "S" + "K" + noise(r, 32, HEX),
    "telegram": lambda r: "bot token " + noise(r, 10, "123456789") + ":A" + "A" + noise(r, 33),
    "jwt": lambda r: f"{base64url({'alg': 'HS256'})}.{base64url({'sub': noise(r, 12)})}.{noise(r, 43)}",
}
PLACES = {
    "alone": "{}",
    "shell export": "export SOME_TOKEN={}\nmake deploy",
    "quoted": "client = Client('{}', retries=3)",
    "JSON": '{{"a": [1, "{}"], "b": null}}',
    "JSON in JSON": '{{\\"a\\": \\"{}\\", \\"b\\": 2}}',
    "escaped newline": "first\\n{}\\nlast",
    "header": "curl -H 'Authorization: Bearer {}' https://api.internal/v1",
    "sentence": "日本語 é 𝔘 the token is {} and İ stays",
    "two lines": "one\n{}\r\ntwo",
}


def residue(secret: str, text: str) -> list[str]:
    """Return the pieces of ten characters of a secret that a text still holds."""
    pieces = {secret[at : at + 10] for at in range(max(1, len(secret) - 9))}
    return sorted(piece for piece in pieces if piece in text)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", TOKENS)
@given(seed=SEEDS)
@settings(max_examples=8, deadline=None)
def test_a_planted_token_vanishes_entirely(kind: str, place: str, seed: int) -> None:
    """No piece of a token stays, wherever it stands, and what surrounds it is untouched."""
    token = TOKENS[kind](seeded(seed))
    secret = token.rpartition(" ")[2]
    before, after = (part.replace("{{", "{").replace("}}", "}") for part in PLACES[place].split("{}"))
    redacted = REDACTOR.redact(before + token + after)
    assert redacted.count >= 1
    assert residue(secret, redacted.text) == []
    assert redacted.text.startswith(before)
    assert redacted.text.endswith(after)


@given(st.text(max_size=400), SEEDS, st.text(max_size=400))
@settings(max_examples=150, deadline=None)
def test_text_on_other_lines_is_untouched(before: str, seed: int, after: str) -> None:
    """Redaction of a token changes nothing but the token, whatever text is around it."""
    token = TOKENS["github"](seeded(seed))
    redacted = REDACTOR.redact(f"{before}\n{token}\n{after}")
    assert token not in redacted.text
    assert redacted.text == f"{before}\n[REDACTED:{redacted.rules[0]}]\n{after}"


FRAGMENTS = st.sampled_from(
    [
        *(
            "password=",
            '"api_key": "',
            "Authorization: Bearer ",
            "://user:",
            "@host/",
            "curl -u a:",
            "?sig=",
            "&",
        ),
        *(
            "-----BEGIN " + "PRIVATE KEY-----",
            "-----END " + "PRIVATE KEY-----",
            "[REDACTED:jwt]",
            "[REDACTED:",
            "]",
        ),
        *("eyJ", "token", "AKIA", "kty", "twilio", "aB3dE5fG7hJ9kL1m", "Zx8" * 15),
        *(" ", "\n", "\\n", '"', "é", "\ud800", "\x00"),
    ]
)


@given(st.one_of(st.text(), st.lists(FRAGMENTS, max_size=30).map("".join)))
@settings(max_examples=400, deadline=None)
def test_redacting_twice_changes_nothing(text: str) -> None:
    """Any text, however hostile, is redacted without an error, and nothing more is left to redact."""
    once = REDACTOR.redact(text)
    again = REDACTOR.redact(once.text)
    assert again.text == once.text
    assert again.count == 0
    assert REDACTOR.findings(once.text) == []


@given(st.lists(FRAGMENTS, max_size=40).map("".join))
@settings(max_examples=100, deadline=None)
def test_plain_python_finds_the_same(text: str) -> None:
    """Without the RE2 wheel the findings are the same."""
    assert PLAIN.scan(text) == FAST.scan(text)


PLAIN = Scanner(built_in(), search=plain_search)
FAST = Scanner(built_in(), search=fast_search)


@pytest.mark.parametrize("broken", ["whole", "no end", "one line", "doubly escaped", "in source code"])
def test_a_private_key_vanishes_in_every_form(broken: str) -> None:
    """A key block goes whole: in lines, cut off, in a JSON string, escaped twice, joined from literals."""
    source = seeded(7)
    lines = [noise(source, 64, ALNUM + "+/") for _ in range(12)] + [noise(source, 30)]
    head, foot = "-----BEGIN RSA " + "PRIVATE KEY-----", "-----END RSA " + "PRIVATE KEY-----"
    block = {
        "whole": "\n".join([head, *lines, foot]),
        "no end": "\n".join([head, *lines]),
        "one line": "\\n".join([head, *lines, foot]),
        "doubly escaped": "\\\\n".join([head, *lines, foot]),
        "in source code": '\\n" +\n  "'.join([head, *lines, foot]),
    }[broken]
    redacted = REDACTOR.redact(f'key = "{block}"\nnext = 1\n')
    assert [line for line in lines if residue(line, redacted.text)] == []
    assert redacted.text.startswith('key = "[REDACTED:private-key]')
    assert redacted.text.endswith("next = 1\n")


def test_a_url_keeps_its_scheme_user_and_host() -> None:
    """Only the password leaves a connection string."""
    password = "w7Rk" + "2pQz9"
    for scheme in ("postgres", "mysql", "mongodb+srv", "redis", "amqp", "https"):
        text = f'URL = "{scheme}://app:{password}@db.internal:5432/orders?ssl=true"'
        assert REDACTOR.redact(text).text == text.replace(password, "[REDACTED:url-password]")


def test_a_webhook_keeps_its_host() -> None:
    """The secret of a web hook is its path."""
    path = "T0AB1CD2E/B0FG3HI4J/" + noise(seeded(3), 24)
    redacted = REDACTOR.redact("post to https://hooks.slack" + f".com/services/{path} now").text
    assert redacted.startswith("post to https://hooks.slack.com/")
    assert redacted.endswith(" now")
    assert residue(path, redacted) == []


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("DB_PASSWORD={}", "DB_PASSWORD="),
        ("export API_KEY={}\n", "export API_KEY="),
        ('{{"client_secret": "{}"}}', '{"client_secret": "'),
        ("mysql -u root --password {} shop", "mysql -u root --password "),
        ("api_token: '{}'", "api_token: '"),
        ("curl -u deploy:{} https://ci.internal", "curl -u deploy:"),
        ("Server=db;User Id=sa;Password={};Encrypt=yes", "Server=db;User Id=sa;Password="),
        ("machine ci.internal login bot password {}", "machine ci.internal login bot password "),
    ],
)
def test_a_name_makes_a_value_secret(text: str, kept: str) -> None:
    """The name stays and the value goes."""
    value = "kR8v" + "Tq2ZmX4bW9"
    redacted = REDACTOR.redact(text.format(value)).text
    assert redacted.startswith(f"{kept}[REDACTED:")
    assert residue(value, redacted) == []


@pytest.mark.parametrize(
    "text",
    [
        "password = changeme",
        'password: "<your-password>"',
        "API_KEY=<your-token>",
        "token: xxxxxxxxxxxxxxxxxxxxxxxx",
        'secret = "${VAULT_SECRET}"',
        "api_key = os.environ['API_KEY']",
        "const token = process.env.TOKEN_1",
        "postgres://user:password@localhost:5432/db",
        "postgres://${USER}:${PASS}@host/db",
        "request 3f2b8c1e-5d4a-4b6f-9c7d-8e1f2a3b4c5d finished",
        "commit 9a038989604e8da62ecddbe2094b16ce1b778be1",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        f'"integrity": "sha512-{base64.b64encode(bytes(range(100, 164))).decode()}"',
        "data:image/png;base64," + base64.b64encode(bytes(range(256)) * 8).decode(),
        "tool_use_id: toolu_01A09q90qw90lq917835lq9",
        'const { accessToken, refreshToken2 } = await auth.login(user, "form")',
        "public_key = ssh-ed25519",
        "cacheKey: `user-profile-v2-${id}`",
        "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG\n-----END CERTIFICATE-----",
        "the tests pass: 128 passed, key decisions: keep v2.10.3",
    ],
)
def test_what_only_looks_like_a_secret_stays(text: str) -> None:
    """Placeholders, references, identifiers and checksums are no secrets."""
    assert REDACTOR.redact(text).text == text


def test_a_result_names_rules_and_never_the_secret() -> None:
    """What redaction reports can be logged."""
    token = TOKENS["gitlab"](seeded(1))
    redacted = REDACTOR.redact(f"{token} {token}")
    assert redacted.count == 2
    assert len(redacted.rules) == 1
    assert residue(token, repr(redacted)) == []


def test_findings_are_in_order_and_apart() -> None:
    """Gates get spans of the original text."""
    source = seeded(5)
    tokens = [TOKENS[kind](source) for kind in ("npm", "gitlab", "stripe")]
    text = " / ".join(tokens)
    findings = REDACTOR.findings(text)
    assert [text[one.start : one.end] for one in findings] == tokens


def test_fields_with_secret_names_lose_their_strings() -> None:
    """In a JSON value the name of a field decides, and everything else keeps its type and place."""
    value = {
        "user": "ann",
        "password": "tulip",
        "apiKey": "short",
        "headers": {"Authorization": "Bearer hunter", "Accept": "text/html"},
        "auth_tokens": 3,
        "token": None,
        "credentials": "include",
        "secret": ["one", {"name": "two"}],
        "tokens": "128",
        "db_password": "${DB_PASSWORD}",
    }
    redacted, count = REDACTOR.redact_value(value)
    gone = "[REDACTED:secret-field]"
    assert redacted == {
        "user": "ann",
        "password": gone,
        "apiKey": gone,
        "headers": {"Authorization": gone, "Accept": "text/html"},
        "auth_tokens": 3,
        "token": None,
        "credentials": "include",
        "secret": [gone, {"name": "two"}],
        "tokens": "128",
        "db_password": "${DB_PASSWORD}",
    }
    assert count == 4
    assert value["password"] == "tulip"
    assert REDACTOR.redact_value(redacted) == (redacted, 0)


def test_secrets_in_keys_vanish_and_no_entry_is_lost() -> None:
    """Two keys that become the same after redaction stay two."""
    source = seeded(9)
    keys = [TOKENS["github"](source), TOKENS["github"](source)]
    redacted, count = REDACTOR.redact_value({keys[0]: 1, keys[1]: 2})
    assert count == 2
    assert isinstance(redacted, dict)
    assert sorted(redacted.values()) == [1, 2]
    assert all(MARKER.search(key) for key in redacted)


def test_hostile_nesting_raises_nothing() -> None:
    """Nesting far deeper than Python's stack is walked all the same."""
    secret = TOKENS["npm"](seeded(2))
    value: object = secret
    for depth in range(20 * sys.getrecursionlimit()):
        value = [value] if depth % 2 else {"in": value}
    redacted, count = REDACTOR.redact_value(value)
    assert count == 1
    while not isinstance(redacted, str):
        redacted = redacted[0] if isinstance(redacted, list) else redacted["in"]
    assert MARKER.fullmatch(redacted)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=12,
    )
)
@settings(max_examples=100, deadline=None)
def test_redacting_any_json_value_twice_changes_nothing(value: object) -> None:
    """Every JSON value is redacted without an error, once and for all."""
    once, _ = REDACTOR.redact_value(value)
    assert REDACTOR.redact_value(once) == (once, 0)


@pytest.mark.parametrize(
    "piece",
    [
        "-----BEGIN " + "PRIVATE KEY-----\n" + "A" * 28 + "\n",
        *(
            "AKIA" + "A" * 16 + " ",
            "eyJ",
            "://a:",
            "key=",
            "curl -u ",
            "password=",
            "authorization=",
            "ATAT=",
            "a",
        ),
        *("kind: secret ", "MIIEIBAA", "machine a login b "),
    ],
)
def test_time_grows_with_the_text_only(piece: str) -> None:
    """No repeated text makes a rule's regular expression backtrack without end."""
    started = time.perf_counter()
    REDACTOR.findings(piece * (40_000 // len(piece)))
    assert time.perf_counter() - started < 5


def test_threads_share_a_redactor() -> None:
    """Concurrent use gives each thread its own result."""
    source = seeded(4)
    texts = [f"{index} {TOKENS['npm'](source)} {index}" for index in range(200)]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(REDACTOR.redact, texts))
    assert [result.text.split()[0] for result in results] == [str(index) for index in range(200)]
    assert {result.count for result in results} == {1}


def test_own_rules_are_added() -> None:
    """A user's rule works beside the built-in ones, with keywords or without."""
    rules = [
        Rule(id="badge", regex=r"\bBADGE-(\d{6})\b", keywords=("badge-",)),
        Rule(id="room", regex=r"room (?P<value>\d{3})"),
    ]
    redacted = Redactor(extra_rules=rules).redact("BADGE-123456 is in room 101")
    assert redacted.text == "BADGE-[REDACTED:badge] is in room [REDACTED:room]"


@pytest.mark.parametrize(
    "rule",
    [
        Rule(id="Bad Id", regex="a"),
        Rule(id="open", regex="(a"),
        Rule(id="shout", regex="a", keywords=("A",)),
        Rule(id="nowhere", regex="a", anchored=True),
        Rule(id="unknown", regex="a", check="magic"),  # type: ignore[arg-type]
        Rule(id="probe", regex="a", probe="[a"),
        Rule(id="foreign", regex="a", probe="é"),
    ],
)
def test_a_broken_rule_is_refused_with_its_name(rule: Rule) -> None:
    """The message says which rule and what is wrong."""
    with pytest.raises(HivemindError) as caught:
        Redactor(extra_rules=[rule])
    assert caught.value.slug == "redaction-rule"
    assert rule.id in caught.value.message


def test_a_probe_beyond_re2_is_refused() -> None:
    """What only Python's regexes can do is no probe."""
    pytest.importorskip("re2")
    with pytest.raises(HivemindError, match="probe"):
        Redactor(extra_rules=[Rule(id="far", regex="a", probe="(?=a)b")])


def test_every_built_in_rule_is_valid() -> None:
    """The vendored rules compile, and their keywords are what the search expects."""
    for rule in built_in():
        rule.validate()


def test_the_page_on_privacy_counts_the_rules() -> None:
    """It says as many as the settings page lists: by name, since some rules are variants of another."""
    page = Path(__file__).parents[2] / "docs" / "privacy.md"
    assert f" {len({rule.id for rule in built_in()})} rules " in page.read_text(encoding="utf-8")


def test_the_benchmark_measures_a_folder(tmp_path) -> None:
    """The figures come from the cases and sessions of the folder."""
    token = TOKENS["npm"](seeded(6))
    cases = [
        {"text": f"x = '{token}'", "secrets": [token], "label": "positive"},
        {"text": "nothing here", "secrets": [], "label": "negative"},
    ]
    (tmp_path / "secrets").mkdir()
    (tmp_path / "sessions").mkdir()
    with gzip.open(tmp_path / "secrets" / "cases.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(case) + "\n" for case in cases)
    (tmp_path / "sessions" / "one.jsonl").write_text(json.dumps({"content": f"said {token}"}) + "\n{cut")
    figures = measure(tmp_path)
    assert (figures["value_recall"], figures["false_flags"], figures["flags"]) == (1, 0, 1)


def test_a_name_inside_another_secret_names_nothing() -> None:
    """A token that happens to end in `pwd` does not make the next word a password."""
    token = "gh" + "p_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q" + "pwd"
    redacted = Redactor().redact(f"client = Client('{token}', retries=3)")
    assert redacted.text == "client = Client('[REDACTED:github-classic-token]', retries=3)"
