"""Orders and where they are kept."""

import sqlite3
from pathlib import Path

from shop.settings import DATABASE_URL


def connect() -> sqlite3.Connection:
    """Open the database."""
    connection = sqlite3.connect(DATABASE_URL.removeprefix("sqlite:///"))
    connection.row_factory = sqlite3.Row
    return connection


def create_tables(connection: sqlite3.Connection) -> None:
    """Run every migration on an empty database."""
    for script in sorted(Path("migrations").glob("*.sql")):
        connection.executescript(script.read_text())


def add(connection: sqlite3.Connection, customer: int, total: int) -> int:
    """Store an order; amounts are in cents."""
    sql = "INSERT INTO orders (customer, total) VALUES (?, ?)"
    return connection.execute(sql, (customer, total)).lastrowid


def get(connection: sqlite3.Connection, order: int) -> dict | None:
    """Return an order."""
    row = connection.execute("SELECT * FROM orders WHERE id = ?", (order,)).fetchone()
    return dict(row) if row else None
