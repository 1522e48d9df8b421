"""The documentation says what the code does."""

import ast
import re
from pathlib import Path

from hivemind.cli.root import COMMANDS
from hivemind.config import SETTINGS
from hivemind.store.describe import describe

ROOT = Path(__file__).parent.parent


def _trees() -> list[ast.Module]:
    return [ast.parse(path.read_text("utf-8")) for path in (ROOT / "src").rglob("*.py")]


def _raised() -> set[str]:
    found = set()
    for node in (node for tree in _trees() for node in ast.walk(tree)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "HivemindError":
            slug = node.args[0]
            if isinstance(slug, ast.Constant):
                found.add(str(slug.value))
    return found


def test_every_error_has_a_section() -> None:
    """Each slug in the code has its section in docs/errors.md, and each section is a slug of the code."""
    sections = set(re.findall(r"^## ([a-z-]+)$", (ROOT / "docs/errors.md").read_text("utf-8"), re.M))
    texts = {n.value for tree in _trees() for n in ast.walk(tree) if isinstance(n, ast.Constant)}
    assert _raised() - sections == set()
    assert sections - texts == set()


def test_the_schema_page_is_printed_from_the_schema() -> None:
    """docs/schema.md is what `hivemind sql --schema` prints."""
    page = (ROOT / "docs/schema.md").read_text("utf-8")
    assert page == "# Schema\n\nWritten by `hivemind sql --schema`.\n\n" + describe()


def test_the_readme_names_every_verb() -> None:
    """Each verb of the command line is in the README or in the docs."""
    pages = "\n".join(path.read_text("utf-8") for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")))
    assert [verb for verb in COMMANDS if f"hivemind {verb}" not in pages] == []


def test_every_setting_is_documented() -> None:
    """Each setting is named in the docs."""
    pages = "\n".join(path.read_text("utf-8") for path in (ROOT / "docs").glob("*.md"))
    assert [setting.key for setting in SETTINGS if setting.key not in pages] == []


def test_the_first_two_code_blocks_are_the_two_commands() -> None:
    """The README begins with the command that shows the main job, and the one that runs the tests."""
    blocks = re.findall(r"```sh\n(.*?)\n```", (ROOT / "README.md").read_text("utf-8"), re.S)
    assert blocks[:2] == ["pip install . && hivemind demo", "pip install -e '.[test]' && pytest"]


def test_no_hint_names_a_package_of_somebody_else() -> None:
    """Until Hivemind is on PyPI its name there is anybody's: what is told to install is a checkout."""
    folders = [(ROOT / name).rglob("*.*") for name in ("src", "docs", "examples")]
    pages = [path for folder in folders for path in folder if path.suffix in (".py", ".md", ".html", ".toml")]
    named = re.compile(r"pip install [^`\n]*hivemind-skills|hivemind-skills\[")
    assert [p.name for p in (ROOT / "README.md", *pages) if named.search(p.read_text("utf-8"))] == []
