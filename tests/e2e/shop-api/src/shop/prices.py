"""Totals and discounts, in cents."""


def total(prices: list[int], discount: int = 0) -> int:
    """Add up prices and take off a discount in per cent."""
    return int(sum(prices) * (100 - discount) / 100)
