"""A support agent of LangGraph whose traces Hivemind learns from.

pip install langgraph langchain-openai openinference-instrumentation-langchain
pip install opentelemetry-exporter-otlp-proto-http
export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer …"
python agent.py "Please cancel order A11."
"""

import sys
import uuid

from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.prebuilt import ToolNode, create_react_agent
from openinference.instrumentation import using_session
from openinference.instrumentation.langchain import LangChainInstrumentor
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from shop import MODEL, Shop, base_url, skills

shop = Shop()


@tool
def get_order(order_id: str) -> str:
    """Look an order up."""
    return shop.get_order(order_id)


@tool
def cancel_order(order_id: str, reason: str) -> str:
    """Cancel an order."""
    return shop.cancel_order(order_id, reason)


def main(*requests: str) -> None:
    """Answer requests of one conversation, and say how they went."""
    provider = TracerProvider(resource=Resource.create({"service.name": "shop-bot"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    LangChainInstrumentor().instrument(tracer_provider=provider)
    model = ChatOpenAI(model=MODEL, base_url=base_url(), api_key="unused")
    thread = f"thread-{uuid.uuid4()}"
    rules = "You help customers of a shop. Check an order before you change it.\n" + skills(requests[0])
    tools = ToolNode([get_order, cancel_order], handle_tool_errors=True)  # the model sees what went wrong
    agent = create_react_agent(model, tools, prompt=rules, checkpointer=InMemorySaver())
    for request in requests:
        with (
            using_session(thread),
            trace.get_tracer("shop-bot").start_as_current_span("support request") as span,
        ):
            state = agent.invoke(
                {"messages": [{"role": "user", "content": request}]},
                {"configurable": {"thread_id": thread}},
            )
            span.set_attribute("session.id", thread)
            # What the program knows: Hivemind takes it as the outcome of this request.
            span.set_attribute("hivemind.outcome", "success" if shop.is_done else "failure")
        print(state["messages"][-1].content)
    provider.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
