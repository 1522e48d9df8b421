"""The script of the demo's sessions: what the person asks, and what the model does.

Outputs are not written here: the commands run in a copy of `shop-api`, and fail or work by themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from .model import Step, StepLike, call, say, together
from .model import shell as command

OPUS, SONNET = "claude-opus-5-5", "claude-sonnet-4-5"

# What a model writes beside a command.
DESCRIPTIONS = {
    "make test": "Run the test suite",
    "make lint": "Check the style",
    "make client": "Generate the API client",
    "git checkout": "Undo the edit of the client",
    "git add": "Commit the changes",
    "./scripts/db migrate": "Apply new migrations",
    "curl": "Ask for the health of the service",
    "cat .env": "Show the settings of staging",
    "cat Makefile": "See which targets there are",
    "grep": "Search for arithmetic with money",
    "ls": "Look at the migrations",
    "pytest": "Run the tests",
    "PYTHONPATH": "Run the tests with src on the path",
}


@dataclass(frozen=True)
class Turn:
    """A prompt and the model's steps."""

    prompt: str
    steps: tuple[StepLike, ...]


@dataclass(frozen=True)
class DemoSession:
    """One session; its prompts must differ, since they choose the steps."""

    name: str
    at: datetime
    turns: tuple[Turn, ...]
    model: str = OPUS
    subagents: tuple[Turn, ...] = ()


def _turn(prompt: str, *steps: StepLike) -> Turn:
    return Turn(prompt, steps)


def shell(line: str, text: str = "") -> Step:
    """Run a command, with the description that belongs to it."""
    described = (text for start, text in DESCRIPTIONS.items() if line.startswith(start))
    return command(line, text, description=next(described))


def _commit(message: str) -> Step:
    return shell(f'git add -A && git commit -q -m "{message}" && git log --oneline -1')


