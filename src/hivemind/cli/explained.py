"""What docs/errors.md says of an error, for `hivemind doctor --error`."""

import difflib
import re
from importlib import resources
from pathlib import Path

import click

from hivemind.errors import DOCS_PAGE

_SECTION = re.compile(r"^## ([a-z-]+)\n+(.*?)\s*(?=^## |\Z)", re.M | re.S)


def section(slug: str) -> str:
    """Give what the page says of an error; another name than one of its sections is wrong usage."""
    known = sections()
    wanted = slug.rpartition("#")[2]  # as the `type` of the server's errors has it
    if wanted not in known:
        close = difflib.get_close_matches(wanted, known, n=1)
        guess = f" Did you mean {close[0]}?" if close else ""
        raise click.UsageError(f"{slug!r} is not an error of Hivemind.{guess}")
    return known[wanted]


def sections() -> dict[str, str]:
    """Give the page's sections by their names."""
    return dict(_SECTION.findall(_page()))


def _page() -> str:
    shipped = resources.files("hivemind.cli").joinpath("errors.md")
    if shipped.is_file():
        return shipped.read_text("utf-8")
    return (Path(__file__).parents[3] / DOCS_PAGE).read_text("utf-8")  # a checkout
