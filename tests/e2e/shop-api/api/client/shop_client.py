"""A client for the orders service."""


class ShopClient:
    """Talks to the orders service through `fetch`."""

    def __init__(self, fetch):
        self.fetch = fetch

    def health(self):
        """Tell whether the service is up."""
        return self.fetch("/health")

    def get_order(self, order):
        """Return an order."""
        return self.fetch(f"/orders/{order}")
