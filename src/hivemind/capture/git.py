"""Read a folder's git remote and root from its files, without starting git; only `tracked` asks it."""

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hivemind.domain.projects import normalise_remote, project_id, project_name
from hivemind.store.sessions import ProjectFacts

#: A config file beyond this is not one that git wrote, in bytes.
MAX_CONFIG_BYTES = 1 << 20
_REMOTE = re.compile(r'\s*\[\s*remote\s+"([^"]*)"\s*\]', re.I)
_URL = re.compile(r"\s*url\s*=\s*(\S[^#;]*)", re.I)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """Name the root of a git checkout and its remote, normalised; both empty outside of one."""

    root: str = ""
    remote: str = ""
    main: str = ""  #: the checkout that this one is a worktree of, if it is one


def checkout(folder: str) -> Checkout:
    """Find the checkout that a folder lies in; worktrees and submodules count as checkouts of their own."""
    start = Path(folder)
    if not folder or not start.is_absolute():
        return Checkout()
    for path in (start, *start.parents):
        git = path / ".git"
        try:
            if git.is_dir():
                return Checkout(root=str(path), remote=_remote(git))
            if git.is_file():
                common = _common_dir(path, git)
                return Checkout(root=str(path), remote=_remote(common), main=_main(common))
        except (OSError, ValueError):
            continue
    return Checkout()


def project_of(cwd: str, *, remote: str = "") -> ProjectFacts | None:
    """Name the project of a working directory; `remote` is what a transcript says, for a folder now gone."""
    found = checkout(cwd)
    remote = found.remote or normalise_remote(remote)
    root = found.root or cwd
    if not root and not remote:
        return None
    main = found.main or root
    return ProjectFacts(
        project_id=project_id(remote=remote, root=main),
        name=project_name(remote=remote, root=main),
        remote=remote,
        root=root,
    )


def tracked(root: Path, paths: Sequence[Path], *, timeout_s: float = 1.0) -> frozenset[Path]:
    """Give those of some files that git has under version control; all of them where it does not say."""
    if not (root / ".git").exists():
        return frozenset()
    names = [str(path) for path in paths]
    # Named outright, since a variable of whoever started us may name another repository.
    where = ["-C", str(root), f"--git-dir={root / '.git'}", f"--work-tree={root}"]
    # A git hook around us may name another index, which no option of git's overrides.
    git = ["env", "-u", "GIT_INDEX_FILE", "git", *where, "-c", "core.fsmonitor=false"]
    command = [*git, "ls-files", "-z", "--", *names]
    try:
        done = subprocess.run(command, capture_output=True, timeout=timeout_s, check=True)
    except FileNotFoundError:
        return frozenset()  # without git nobody commits
    except (OSError, subprocess.SubprocessError):
        return frozenset(paths)
    known = {root / os.fsdecode(name) for name in done.stdout.split(b"\0") if name}
    return frozenset(path for path in paths if path in known)


def _common_dir(root: Path, git_file: Path) -> Path:
    text = _read(git_file).strip()
    if not text.startswith("gitdir:"):
        return git_file
    git_dir = root / text.removeprefix("gitdir:").strip()
    common = _read(git_dir / "commondir").strip()
    return git_dir / common if common else git_dir


def _main(common: Path) -> str:
    """Give the folder whose `.git` a worktree shares; empty where it is a submodule's or a bare one."""
    try:
        folder = common.resolve()
        return str(folder.parent) if folder.name == ".git" and folder.is_dir() else ""
    except (OSError, ValueError, RuntimeError):
        return ""


def _read(path: Path) -> str:
    """Read a file of git's; empty for what is missing or cannot be git's: a pipe would block."""
    try:
        if not path.is_file() or path.stat().st_size > MAX_CONFIG_BYTES:
            return ""
        return path.read_text("utf-8", "replace")
    except (OSError, ValueError):
        return ""


def _remote(git_dir: Path) -> str:
    """Give the URL of `origin`, else of the remote that comes first."""
    urls: dict[str, str] = {}
    name = ""
    for line in _read(git_dir / "config").splitlines():
        if line.lstrip().startswith("["):
            section = _REMOTE.match(line)
            name = section.group(1) if section else ""
        elif name and (url := _URL.match(line)):
            urls.setdefault(name, url.group(1).strip().strip('"'))
    return normalise_remote(urls.get("origin") or next(iter(urls.values()), ""))
