"""The shop that the examples' agents work for, and what they have in common."""

import os

MODEL = os.environ.get("MODEL", "gpt-5-mini")


class RefusedError(Exception):
    """Say why the shop does not do something."""


class Shop:
    """Hold a few orders; one may be changed only after it was looked up."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self.is_done = False  #: an order was cancelled as it should be

    def get_order(self, order_id: str) -> str:
        """Look an order up."""
        self._seen.add(order_id)
        return f"order {order_id}: open, one lamp, 49 EUR"

    def cancel_order(self, order_id: str, reason: str) -> str:
        """Cancel an order."""
        if order_id not in self._seen:
            raise RefusedError(f"order {order_id} has not been looked up in this conversation")
        self.is_done = True
        return f"order {order_id} cancelled: {reason}"


def base_url() -> str | None:
    """Give where the model is; None for OpenAI itself."""
    return os.environ.get("OPENAI_BASE_URL")


def skills(request: str) -> str:
    """Give what Hivemind knows about a request, for the system prompt; nothing where it is not installed."""
    try:
        import hivemind
    except ImportError:
        return ""
    return hivemind.skills_for(request, project="shop-bot", format="text").block
