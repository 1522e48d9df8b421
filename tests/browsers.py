"""A real browser for tests, where this machine has one."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

#: Names under which distributions install it.
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def missing() -> str:
    """Say what a browser needs that is not here; empty where there is one."""
    if importlib.util.find_spec("playwright") is None:
        return "needs playwright: pip install -e '.[test]'"
    return "" if any(map(shutil.which, CHROMIUM)) else "needs Chromium: apt-get install chromium"


@contextmanager
def running() -> Iterator[Any]:
    """Run a browser: while it runs, nothing else of the process can run an event loop."""
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, CHROMIUM)))
    with sync_playwright() as playwright:
        # Its sandbox refuses to be started by root, as in a container.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Start a browser, for one module."""
    if why := missing():
        pytest.skip(why)
    with running() as browser:
        yield browser
