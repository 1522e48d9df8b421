"""Providers answer over their own wire format, once for each question; what goes wrong has a name."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.model import ScriptedModel, call, fail, say

from hivemind.config import Settings
from hivemind.domain.model_calls import CallStatus
from hivemind.llm import choose, providers
from hivemind.llm.base import Model, ModelError, Question

pytest.importorskip("pydantic_ai")

QUESTION = Question(instructions="Word it.", material="BEGIN MATERIAL 1", fields=("description", "body"))
WORDS = {"description": "Use when asked.", "body": "# Do\n"}
KEYS = {"anthropic": "ANTHROPIC_API_KEY", "openai": "OPENAI_API_KEY", "google": "GEMINI_API_KEY"}
NAMES = {"anthropic": "claude-haiku-4-5", "openai": "gpt-5.5", "google": "gemini-2.5-flash"}
PROVIDERS = ("anthropic", "openai", "google", "openai-compatible")


@pytest.fixture
def scripted() -> Iterator[ScriptedModel]:
    """Run a scripted model."""
    with ScriptedModel() as model:
        yield model


def provider(kind: str, scripted: ScriptedModel, *, timeout_s: int = 20) -> Model:
    """Give a provider as the settings choose it."""
    suffix = "/v1" if kind.startswith("openai") else ""
    settings = Settings(
        model_kind=kind,
        model_name=NAMES.get(kind, "scripted-1"),
        model_base_url=scripted.url + suffix,
        model_timeout_s=timeout_s,
    )
    variables = {KEYS[kind]: "not-a-key"} if kind in KEYS else {}
    chosen = choose.choose(settings, variables=variables, data=Path("/nowhere"))
    assert chosen.model is not None, chosen.problem
    return chosen.model


def ask(model: Model) -> str:
    """Ask the question."""
    return model.ask(QUESTION, stopped=lambda: False).text


@pytest.mark.parametrize("kind", PROVIDERS)
def test_a_provider_answers_in_one_call(kind: str, scripted: ScriptedModel) -> None:
    """The answer is the JSON object that was asked for, with its tokens; instructions and material arrive."""
    step = say(json.dumps(WORDS)) if kind == "openai-compatible" else call("final_result", WORDS)
    scripted.when("BEGIN MATERIAL", step)
    answer = provider(kind, scripted).ask(QUESTION, stopped=lambda: False)
    assert json.loads(answer.text) == WORDS
    assert answer.spent.input_tokens
    assert answer.spent.output_tokens
    assert (answer.spent.cost_usd is not None) == (kind == "anthropic")
    (request,) = scripted.turns
    assert "Word it." in request.text
    assert "BEGIN MATERIAL 1" in request.text
    assert set(request.tools) == (set() if kind == "openai-compatible" else {"final_result"})


@pytest.mark.parametrize("kind", PROVIDERS)
@pytest.mark.parametrize("status", [400, 401, 429, 500, 529])
def test_an_error_is_one_failed_call(kind: str, status: int, scripted: ScriptedModel) -> None:
    """No package repeats a call behind our back: each would cost money that no ledger holds."""
    scripted.when("BEGIN MATERIAL", fail(status, "not today"))
    with pytest.raises(ModelError) as caught:
        ask(provider(kind, scripted))
    assert caught.value.status is CallStatus.FAILED
    assert len(scripted.turns) == 1


@pytest.mark.parametrize("kind", PROVIDERS)
def test_an_answer_of_another_kind_is_malformed(kind: str, scripted: ScriptedModel) -> None:
    """Prose in place of the object ends the call; it is not asked for again."""
    scripted.when("BEGIN MATERIAL", say("I would rather chat."))
    with pytest.raises(ModelError) as caught:
        ask(provider(kind, scripted))
    assert caught.value.status is CallStatus.MALFORMED
    assert len(scripted.turns) == 1


@pytest.mark.parametrize("kind", ["anthropic", "openai-compatible"])
def test_a_slow_provider_is_left(kind: str, scripted: ScriptedModel) -> None:
    """After the time limit the call ends, and soon after Hivemind is told to stop."""
    scripted.when("BEGIN MATERIAL", say("late", delay=8))
    model = provider(kind, scripted, timeout_s=1)
    began = time.monotonic()
    with pytest.raises(ModelError) as caught:
        ask(model)
    assert caught.value.status in (CallStatus.TIMEOUT, CallStatus.FAILED)
    with pytest.raises(ModelError) as caught:
        provider(kind, scripted).ask(QUESTION, stopped=lambda: True)
    assert caught.value.status is CallStatus.STOPPED
    assert time.monotonic() - began < 7


def test_a_key_is_neither_shown_nor_sent_elsewhere() -> None:
    """A provider's text has no key in it, and a compatible server gets no vendor's key."""
    variables = {"OPENAI_API_KEY": "sk-secret", "ANTHROPIC_API_KEY": "sk-secret"}
    settings = Settings(
        model_kind="openai-compatible", model_name="m", model_base_url="https://llm.example/v1"
    )
    chosen = choose.choose(settings, variables=variables, data=Path("/nowhere"))
    assert isinstance(chosen.model, providers.RemoteModel)
    assert chosen.model.key == ""
    named = Settings(model_kind="openai", model_name="m")
    assert "sk-secret" not in repr(choose.choose(named, variables=variables, data=Path("/nowhere")))


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("http://localhost:11434/v1", True),
        ("http://127.0.0.1:8000", True),
        ("http://192.168.1.7:8000/v1", True),
        ("https://llm.example.com/v1", True),
        ("http://llm.example.com/v1", False),
        ("https://key@llm.example.com/v1", False),
        ("ftp://llm.example.com", False),
        ("llm.example.com", False),
        ("http://[::1", False),
        ("", False),
    ],
)
def test_an_address_must_be_one_that_text_may_be_sent_to(url: str, good: bool) -> None:
    """Encrypted, or near; and a key does not belong into it."""
    assert (providers.base_url_problem(url, kind="openai-compatible") == "") == good


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (Settings(model_kind="openai"), "model.name is not set"),
        (Settings(model_kind="anthropic", model_name="m"), "ANTHROPIC_API_KEY is not in the environment"),
        (Settings(model_kind="openai-compatible", model_name="m"), "model.base_url is not set"),
        (Settings(model_kind="claude"), "no claude on the PATH"),
        (Settings(model_kind="auto"), "none of claude, pi, codex, hermes"),
    ],
)
def test_what_is_missing_is_named(settings: Settings, problem: str) -> None:
    """Where what is set cannot be used there is no model, and a sentence that says why."""
    chosen = choose.choose(settings, variables={"PATH": ""}, data=Path("/nowhere"))
    assert chosen.model is None
    assert problem in chosen.problem


def test_no_model_is_chosen_unless_a_person_says_so(tmp_path: Path) -> None:
    """With an agent on the PATH and keys in the environment, the default is still nobody."""
    (tmp_path / "claude").write_text("#!/bin/sh\n")
    (tmp_path / "claude").chmod(0o755)
    variables = {"PATH": str(tmp_path), "ANTHROPIC_API_KEY": "k", "OPENAI_API_KEY": "k"}
    assert choose.choose(Settings(), variables=variables, data=tmp_path).model is None
    auto = choose.choose(Settings(model_kind="auto"), variables=variables, data=tmp_path)
    assert auto.kind == "claude"
