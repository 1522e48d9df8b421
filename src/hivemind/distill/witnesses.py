"""Tell which projects are surely repositories of their own: a clone, worktree or fork is no second witness.

What is doubtful counts as one, or not at all: a lesson that is kept in its projects costs little, one that is
told everywhere and holds in one repository only costs much. No project is changed here.
"""

import re
from collections.abc import Collection
from itertools import combinations
from pathlib import PurePosixPath

from hivemind.store import across
from hivemind.store.across import Project
from hivemind.store.database import Workspace

#: A project without a remote is told by its files, and by fewer than these it is not.
MIN_FILES = 3
#: Files that two projects may have in common by chance, and what share of the smaller one's.
MAX_SHARED_FILES = 2
MAX_SHARED = 0.1
_WORD = re.compile(r"[^\W\d_]+")
#: What people add to the name of another copy.
_OF_A_COPY = frozenset(
    """
    a b backup bak branch clone copy dev fix fork forked git local main master mirror my new old orig
    original private public repo scratch temp test tmp trunk upstream v wip work worktree wt
    """.split()  # noqa: SIM905 - a list of quoted words cannot be read
)
#: Files that many repositories have.
_COMMON_FILES = re.compile(
    r"(?:^|/)(?:\.[^/]+|node_modules|dist|build|venv)/"
    r"|/(?:__init__|__main__|conftest|main|app|cli|config|index|types|utils|setup|settings|models|helpers"
    r"|README|CHANGELOG|LICENSE|package|tsconfig|Dockerfile|Makefile|go|Cargo|lib|mod|layout|page)(?:\.\w+)*$",
    re.I,
)
_WORKTREE = re.compile(r"worktree", re.I)


def witnesses(workspace: Workspace, project_ids: Collection[str]) -> dict[str, str]:
    """Give for each project one that stands for its repository; those that cannot be told are left out."""
    known = {p.project_id: p for p in across.projects(workspace)}
    roots = {p.project_id: p.root for p in known.values() if p.root}
    files = {i: _own_files(workspace, i) for i in sorted(project_ids) if i in known}
    sure = [i for i in files if _is_sure(known[i], files=files[i], roots=roots)]
    stands_for = {i: i for i in sure}
    for one, other in combinations(sure, 2):
        if stands_for[one] != stands_for[other] and (
            _are_alike(known[one], known[other]) or _share(files[one], files[other])
        ):
            kept, dropped = sorted((stands_for[one], stands_for[other]))
            stands_for = {i: kept if stands == dropped else stands for i, stands in stands_for.items()}
    return stands_for


def _is_sure(project: Project, *, files: set[str], roots: dict[str, str]) -> bool:
    """Say whether a project is a repository of its own, not a folder of one or around several."""
    if project.remote:
        return True
    others = [root for i, root in roots.items() if i != project.project_id]
    return (
        len(files) >= MIN_FILES
        and bool(_name_words(project))
        and not _WORKTREE.search(project.root)
        and not any(_lies_in(project.root, root) or _lies_in(root, project.root) for root in others)
    )


def _are_alike(one: Project, other: Project) -> bool:
    """Say whether two projects may be copies of one repository, by their names and places."""
    a, b = _name_words(one), _name_words(other)
    if a == b or one.name.lower() == other.name.lower():
        return True
    if one.root and other.root and (_lies_in(one.root, other.root) or _lies_in(other.root, one.root)):
        return True
    # One owner's shop and shop-api are two repositories; another owner's may be a fork of either.
    owned = bool(one.remote and other.remote) and _owner(one) == _owner(other)
    return not owned and (a <= b or b <= a)


def _owner(project: Project) -> str:
    return project.remote.rpartition("/")[0]


def _name_words(project: Project) -> frozenset[str]:
    words = frozenset(_WORD.findall(project.name.lower()))
    return (words - _OF_A_COPY) or (words | {project.name.lower()} if project.remote else frozenset())


def _lies_in(inner: str, outer: str) -> bool:
    return inner == outer or inner.startswith(outer.rstrip("/") + "/")


def _own_files(workspace: Workspace, project_id: str) -> set[str]:
    """Give the files of a project below its folder, without those that any repository has."""
    found = set()
    for cwd, path in across.files(workspace, project_id):
        inside = cwd.rstrip("/") + "/"
        own = path.removeprefix(inside) if len(inside) > 1 else path
        parts = PurePosixPath(own).parts
        if (
            len(parts) > 1
            and not own.startswith(("/", "~", ".."))
            and "." in parts[-1]
            and not _COMMON_FILES.search(own)
        ):
            found.add(own)
    return found


def _share(one: set[str], other: set[str]) -> bool:
    shared = len(one & other)
    return shared > MAX_SHARED_FILES or shared > MAX_SHARED * max(1, min(len(one), len(other)))
