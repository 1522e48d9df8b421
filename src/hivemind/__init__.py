"""Hivemind: agents that improve without fine-tuning. What a program may call is in `hivemind.api`."""

__version__ = "0.1.0"
#: What `import hivemind` offers; the types are in the stub beside this file.
_API = frozenset(
    (
        *("session", "Session", "ToolUse", "record_outcome"),
        *("skills_for", "skills_for_async", "Skills", "Skill", "Format"),
    )
)


def __getattr__(name: str):  # type: ignore[no-untyped-def]
    # On first use: hooks and the command line import this package, and need none of it.
    if name in _API:
        import importlib

        return getattr(importlib.import_module("hivemind.api"), name)
    raise AttributeError(f"module 'hivemind' has no attribute {name!r}")
