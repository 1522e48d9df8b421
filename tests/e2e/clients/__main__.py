"""Install clients ahead of the tests: `python -m tests.e2e.clients install claude codex`."""

from __future__ import annotations

import argparse
import sys

from . import CLIENTS, IN_CI


def main() -> None:
    """Install the clients that are named, or those that CI runs, and print where their programs are."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.clients")
    parser.add_argument("action", choices=["install"])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(CLIENTS))
    given = parser.parse_args()
    if unknown := set(given.names) - set(CLIENTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(CLIENTS)}")
    for name in given.names or IN_CI:
        sys.stdout.write(f"{name}: {' '.join(CLIENTS[name].find())}\n")


main()
