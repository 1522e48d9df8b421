"""A support agent of Pydantic AI whose traces Hivemind learns from.

pip install 'pydantic-ai-slim[openai]' opentelemetry-sdk opentelemetry-exporter-otlp-proto-http
export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer …"
python agent.py "Please cancel order A11."
"""

import asyncio
import sys

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from pydantic_ai import Agent, ModelRetry
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from shop import MODEL, RefusedError, Shop, base_url, skills

shop = Shop()
agent = Agent(
    OpenAIChatModel(MODEL, provider=OpenAIProvider(base_url=base_url(), api_key="unused")),
    name="shop-bot",
    system_prompt="You help customers of a shop. Check an order before you change it.",
    retries=3,
)


@agent.system_prompt
def learnt(context) -> str:  # type: ignore[no-untyped-def]
    """Add what earlier sessions taught about a request like this one."""
    return skills(str(context.prompt or ""))


@agent.tool_plain
def get_order(order_id: str) -> str:
    """Look an order up."""
    return shop.get_order(order_id)


@agent.tool_plain
def cancel_order(order_id: str, reason: str) -> str:
    """Cancel an order."""
    try:
        return shop.cancel_order(order_id, reason)
    except RefusedError as error:
        raise ModelRetry(str(error)) from error


async def main(request: str) -> None:
    """Answer one request, and say how it went."""
    provider = TracerProvider(resource=Resource.create({"service.name": "shop-bot"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    Agent.instrument_all()
    with trace.get_tracer("shop-bot").start_as_current_span("support request") as span:
        answer = await agent.run(request)
        # What the program knows: Hivemind takes it as the outcome of this request.
        span.set_attribute("hivemind.outcome", "success" if shop.is_done else "failure")
    print(answer.output)
    provider.shutdown()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
