"""Tests of the orders."""

import sqlite3

import pytest

from shop import orders


@pytest.fixture
def db():
    """Make an empty database."""
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    orders.create_tables(connection)
    return connection


def test_an_order_is_kept(db):
    """What was added can be read."""
    order = orders.add(db, customer=7, total=1999)
    assert orders.get(db, order)["total"] == 1999


def test_an_unknown_order(db):
    """What was not added is not there."""
    assert orders.get(db, 404) is None
