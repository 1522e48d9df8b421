"""Say which of the things that a skill names are gone from its project."""

import itertools
import re
from collections.abc import Callable, Iterator, Sequence

from hivemind.evaluation.staleness.named import Named, Step, is_path
from hivemind.evaluation.staleness.project_files import ProjectFiles

_PACKAGE_MANAGERS = frozenset({"npm", "pnpm", "yarn", "bun"})
#: What `npm X` runs as a script without `run`.
_SHORT = frozenset({"test", "start"})
_INTERPRETERS = frozenset({"python", "python3", "node", "deno", "bash", "sh", "ruby", "php", "perl"})
#: Options whose value is the next word.
_VALUED = frozenset(
    {"-C", "-f", "-d", "-j", "--prefix", "--dir", "--filter", "-w", "--workspace", "--cwd", "-F"}
)

_EXTENSION = re.compile(r"\.[A-Za-z]\w{0,7}$")


def gone(one: Named, files: ProjectFiles) -> tuple[bool | None, str]:
    """Say whether something named is gone, and what of it; None where that cannot be told."""
    if one.path:
        return _path_gone(one.path, files)
    told: bool | None = None
    for step in one.steps:
        is_gone, what = _step_gone(step, files)
        if is_gone:
            return True, f"`{one.text}`: {what}"
        told = False if is_gone is False else told
    return told, ""


def _step_gone(step: Step, files: ProjectFiles) -> tuple[bool | None, str]:
    program, rest = step.words[0], step.words[1:]
    plain = _plain(rest)
    if program in _PACKAGE_MANAGERS:
        return _script_gone(program, plain, files)
    if program in ("make", "gmake") and plain:
        return _first_missing(plain, files.has_target, "no makefile here has the target {}")
    if program == "just" and plain:
        return _first_missing(plain[:1], files.has_recipe, "no justfile here has the recipe {}")
    if program in ("task", "go-task") and plain:
        return _first_missing(plain[:1], files.has_task, "no Taskfile here has the task {}")
    if program in ("tox", "nox"):
        chosen = list(_values(rest, {"-e", "-s", "--session", "--env"}))
        return _first_missing(chosen, files.names_environment, f"{program} knows no {{}} here")
    if is_path(program):
        return _path_gone(_below(step.folder, program), files)
    if program in _INTERPRETERS and plain and is_path(plain[0]):
        return _path_gone(_below(step.folder, plain[0]), files)
    return None, ""


def _script_gone(program: str, plain: Sequence[str], files: ProjectFiles) -> tuple[bool | None, str]:
    if plain[:1] in (["run"], ["run-script"]) and len(plain) > 1:
        name = plain[1]
    elif plain and plain[0] in _SHORT and program != "bun":
        name = plain[0]
    else:
        return None, ""
    if is_path(name) or "." in name:
        return None, ""  # a file that bun runs
    return _first_missing([name], files.has_script, "no package.json here has the script {}")


def _first_missing(
    names: Sequence[str], has: Callable[[str], bool | None], message: str
) -> tuple[bool | None, str]:
    told: bool | None = None
    for name in names:
        found = has(name)
        if found is False:
            return True, message.format(name)
        told = False if found else told
    return told, ""


def _path_gone(path: str, files: ProjectFiles) -> tuple[bool | None, str]:
    found = None if "?" in path else files.has_path(path)
    if found is not False:
        return (None if found is None else False), ""
    first, _, rest = path.removeprefix("./").partition("/")
    is_ours = path.startswith("./") or _EXTENSION.search(path) or bool(files.has_path(first))
    # A branch, a package or a media type looks like a path, too.
    return (True, f"{path} is gone") if is_ours and (rest or path.startswith("./")) else (None, "")


def _plain(words: Sequence[str]) -> list[str]:
    """Give the words that are neither options nor their values, nor variables of make."""
    plain, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word == "--":
            break
        elif word.startswith("-"):
            skip = word in _VALUED
        elif "=" not in word and not word.startswith(("$", "<")):
            plain.append(word)
    return plain


def _values(words: Sequence[str], options: set[str]) -> Iterator[str]:
    """Yield the values of options, as `-e a,b` or `-e a`."""
    for option, value in itertools.pairwise(words):
        if option in options:
            yield from (each for each in value.split(",") if each and not each.startswith("-"))


def _below(folder: str, path: str) -> str:
    if not folder or path.startswith("/"):
        return path
    return f"{folder}/{path.removeprefix('./')}"
