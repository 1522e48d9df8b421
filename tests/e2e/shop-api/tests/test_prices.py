"""Tests of the prices."""

import pytest

from shop.prices import total


@pytest.mark.parametrize(
    ("prices", "discount", "expected"), [([1000, 500], 0, 1500), ([1000], 10, 900)]
)
def test_total(prices, discount, expected):
    """Prices are added up and the discount is taken off."""
    assert total(prices, discount) == expected
