"""Redaction rules of a team's admins: what they take out, and that no rule and no text makes them slow."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hivemind.capture.redaction import Redactor
from hivemind.capture.redaction.linear import MAX_RULES, LinearRule, made
from hivemind.errors import HivemindError

BASE = Redactor()
RULES = (("acme-badge", r"ACME-\d{4}"), ("customer", r"(?i)customer: (?P<value>.+)"))


def test_what_a_rule_matches_is_taken_out() -> None:
    """All of it, or its group `value`; what the built-in rules find is found as well."""
    redactor = BASE.also(made(RULES))
    key = "sk-ant-api03-" + "a1B2c3D4" * 12
    cleaned = redactor.redact(f"badge ACME-1234, Customer: Ana Müller\n{key} ok")
    assert cleaned.text == (
        "badge [REDACTED:acme-badge], Customer: [REDACTED:customer]\n[REDACTED:anthropic-api-key] ok"
    )
    assert BASE.redact("ACME-1234").count == 0


def test_text_beside_what_was_taken_out_before_is_still_taken_out() -> None:
    """A machine redacts first; its marks stay whole, and the rest of the match goes."""
    cleaned = BASE.also(made(RULES)).redact("customer: Ana [REDACTED:email] of Oslo")
    assert cleaned.text == "customer: [REDACTED:customer][REDACTED:email][REDACTED:customer]"


@given(st.text(), st.sampled_from([r"[a-z]{2,}", r".+", r"\w+\W", r"(?s).{3,}", r"\[R|ED..", r"a\d|b+c"]))
def test_redacting_again_changes_nothing(text: str, regex: str) -> None:
    """Whatever the text and the rule."""
    redactor = BASE.also([LinearRule(id="r", regex=regex)])
    once = redactor.redact(text)
    again = redactor.redact(once.text)
    assert (again.text, again.count) == (once.text, 0)


@pytest.mark.parametrize(
    ("regex", "told"),
    [
        ("(", "invalid"),
        ("(?=a)bcd", "invalid"),
        ("x", "nearly everything"),
        ("[0-9]", "nearly everything"),
        ("a*", "nearly everything"),
        (r"\b|xyz", "nearly everything"),
        ("aa.*b|aa", "too long"),
        ("(a{1,200}){1,200}", "invalid"),
        ("a" * 501, "longer"),
        ("ab\0c", "control"),
    ],
)
def test_a_rule_that_cannot_be_used_is_refused(regex: str, told: str) -> None:
    """Each with what is wrong."""
    with pytest.raises(HivemindError, match=told) as refused:
        made([("r", regex)])
    assert refused.value.slug == "redaction-rule"


def test_names_are_few_and_their_own() -> None:
    """A second rule of a name, a strange name and the fifty-first rule are refused."""
    for pairs in ([("r", "abc"), ("r", "abd")], [("A rule", "abc")], [("", "abc")]):
        with pytest.raises(HivemindError):
            made(pairs)
    with pytest.raises(HivemindError, match="at most"):
        made((f"r{n}", "abc") for n in range(MAX_RULES + 1))


def test_past_its_deadline_a_rule_takes_the_rest_of_the_text() -> None:
    """Too much is taken out rather than too little, and nothing hangs."""
    rule = LinearRule(id="r", regex="ab")
    ticks = itertools.count()
    spans = list(rule.spans("ab" * 50, clock=lambda: next(ticks) * 0.4))
    assert spans[-1][1] == 100
    assert len(spans) < 10


@settings(deadline=None)
@given(st.text(alphabet="ab.*+?|(){}[]^$\\d2,", max_size=30))
def test_any_text_is_a_rule_or_refused(regex: str) -> None:
    """No regular expression raises anything else, or takes long."""
    try:
        (rule,) = made([("r", regex)])
    except HivemindError:
        return
    assert all(re.fullmatch(r"\d+", str(end - start)) for start, end in rule.spans("ab2" * 1000))
