"""The WSGI application."""

import json
import re

from shop import orders

ROUTES = [
    (re.compile(r"^/health$"), lambda db: {"status": "ok"}),
    (re.compile(r"^/orders/(\d+)$"), lambda db, order: orders.get(db, int(order))),
]


def application(environ, start_response):
    """Answer a request with JSON."""
    for pattern, handler in ROUTES:
        if match := pattern.match(environ["PATH_INFO"]):
            found = handler(orders.connect(), *match.groups())
            status = "200 OK" if found is not None else "404 Not Found"
            start_response(status, [("content-type", "application/json")])
            return [json.dumps(found).encode()]
    start_response("404 Not Found", [])
    return [b""]
