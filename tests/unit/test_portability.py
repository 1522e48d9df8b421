"""A skill is for any model: what holds for one alone is refused unless the skill says so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivemind.domain.skills import Finding, SkillDocument
from hivemind.library.gates import GateContext, portability


def found(body: str, **metadata: str) -> list[Finding]:
    """Judge a skill with this body."""
    marks = {key.replace("_", "-"): value for key, value in metadata.items()}
    skill = SkillDocument(name="tidy-up", description="Tidies. Use when full.", body=body, metadata=marks)
    return list(portability.check(skill, GateContext()))


@pytest.mark.parametrize(
    "body",
    [
        "If you are Claude, think first.",
        "**When you're ChatGPT**: stop.",
        "As GPT-5, you answer tersely.",
        "- As qwen3-coder, use short answers.",
        "You are gpt-5.1-codex. Be brief.",
        "When running on claude-sonnet-4-5, skip the summary.",
        "If the model is llama-4, repeat the rule.",
        "gemini-3-pro should not call two tools at once.",
        "This skill is written for Claude Opus 4.5.",
        "These steps work only with o3.",
        "On deepseek-v3, use the patch tool.",
        "The checks are to be run by Mistral Large 2.",
    ],
)
def test_what_is_for_one_model_is_refused(body: str) -> None:
    """It names the line and the key that would allow it."""
    (finding,) = (each for each in found(f"First.\n\n{body}") if each.blocking)
    assert finding.line == 3
    assert "`hivemind-models: " in finding.message


@pytest.mark.parametrize(
    "body",
    [
        'Send `{"model": "gpt-4o", "messages": []}`.',
        "Call claude-sonnet-4-5 through the API.",
        "When using gpt-4o, set `temperature` to 0.",
        'The prompt begins "You are GPT-4, a helper".',
        "```python\n# If you are Claude 4, stop\nask(model='gemini-2.5-flash')\n```",
    ],
)
def test_a_model_that_is_named_is_a_warning(body: str) -> None:
    """A skill about an interface has to name its models."""
    assert [finding.blocking for finding in found(body)] == [False]


@pytest.mark.parametrize(
    "body",
    [
        "Claude should run the tests.",
        "If you are using Claude Code, run `/init`.",
        "Gemini CLI reads GEMINI.md.",
        "When Claude is asked for a PDF, use this.",
        "Compile with -O3, or see https://a.example/gpt-4 for more.",
        "When working with llama.cpp, build it first.",
    ],
)
def test_agents_and_other_names_are_no_models(body: str) -> None:
    """The name of an agent says nothing about a model."""
    assert found(body) == []


def test_a_mark_allows_its_models_and_no_others() -> None:
    """Patterns are compared with the whole name."""
    body = "As GPT-5, you answer tersely."
    assert found(body, hivemind_models="claude*, gpt-5*") == []
    assert [f.blocking for f in found(body, hivemind_models="claude*")] == [True]


def test_a_description_is_judged_too() -> None:
    """It has no line of the body."""
    skill = SkillDocument(name="a", description="Use it if you are Claude.", body="Do it.")
    (finding,) = portability.check(skill, GateContext())
    assert (finding.blocking, finding.line) == (True, None)


@given(st.text(max_size=400))
def test_any_text_is_judged(text: str) -> None:
    """No text makes it fail."""
    found(text)
