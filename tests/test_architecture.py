"""Imports point one way, no module is part of a cycle, and what the hook imports is the standard library."""

from __future__ import annotations

import ast
import graphlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import hivemind

ROOT = Path(hivemind.__file__).parent

#: What each package may import of ours, beside itself. The outermost are first; nothing points upwards.
ALLOWED = {
    "__main__": {"cli"},
    "cli": {
        "server",
        "worker",
        "sync",
        "distill",
        "finetune",
        "deeplake",
        "library",
        "retrieval",
        "evaluation",
        "capture",
        "agents",
        "store",
        "demo",
        "report",
        "llm",
        "config",
        "api",
        "otlp",
    }
    | {"domain", "errors"},
    "server": {"sync", "retrieval", "library", "evaluation", "otlp", "capture", "agents", "store", "config"}
    | {"domain", "errors"},
    "worker": {
        "sync",
        "distill",
        "finetune",
        "llm",
        "library",
        "evaluation",
        "retrieval",
        "capture",
        "agents",
        "store",
        "config",
        "otlp",
    }
    | {"domain", "errors"},
    "deeplake": {"library", "capture", "agents", "store", "domain", "errors"},
    "api": {"sync", "retrieval", "server", "capture", "agents", "domain"},
    "otlp": {"capture", "store", "domain", "errors"},
    "finetune": {"distill", "library", "capture", "agents", "store", "domain", "errors"},
    "distill": {"library", "llm", "capture", "agents", "store", "domain", "errors"},
    "report": {"evaluation", "retrieval", "store", "domain", "errors"},
    "sync": {"library", "capture", "store", "config", "domain", "errors"},
    "evaluation": {"library", "capture", "agents", "store", "domain", "errors"},
    "llm": {"capture", "store", "config", "domain", "errors"},
    "library": {"capture", "agents", "store", "domain", "errors"},
    "capture": {"agents", "store", "domain", "errors", "retrieval"},
    "config": {"capture", "errors"},
    "store": {"domain", "errors"},
    "agents": {"domain", "errors"},
    "retrieval": {"store", "domain", "errors"},
    "demo": set(),
    "domain": {"errors"},
    "errors": set(),
    "__init__": set(),
}
#: The package itself holds the version.
EVERYWHERE = {"__init__"}
#: Edges that hold for one module only.
ONLY = {
    ("config", "capture"): {"hivemind.capture.layout"},  # where the data folder is
    ("capture", "retrieval"): {"hivemind.retrieval.cold"},  # the hook's answer without a worker
    # What is withheld, also without a worker; and what past work is made of.
    ("retrieval", "domain"): {
        "hivemind.domain.holdout",
        "hivemind.domain.skills",
        "hivemind.domain.events",
        "hivemind.domain.outcomes",
    },
}
#: Modules that an agent waits for: started as a script, or imported by it.
HOOK = (
    "hivemind.capture.hook",
    "hivemind.capture.announce",
    "hivemind.capture.layout",
    "hivemind.domain.holdout",
    "hivemind.domain.plain_json",
    "hivemind.retrieval.cold",
)


def modules() -> dict[str, Path]:
    """Give every module of ours by its name."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(name: str, *, top_only: bool = False) -> Iterator[str]:
    """Give the modules that a module imports; `top_only` leaves out the imports inside of functions."""
    tree = ast.parse(MODULES[name].read_text())
    inside = {
        id(inner)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef) or _is_for_types(outer)
        for inner in ast.walk(outer)
    }
    for node in ast.walk(tree):
        if top_only and id(node) in inside:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports by a relative name"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in MODULES else str(node.module)


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def package(module: str) -> str:
    """Give the first name below `hivemind`."""
    return module.split(".")[1] if "." in module else "__init__"


def ours(name: str, *, top_only: bool = False) -> set[str]:
    """Give the modules of ours that a module imports."""
    return {m for m in imports(name, top_only=top_only) if m == "hivemind" or m.startswith("hivemind.")}


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_one_way(name: str) -> None:
    """A module imports only from the packages that the table allows to its own."""
    here = package(name)
    for wanted in ours(name):
        there = package(wanted)
        assert there in ALLOWED[here] | EVERYWHERE | {here}, f"{name} may not import {wanted}"
        assert wanted in ONLY.get((here, there), {wanted}), f"{name} may not import {wanted}"


def test_the_table_names_every_package() -> None:
    """A new package has to say what it may import."""
    assert {package(name) for name in MODULES} <= set(ALLOWED)


def test_packages_do_not_depend_on_each_other_in_a_circle() -> None:
    """Following the imports of packages never comes back to where it began."""
    graph: dict[str, set[str]] = {}
    for name in MODULES:
        graph.setdefault(package(name), set()).update(package(m) for m in ours(name))
    for name, others in graph.items():
        others.discard(name)
    list(graphlib.TopologicalSorter(graph).static_order())


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    """Nor do the modules themselves, as far as they import when they are loaded."""
    graph = {name: ours(name, top_only=True) - {name} for name in MODULES}
    list(graphlib.TopologicalSorter(graph).static_order())


def closure(start: str) -> set[str]:
    """Give all that a module and what it imports may ever import, and the packages around them."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in MODULES:
            waiting += [".".join(name.split(".")[: n + 1]) for n in range(name.count("."))]
            waiting += list(imports(name))
    return seen


_PAYLOADS = sorted(
    name for name in MODULES if name.startswith("hivemind.agents.") and name.endswith(".payload")
)


@pytest.mark.parametrize("start", [*HOOK, *_PAYLOADS])
def test_the_hook_needs_nothing_but_the_standard_library(start: str) -> None:
    """No import that the hook could ever reach, at its top or in a function, is of another package."""
    names = {name.partition(".")[0] for name in closure(start)}
    assert names - sys.stdlib_module_names == {"hivemind"}


def test_the_environment_is_read_in_the_outermost_layer_only() -> None:
    """Only the command line, the worker's entry and the hook read variables and the working folder."""
    allowed = {
        "hivemind.cli.app",
        "hivemind.cli.service",
        "hivemind.worker.__main__",
        "hivemind.capture.announce",
    }
    for name, path in MODULES.items():
        if name in allowed or package(name) in ("cli", "server", "api"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
                assert node.attr not in ("environ", "getenv", "getcwd"), f"{name} reads os.{node.attr}"


@pytest.mark.parametrize("name", MODULES)
def test_a_file_is_short_enough_to_read(name: str) -> None:
    """No module of code has more than five hundred lines."""
    assert len(MODULES[name].read_text().splitlines()) <= 500
