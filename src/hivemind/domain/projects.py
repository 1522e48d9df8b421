"""Name a project by its normalised git remote, so that five spellings of one URL are one project."""

import hashlib
import re

_SCHEME = re.compile(r"^(?:[a-z][a-z0-9+.-]*://)", re.I)
_SCP = re.compile(r"^(?:[^@/\s]+@)?([^:/\s]+\.[^:/\s]+|[^:/\s@]+):(?!//)(?!\d+/)(.+)$")


def normalise_remote(url: str) -> str:
    """Give `host/owner/name` in lower case without user, port, scheme and `.git`; empty for a local path."""
    url = url.strip()
    if not url or url.startswith((".", "/", "~", "file:")):
        return ""
    scheme = _SCHEME.match(url)
    if scheme:
        rest = url[scheme.end() :].split("@")[-1] if "@" in url.split("/")[2] else url[scheme.end() :]
        host, _, path = rest.partition("/")
        host = host.split(":")[0]
    else:
        found = _SCP.match(url)
        if found is None:
            return ""
        host, path = found.group(1), found.group(2)
    path = path.split("?")[0].split("#")[0].strip("/").removesuffix(".git").strip("/")
    if host.startswith("ssh.") and host.count(".") > 1:
        host = host.removeprefix("ssh.")
    return f"{host}/{path}".lower() if host and path else ""


def project_id(*, remote: str, root: str) -> str:
    """Derive a project's key from its normalised remote, else from its folder."""
    return (
        "p"
        + hashlib.blake2b((remote or f"root:{root}").encode("utf-8", "replace"), digest_size=10).hexdigest()
    )


def project_name(*, remote: str, root: str) -> str:
    """Give the last part of the remote or of the folder."""
    return (remote or root.replace("\\", "/").rstrip("/")).rsplit("/", 1)[-1] or "unknown"
