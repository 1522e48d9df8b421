"""Name a project by its normalised git remote, so that five spellings of one URL are one project."""

import hashlib
import re

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.I)
#: `user@host:path`; a single letter before the colon is a drive.
_SCP = re.compile(r"(?:[^@/\s]+@)?(\[[0-9a-fA-F:.]+\]|[^:/\s@\[\]]{2,}):(?!//)(?!\d+/)(.+)", re.S)

#: `shop/.worktrees/x`, `shop/.claude/worktrees/x`, `shop.worktrees/x` and `shop__worktrees/x` are of `shop`.
_WORKTREE = re.compile(
    r"(.*[^/\\])(?:[/\\]\.(?:\w+[/\\])?worktrees|\.worktrees|__worktrees)[/\\][^/\\]+[/\\]?\Z", re.S
)


def normalise_remote(url: str) -> str:
    """Give `host/owner/name` in lower case without user, port, scheme and `.git`; empty for a local path."""
    url = url.strip()
    if not url or url.startswith((".", "/", "~")) or url.lower().startswith("file:"):
        return ""
    if scheme := _SCHEME.match(url):
        authority, _, path = url[scheme.end() :].partition("/")
        host = authority.rpartition("@")[2]
        # A port stands behind the last colon, and not inside an IPv6 address.
        host = re.sub(r":\d*$", "", host) if not host.endswith("]") else host
    elif found := _SCP.match(url):
        host, path = found.group(1), found.group(2)
    else:
        return ""
    path = re.split(r"[?#]", path.lower(), maxsplit=1)[0].strip("/").removesuffix(".git").strip("/")
    if host.lower().startswith("ssh.") and host.count(".") > 1:
        host = host[4:]
    return f"{host.lower()}/{path}" if host and path else ""


#: Where the normalised remotes of programs are that are named by themselves, and not by a repository.
SERVICE_HOST = "service"


def service_remote(name: str) -> str:
    """Give what stands for a git remote where a program is named: `service/shop-bot`, or its real remote."""
    real = normalise_remote(name)
    if real:
        return real
    cleaned = re.sub(r"[^\w.@+/-]+", "-", name.strip().lower()).strip("/-")[:200]
    return f"{SERVICE_HOST}/{cleaned}" if cleaned else ""


def main_folder(root: str) -> str:
    """Give the checkout whose worktree a folder is, told by where tools put worktrees; else the folder."""
    found = _WORKTREE.match(root)
    return found.group(1) if found else root


def project_id(*, remote: str, root: str) -> str:
    """Derive a project's key from its normalised remote, else from its folder, or that of its worktree."""
    named = remote or f"root:{main_folder(root)}"
    return "p" + hashlib.blake2b(named.encode("utf-8", "replace"), digest_size=10).hexdigest()


def project_name(*, remote: str, root: str) -> str:
    """Give the last part of the remote or of the folder."""
    folder = main_folder(root).replace("\\", "/").rstrip("/")
    return (remote or folder).rsplit("/", 1)[-1] or "unknown"
