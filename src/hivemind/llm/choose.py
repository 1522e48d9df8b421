"""Choose who answers: what the settings name, the best agent found where they say `auto`, or nobody."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import cast

from hivemind.config import Settings
from hivemind.domain.model_calls import Cap
from hivemind.errors import how_to_install
from hivemind.llm import providers
from hivemind.llm.agent_model import AgentModel, Client
from hivemind.llm.base import Model

#: Those that can drop every tool first: `auto` takes the first that is found.
AGENTS = ("claude", "pi", "codex", "hermes")
HOW_TO = "hivemind config set model.kind auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Hold who answers, or why nobody does."""

    setting: str  #: model.kind
    kind: str = "none"
    model: Model | None = None
    problem: str = ""  #: why what was set cannot be used
    note: str = ""  #: what a person should know about this kind

    @property
    def label(self) -> str:
        """Name the model for people."""
        if self.model is None:
            return "none"
        return f"{self.kind} ({self.model.name or 'its own default model'})"


def cap(settings: Settings) -> Cap:
    """Give the day's cap."""
    return Cap(usd=settings.model_daily_cap_usd, calls=settings.model_daily_cap_calls)


def choose(settings: Settings, *, variables: Mapping[str, str], data: Path) -> Chosen:
    """Choose by the settings; nothing is started, and nothing is asked over the network."""
    kind = settings.model_kind
    if kind == "none":
        return Chosen(setting=kind)
    if kind != "auto":
        return _named(kind, settings, variables=variables, data=data)
    for agent in AGENTS:
        found = _named(agent, settings, variables=variables, data=data)
        if found.model is not None:
            return Chosen(setting=kind, kind=found.kind, model=found.model, note=found.note)
    return Chosen(setting=kind, problem=f"none of {', '.join(AGENTS)} is on the PATH")


def _named(kind: str, settings: Settings, *, variables: Mapping[str, str], data: Path) -> Chosen:
    if kind in AGENTS:
        return _agent(kind, settings, variables=variables, data=data)
    if not settings.model_name:
        return Chosen(setting=kind, problem="model.name is not set: hivemind config set model.name NAME")
    if wrong := providers.base_url_problem(settings.model_base_url, kind=kind):
        return Chosen(setting=kind, problem=wrong)
    if not providers.installed(kind):
        return Chosen(setting=kind, problem=f"its packages are missing: {how_to_install('models')}")
    key = providers.key_of(kind, variables)
    if not key and kind != "openai-compatible":
        return Chosen(setting=kind, problem=f"{' or '.join(providers.KEYS[kind])} is not in the environment")
    model = providers.RemoteModel(
        kind=kind,
        name=settings.model_name,
        key=key,
        base_url=settings.model_base_url,
        timeout_s=settings.model_timeout_s,
    )
    return Chosen(setting=kind, kind=kind, model=model)


def _agent(kind: str, settings: Settings, *, variables: Mapping[str, str], data: Path) -> Chosen:
    client = cast("Client", import_module(f"hivemind.llm.clients.{kind}"))
    program = shutil.which(client.PROGRAM, path=variables.get("PATH") or "")
    if program is None:
        return Chosen(setting=kind, problem=f"there is no {client.PROGRAM} on the PATH")
    model = AgentModel(
        kind=kind,
        name=settings.model_name,
        client=client,
        program=program,
        variables=variables,
        data=data,
        timeout_s=settings.model_timeout_s,
    )
    note = f"it cannot drop all tools: {client.TOOLS_LEFT}" if client.TOOLS_LEFT else ""
    return Chosen(setting=kind, kind=kind, model=model, note=note)
