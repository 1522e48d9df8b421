"""A support agent of the OpenAI Agents SDK whose traces Hivemind learns from.

pip install openai-agents openinference-instrumentation-openai-agents opentelemetry-exporter-otlp-proto-http
export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer …"
python agent.py "Please cancel order A11."
"""

import asyncio
import sys

from agents import Agent, OpenAIChatCompletionsModel, Runner, function_tool, set_trace_processors
from openai import AsyncOpenAI
from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from shop import MODEL, Shop, base_url, skills

shop = Shop()


@function_tool
def get_order(order_id: str) -> str:
    """Look an order up."""
    return shop.get_order(order_id)


@function_tool(failure_error_function=None)
def count_orders() -> str:
    """Count the orders of a customer."""
    return "3"


@function_tool
def cancel_order(order_id: str, reason: str) -> str:
    """Cancel an order."""
    return shop.cancel_order(order_id, reason)


async def main(request: str) -> None:
    """Answer one request, and say how it went."""
    provider = TracerProvider(resource=Resource.create({"service.name": "shop-bot"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    set_trace_processors([])  # nothing goes to OpenAI
    OpenAIAgentsInstrumentor().instrument(tracer_provider=provider)
    model = OpenAIChatCompletionsModel(
        model=MODEL, openai_client=AsyncOpenAI(base_url=base_url(), api_key="unused")
    )
    agent = Agent(
        name="shop-bot",
        instructions="You help customers of a shop. Check an order before you change it.\n" + skills(request),
        tools=[get_order, cancel_order, count_orders],
        model=model,
    )
    with trace.get_tracer("shop-bot").start_as_current_span("support request") as span:
        answer = await Runner.run(agent, request)
        # What the program knows: Hivemind takes it as the outcome of this request.
        span.set_attribute("hivemind.outcome", "success" if shop.is_done else "failure")
    print(answer.final_output)
    provider.shutdown()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
