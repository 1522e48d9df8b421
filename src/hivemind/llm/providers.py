"""Ask a provider over the network, through pydantic-ai; its packages come with the extra `models`."""

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from hivemind.domain.events import Usage
from hivemind.domain.model_calls import CallStatus
from hivemind.domain.prices import cost_usd
from hivemind.llm.base import MAX_ANSWER_CHARS, Answer, ModelError, Question, Spent

if TYPE_CHECKING:
    from pydantic_ai.models import Model as ProviderModel

#: Kind → the variables that may hold its key, the first that is set wins.
KEYS: Mapping[str, tuple[str, ...]] = {
    "anthropic": ("ANTHROPIC_API_KEY",),
    "openai": ("OPENAI_API_KEY",),
    "google": ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
    # Not a vendor's own variable: a key for one host must not be sent to another.
    "openai-compatible": ("HIVEMIND_MODEL_API_KEY",),
}
_POLL_S = 0.1
Closing: TypeAlias = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteModel:
    """Answer through a provider's API; structured output, no tools of ours, no retries."""

    kind: str
    name: str
    key: str
    base_url: str
    timeout_s: float

    @property
    def overhead_tokens(self) -> int:
        """Give the tokens that describing the wanted answer takes."""
        return 150

    def __repr__(self) -> str:
        """Name the model without its key."""
        return f"RemoteModel(kind={self.kind!r}, name={self.name!r})"

    def ask(self, question: Question, *, stopped: Callable[[], bool]) -> Answer:
        """Give the answer; raise ModelError, also soon after `stopped` says so."""
        from pydantic import ValidationError
        from pydantic_ai import exceptions

        try:
            return asyncio.run(self._ask(question, stopped))
        except ModelError:
            raise
        except exceptions.ContentFilterError as error:
            raise ModelError(CallStatus.REFUSED, "the provider refused") from error
        except (exceptions.UnexpectedModelBehavior, ValidationError) as error:
            raise ModelError(CallStatus.MALFORMED, f"not what was asked for: {error}"[:300]) from error
        except Exception as error:
            # Each provider's package has errors of its own for what goes wrong on the way.
            raise ModelError(CallStatus.FAILED, f"{type(error).__name__}: {error}"[:300]) from error

    async def _ask(self, question: Question, stopped: Callable[[], bool]) -> Answer:
        from pydantic import create_model
        from pydantic_ai import Agent, PromptedOutput
        from pydantic_ai.usage import UsageLimits

        fields: dict[str, Any] = dict.fromkeys(question.fields, (str, ...))
        wanted = create_model("Wording", **fields)
        # Not every compatible server has tools or schemas; all can be asked for JSON.
        output: Any = PromptedOutput(wanted) if self.kind == "openai-compatible" else wanted
        model, close = self._model()
        agent = Agent(model, output_type=output, instructions=question.instructions, retries=0)
        running = asyncio.create_task(
            agent.run(
                question.material,
                model_settings={"max_tokens": question.max_output_tokens, "timeout": self.timeout_s},
                usage_limits=UsageLimits(request_limit=1),
            )
        )
        try:
            result = await self._bounded(running, stopped)
        finally:
            await close()
        text = json.dumps(result.output.model_dump())
        spent = self._spent(result.usage)
        if len(text) > MAX_ANSWER_CHARS:
            raise ModelError(CallStatus.TOO_LONG, "its answer is too long", spent=spent)
        return Answer(text=text, spent=spent)

    async def _bounded(self, running: "asyncio.Task[Any]", stopped: Callable[[], bool]) -> Any:
        end = time.monotonic() + self.timeout_s
        while not running.done():
            await asyncio.wait({running}, timeout=_POLL_S)
            if not running.done() and (stopped() or time.monotonic() > end):
                running.cancel()
                await asyncio.wait({running})
                status = CallStatus.STOPPED if stopped() else CallStatus.TIMEOUT
                raise ModelError(status, "it did not answer in time")
        return running.result()

    def _spent(self, usage: Any) -> Spent:
        counted = Usage(
            message_id="",
            # What pydantic-ai calls input tokens holds the cached ones.
            input_tokens=usage.input_tokens - usage.cache_read_tokens - usage.cache_write_tokens,
            output_tokens=usage.output_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_write_tokens,
        )
        return Spent(
            model=self.name,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cost_usd=cost_usd(self.name, counted),
        )

    def _model(self) -> "tuple[ProviderModel, Closing]":
        """Make the provider's client, which must not repeat a call that is counted as one, and its end."""
        base_url = self.base_url or None
        if self.kind == "anthropic":
            from anthropic import AsyncAnthropic
            from pydantic_ai.models.anthropic import AnthropicModel
            from pydantic_ai.providers.anthropic import AnthropicProvider

            client = AsyncAnthropic(api_key=self.key, base_url=base_url, max_retries=0)
            return AnthropicModel(
                self.name, provider=AnthropicProvider(anthropic_client=client)
            ), client.close
        if self.kind == "google":
            from httpx2 import AsyncClient
            from pydantic_ai.models.google import GoogleModel
            from pydantic_ai.providers.google import GoogleProvider

            http = AsyncClient(timeout=self.timeout_s)
            google = GoogleProvider(api_key=self.key, base_url=base_url, http_client=http)
            return GoogleModel(self.name, provider=google), http.aclose
        from openai import AsyncOpenAI
        from pydantic_ai.models.openai import OpenAIChatModel
        from pydantic_ai.providers.openai import OpenAIProvider

        openai = AsyncOpenAI(api_key=self.key or "none", base_url=base_url, max_retries=0)
        return OpenAIChatModel(self.name, provider=OpenAIProvider(openai_client=openai)), openai.close


def installed(kind: str) -> bool:
    """Say whether the packages for a kind of provider are there."""
    from importlib.util import find_spec

    packages = {"anthropic": "anthropic", "google": "google.genai"}
    try:
        return all(find_spec(name) is not None for name in ("pydantic_ai", packages.get(kind, "openai")))
    except ModuleNotFoundError:
        return False


def key_of(kind: str, variables: Mapping[str, str]) -> str:
    """Give the key that the environment holds; empty where there is none."""
    return next((variables[name] for name in KEYS[kind] if variables.get(name)), "")


def base_url_problem(url: str, *, kind: str) -> str:
    """Say why a key and a session's text must not be sent to an address; empty where they may."""
    if not url:
        unset = "model.base_url is not set: hivemind config set model.base_url URL"
        return unset if kind == "openai-compatible" else ""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        host = ""
    if not host or parts.scheme not in ("http", "https") or parts.username or parts.password:
        return "model.base_url is not http(s)://HOST[:PORT]/…, without a key"
    if parts.scheme == "http" and not _is_near(host):
        return "model.base_url is not encrypted: use https for a host that is not on this network"
    return ""


def _is_near(host: str) -> bool:
    try:
        return ip_address(host).is_private
    except ValueError:
        return host == "localhost" or host.endswith((".local", ".internal", ".lan"))
