"""Remember which folders of checkouts were made for skill files, so that uninstalling leaves none behind.

A folder that was there before is its owner's, also when it is empty. The list lies beside the database.
"""

import json
from pathlib import Path

from hivemind.library import skill_files

_NAME = "made-folders.json"


def remember(database: Path, folder: Path, *, root: Path) -> None:
    """Note a folder that is about to be made in a checkout, and those above it that are missing, too."""
    known = _read(database)
    missing = [path for path in (folder, *folder.parents) if path.is_relative_to(root) and path != root]
    new = {str(path): str(root) for path in missing if not path.exists() and not path.is_symlink()}
    if new.keys() - known.keys():
        _write(database, known | new)


def remove_empty(database: Path) -> None:
    """Remove the noted folders that are empty, the innermost first, and forget those that are gone."""
    known = _read(database)
    for text in sorted(known, key=len, reverse=True):
        path = Path(text)
        if skill_files.refuses(path, root=Path(known[text])):
            continue
        try:
            path.rmdir()
        except FileNotFoundError:
            pass
        except OSError:  # something is in it, or its disk is not mounted
            continue
        del known[text]
    _write(database, known)


def _read(database: Path) -> dict[str, str]:
    try:
        found = json.loads(database.with_name(_NAME).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    pairs = found.items() if isinstance(found, dict) else ()
    return {path: root for path, root in pairs if isinstance(root, str)}


def _write(database: Path, known: dict[str, str]) -> None:
    path = database.with_name(_NAME)
    if not known:
        path.unlink(missing_ok=True)
        return
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(known), "utf-8")
    temporary.replace(path)
