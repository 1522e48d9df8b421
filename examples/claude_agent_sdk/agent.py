"""A support agent of the Claude Agent SDK that records its sessions by the Python API.

pip install claude-agent-sdk ../..  # the second is the checkout of Hivemind
python agent.py "Please cancel order A11."
"""

import asyncio
import sys

from claude_agent_sdk import (
    AssistantMessage,
    ClaudeAgentOptions,
    ResultMessage,
    TextBlock,
    create_sdk_mcp_server,
    query,
    tool,
)
from shop import RefusedError, Shop

import hivemind

shop = Shop()
session = hivemind.session(agent="shop-bot", project="shop-bot")


def run(name: str, given: dict[str, str]) -> dict[str, object]:
    """Run a tool of the shop, recorded."""
    with session.tool(name, given) as use:
        try:
            use.result = getattr(shop, name)(**given)
        except RefusedError as error:
            use.fail(str(error))
    return {"content": [{"type": "text", "text": use.result}], "is_error": "not been looked up" in use.result}


@tool("get_order", "Look an order up.", {"order_id": str})
async def get_order(given: dict[str, str]) -> dict[str, object]:
    """Look an order up."""
    return run("get_order", given)


@tool("cancel_order", "Cancel an order.", {"order_id": str, "reason": str})
async def cancel_order(given: dict[str, str]) -> dict[str, object]:
    """Cancel an order."""
    return run("cancel_order", given)


async def main(request: str) -> None:
    """Answer one request."""
    learnt = hivemind.skills_for(request, session=session, format="xml")
    options = ClaudeAgentOptions(
        system_prompt="You help customers of a shop. Check an order before you change it.\n" + learnt.block,
        mcp_servers={"shop": create_sdk_mcp_server("shop", tools=[get_order, cancel_order])},
        allowed_tools=["mcp__shop__get_order", "mcp__shop__cancel_order"],
        setting_sources=[],
    )
    async with session:
        session.prompt(request)
        async for message in query(prompt=request, options=options):
            if isinstance(message, AssistantMessage):
                for block in message.content:
                    if isinstance(block, TextBlock):
                        session.assistant(block.text, model=message.model)
                        print(block.text)
            elif isinstance(message, ResultMessage) and message.usage:
                usage = message.usage
                session.usage(
                    input_tokens=usage.get("input_tokens", 0), output_tokens=usage.get("output_tokens", 0)
                )
        session.outcome(success=shop.is_done)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