@dataclass(frozen=True)
class Script:
    """Builds the sessions for a project folder and the port on which its server will be started."""

    root: Path
    port: int
    start_server: Callable[[], None]

    def sessions(self) -> list[DemoSession]:
        """Return the sessions in the order in which they have to be played."""
        return [
            self._endpoint(),
            self._column(),
            self._client(),
            self._rounding(),
            self._status(),
            self._health(),
            self._readme(),
        ]

    def _read(self, path: str, text: str = "") -> Step:
        return call("Read", {"file_path": str(self.root / path)}, text)

    def _write(self, path: str, content: str, text: str = "") -> Step:
        return call("Write", {"file_path": str(self.root / path), "content": content}, text)

    def _edit(self, path: str, old: str, new: str, text: str = "") -> Step:
        file = str(self.root / path)
        return call("Edit", {"file_path": file, "old_string": old, "new_string": new}, text)

    def _append(self, path: str, last: str, added: str, text: str = "") -> Step:
        return self._edit(path, last, last + added, text)

    def _endpoint(self) -> DemoSession:
        return DemoSession(
            "customer-orders",
            datetime.fromisoformat("2026-11-09T09:12:04+00:00"),
            (
                _turn(
                    "Add an endpoint GET /customers/{id}/orders that lists the orders of a customer, newest "
                    "first. With a test please.",
                    together(
                        self._read("src/shop/app.py", "I'll look at how the existing routes are built."),
                        self._read("src/shop/orders.py"),
                        self._read("tests/test_orders.py"),
                    ),
                    self._append(
                        "src/shop/orders.py",
                        "    return dict(row) if row else None\n",
                        "\n\ndef of_customer(connection: sqlite3.Connection, customer: int) -> list[dict]:\n"
                        '    """Return the orders of a customer, newest first."""\n'
                        '    sql = "SELECT * FROM orders WHERE customer = ? ORDER BY id DESC"\n'
                        "    return [dict(row) for row in connection.execute(sql, (customer,))]\n",
                    ),
                    self._append(
                        "src/shop/app.py",
                        "orders.get(db, int(order))),\n",
                        '    (re.compile(r"^/customers/(\\d+)/orders$"), '
                        "lambda db, customer: orders.of_customer(db, int(customer))),\n",
                    ),
                    self._append(
                        "tests/test_orders.py",
                        "    assert orders.get(db, 404) is None\n",
                        "\n\ndef test_the_orders_of_a_customer(db):\n"
                        '    """They come newest first, and without those of others."""\n'
                        "    first = orders.add(db, customer=7, total=100)\n"
                        "    orders.add(db, customer=8, total=200)\n"
                        "    last = orders.add(db, customer=7, total=300)\n"
                        '    assert [order["id"] for order in orders.of_customer(db, 7)] == [last, first]\n',
                    ),
                    shell("pytest", "Now the tests."),
                    shell("PYTHONPATH=src pytest", "The package is not on the path. I'll add src."),
                    shell("cat Makefile", "Settings are missing too. Let me see how the project does it."),
                    shell("make test", "There is a target for this."),
                    _commit("List the orders of a customer"),
                    say("`GET /customers/{id}/orders` lists a customer's orders, newest first, with a test."),
                ),
            ),
        )

    def _column(self) -> DemoSession:
        return DemoSession(
            "order-notes",
            datetime.fromisoformat("2026-11-09T14:31:40+00:00"),
            (
                _turn(
                    "Orders need a free text note, empty by default. Write the migration, apply it to my "
                    "database and let orders.add take the note.",
                    together(
                        shell("ls migrations scripts && cat migrations/0001_orders.sql"),
                        self._read("src/shop/orders.py"),
                    ),
                    self._write(
                        "migrations/0002_note.sql",
                        "ALTER TABLE orders ADD COLUMN note TEXT NOT NULL DEFAULT '';\n",
                    ),
                    shell("./scripts/db migrate", "I'll apply it."),
                    shell("./scripts/db migrate --env local", "It wants to know which database: yours."),
                    self._edit(
                        "src/shop/orders.py",
                        "customer: int, total: int) -> int:\n"
                        '    """Store an order; amounts are in cents."""\n'
                        '    sql = "INSERT INTO orders (customer, total) VALUES (?, ?)"\n'
                        "    return connection.execute(sql, (customer, total)).lastrowid\n",
                        'customer: int, total: int, note: str = "") -> int:\n'
                        '    """Store an order; amounts are in cents."""\n'
                        '    sql = "INSERT INTO orders (customer, total, note) VALUES (?, ?, ?)"\n'
                        "    return connection.execute(sql, (customer, total, note)).lastrowid\n",
                    ),
                    shell("pytest -q", "Then the tests."),
                    shell("make test", "The Makefile knows how to run them."),
                    _commit("Orders have a note"),
                    say("Orders have a note now, the migration is applied to your local database."),
                ),
            ),
        )

    def _client(self) -> DemoSession:
        client = "api/client/shop_client.py"
        return DemoSession(
            "client-method",
            datetime.fromisoformat("2026-11-10T10:05:12+00:00"),
            (
                _turn(
                    "The Python client has no method for the new customers endpoint. Add one.",
                    self._read(client),
                    self._append(
                        client,
                        '        return self.fetch(f"/orders/{order}")\n',
                        "\n    def get_customer_orders(self, customer):\n"
                        '        """Return the orders of a customer, newest first."""\n'
                        '        return self.fetch(f"/customers/{customer}/orders")\n',
                    ),
                    shell("make lint"),
                    say("I added `get_customer_orders` to `api/client/shop_client.py`."),
                ),
                _turn(
                    "No, don't edit the files under api/client by hand, they are generated. Change "
                    "api/openapi.json and run `make client` instead.",
                    together(
                        shell("git checkout -- api/client", "Understood, I take my edit back."),
                        self._read("api/openapi.json"),
                    ),
                    self._edit(
                        "api/openapi.json",
                        '"summary": "Return an order."}}\n',
                        '"summary": "Return an order."}},\n'
                        '    "/customers/{customer}/orders": {"get": {"operationId": "get_customer_orders", '
                        '"summary": "Return the orders of a customer, newest first."}}\n',
                    ),
                    shell("make client"),
                    shell("make lint && git diff --stat"),
                    say("The endpoint is in `api/openapi.json`, and `make client` wrote the method."),
                ),
                _turn("Perfect, commit it.", _commit("The client lists a customer's orders"), say("Done.")),
            ),
        )

    def _rounding(self) -> DemoSession:
        question = "Find where shop-api computes or rounds amounts of money, and report files and lines."
        return DemoSession(
            "rounding",
            datetime.fromisoformat("2026-11-11T11:20:33+00:00"),
            (
                _turn(
                    "An order of 19.90 with 15 % off is charged 16.91, accounting says 16.92. "
                    "Find out why and fix it.",
                    call(
                        "Agent",
                        {
                            "description": "Find money arithmetic",
                            "prompt": question,
                            "subagent_type": "Explore",
                            "run_in_background": False,
                        },
                        "I'll have the code searched for money arithmetic first.",
                    ),
                    self._edit(
                        "tests/test_prices.py",
                        "([1000], 10, 900)",
                        "([1000], 10, 900), ([1990], 15, 1692)",
                        "`int()` cuts half cents off. First a test that shows it.",
                    ),
                    shell("make test"),
                    self._edit(
                        "src/shop/prices.py",
                        "    return int(sum(prices) * (100 - discount) / 100)\n",
                        "    return (sum(prices) * (100 - discount) + 50) // 100\n",
                        "It fails as it should. Now I round half up, in integers.",
                    ),
                    shell("make test"),
                    shell("make lint"),
                    _commit("Round half cents up"),
                    say("`total` cut half cents off; it rounds them up now, and a test holds it to that."),
                ),
                _turn("Thanks, that is exactly right.", say("Glad to hear it.")),
            ),
            subagents=(
                _turn(
                    question,
                    shell("grep -rnE '/ 100|round\\(|int\\(' src"),
                    self._read("src/shop/prices.py"),
                    say("Only `total` in src/shop/prices.py, line 6: int() drops the fraction of a cent."),
                ),
            ),
        )

    def _status(self) -> DemoSession:
        client = "api/client/shop_client.py"
        return DemoSession(
            "order-status",
            datetime.fromisoformat("2026-11-12T09:41:08+00:00"),
            (
                _turn(
                    "Orders get a status, 'open' at first. Please add the column, migrate my database, and "
                    "write orders.ship, which sets it to 'shipped'.",
                    self._read("src/shop/orders.py"),
                    self._write(
                        "migrations/0003_status.sql",
                        "ALTER TABLE orders ADD COLUMN status TEXT NOT NULL DEFAULT 'open';\n",
                    ),
                    shell("./scripts/db migrate"),
                    shell("./scripts/db migrate --env local", "The environment is required; local it is."),
                    self._append(
                        "src/shop/orders.py",
                        "    return [dict(row) for row in connection.execute(sql, (customer,))]\n",
                        "\n\ndef ship(connection: sqlite3.Connection, order: int) -> None:\n"
                        '    """Mark an order as shipped."""\n'
                        "    connection.execute(\"UPDATE orders SET status = 'shipped' WHERE id = ?\", "
                        "(order,))\n",
                    ),
                    self._append(
                        "tests/test_orders.py",
                        "    assert orders.get(db, 404) is None\n",
                        "\n\ndef test_an_order_is_shipped(db):\n"
                        '    """An order is open until it is shipped."""\n'
                        "    order = orders.add(db, customer=7, total=100)\n"
                        '    assert orders.get(db, order)["status"] == "open"\n'
                        "    orders.ship(db, order)\n"
                        '    assert orders.get(db, order)["status"] == "shipped"\n',
                    ),
                    shell("pytest"),
                    shell("make test", "Not installed here, so by way of the Makefile."),
                    _commit("Orders have a status"),
                    say("Orders have a status, and `orders.ship` sets it."),
                ),
                _turn(
                    "Now let the client's get_order say in its docstring that the status is part of it.",
                    self._read(client),
                    self._edit(client, '"""Return an order."""', '"""Return an order and its status."""'),
                    say("The docstring of `get_order` mentions the status."),
                ),
                _turn(
                    "Please never edit api/client by hand: it is generated from api/openapi.json. "
                    "Change that and run `make client`.",
                    self._edit(
                        "api/openapi.json",
                        '"summary": "Return an order."',
                        '"summary": "Return an order and its status."',
                        "Right, the summary belongs into the description of the API.",
                    ),
                    shell("make client"),
                    shell("make lint"),
                    _commit("The client mentions the status"),
                    say("`api/openapi.json` has the summary, and the client is generated from it again."),
                ),
            ),
        )

    def _health(self) -> DemoSession:
        health = f"curl -sS --max-time 5 http://127.0.0.1:{self.port}/health"

        def again(_: object) -> Step:
            self.start_server()
            return shell(health, "Nothing listens yet. It may still be starting, so once more.")

        return DemoSession(
            "health",
            datetime.fromisoformat("2026-11-13T15:09:55+00:00"),
            (
                _turn(
                    "I'm just starting the server on my machine. Does its health check answer?",
                    shell(health),
                    again,
                    say("Yes: it needed a moment, and now answers `ok`."),
                ),
                _turn(
                    "And staging? Its settings are in .env.staging.",
                    shell("cat .env.staging"),
                    shell("curl -sS --max-time 5 https://staging.shop.invalid/health"),
                    say("The name of the staging host does not resolve here. Is the VPN off?"),
                ),
                _turn("Right, the VPN was off. Never mind.", say("All right.")),
            ),
            model=SONNET,
        )

    def _readme(self) -> DemoSession:
        return DemoSession(
            "readme",
            datetime.fromisoformat("2026-11-16T08:57:21+00:00"),
            (
                _turn(
                    "What is the second element of each entry of ROUTES good for?",
                    self._read("src/shop/app.py"),
                    say("It is the handler: it gets the database and the parts of the path."),
                ),
                _turn(
                    "Add a sentence about that to the README.",
                    self._read("README.md"),
                    self._append(
                        "README.md",
                        "PostgreSQL in production.\n",
                        "\nA route is a pattern and a handler, which gets the database and the parts of the "
                        "path.\n",
                    ),
                    _commit("Explain the routes"),
                    say("The README explains routes in one sentence."),
                ),
            ),
            model=SONNET,
        )
