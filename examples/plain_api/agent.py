"""A support agent without a framework: it asks for skills, records what it does, and says how it went.

pip install openai ../..  # the second is the checkout of Hivemind
python agent.py "Please cancel order A11."
"""

import asyncio
import json
import sys

from openai import AsyncOpenAI
from shop import MODEL, RefusedError, Shop, base_url

import hivemind

TOOLS = {
    "get_order": {"order_id": {"type": "string"}},
    "cancel_order": {"order_id": {"type": "string"}, "reason": {"type": "string"}},
}


def described(name: str, given: dict[str, object]) -> dict[str, object]:
    """Describe a tool to the model."""
    schema = {"type": "object", "properties": given, "required": list(given)}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


async def main(request: str) -> None:
    """Answer one request."""
    shop, client = Shop(), AsyncOpenAI(base_url=base_url(), api_key="unused")
    async with hivemind.session(agent="shop-bot", project="shop-bot", model=MODEL) as s:
        s.prompt(request)
        learnt = await hivemind.skills_for_async(request, session=s, format="markdown")
        rules = "You help customers of a shop. Check an order before you change it.\n\n" + learnt.block
        messages = [{"role": "system", "content": rules}, {"role": "user", "content": request}]
        while True:
            answer = await client.chat.completions.create(
                model=MODEL, messages=messages, tools=[described(*tool) for tool in TOOLS.items()]
            )
            said = answer.choices[0].message
            if answer.usage:
                s.usage(input_tokens=answer.usage.prompt_tokens, output_tokens=answer.usage.completion_tokens)
            messages.append(said.model_dump(exclude_none=True))
            if said.content:
                s.assistant(said.content)
            if not said.tool_calls:
                break
            for call in said.tool_calls:
                given = json.loads(call.function.arguments)
                with s.tool(call.function.name, given) as tool:
                    try:
                        tool.result = getattr(shop, call.function.name)(**given)
                    except RefusedError as error:
                        tool.fail(str(error))
                messages.append({"role": "tool", "tool_call_id": call.id, "content": tool.result})
        s.outcome(success=shop.is_done)
    print(said.content)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
