"""Where Hivemind keeps its files; standard library only and cheap, because the hook imports it."""

import os

#: Longest path of a Unix socket that every supported system accepts, in bytes (104 on macOS, 108 on Linux).
MAX_SOCKET_PATH_BYTES = 100


def data_dir(env: "os._Environ[str] | dict[str, str]", home: str) -> str:
    """Give Hivemind's own folder: `HIVEMIND_HOME`, else the platform's place for application data."""
    if env.get("HIVEMIND_HOME"):
        return os.path.abspath(env["HIVEMIND_HOME"])
    if os.uname().sysname == "Darwin" if hasattr(os, "uname") else False:
        return os.path.join(home, "Library", "Application Support", "hivemind")
    return os.path.join(env.get("XDG_DATA_HOME") or os.path.join(home, ".local", "share"), "hivemind")


def database(data: str) -> str:
    """Give the path of the embedded database."""
    return os.path.join(data, "hivemind.db")


def team_database(data: str) -> str:
    """Give the path of the database of a team's server that has no PostgreSQL: none of a person's own."""
    return os.path.join(data, "server.db")


def spool_dir(data: str) -> str:
    """Give the folder of the hooks' append-only files, one a session."""
    return os.path.join(data, "spool")


def kept_dir(data: str, agent: str) -> str:
    """Give the folder of the transcripts that hooks keep for an agent that writes none, one a session."""
    return os.path.join(data, "kept", agent)


def index_dir(data: str) -> str:
    """Give the folder of the search indexes, one a workspace; they are made again where they are lost."""
    return os.path.join(data, "index")


def skipped_dir(data: str) -> str:
    """Give the folder that names, by an empty file, each session that was run with capture off."""
    return os.path.join(data, "not-captured")


def worker_lock(data: str) -> str:
    """Give the file that the one running worker holds a lock on."""
    return os.path.join(data, "worker.lock")


def worker_starting(data: str) -> str:
    """Give the file that says a worker is being started, so that many hooks at once start one."""
    return os.path.join(data, "worker.starting")


def worker_log(data: str) -> str:
    """Give the file that a detached worker's output goes to."""
    return os.path.join(data, "worker.log")


def socket_path(data: str) -> str:
    """Give the worker's local socket: in the data folder, or below /tmp where that path is too long."""
    path = os.path.join(data, "worker.sock")
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH_BYTES:
        return path
    import zlib

    owner = os.getuid() if hasattr(os, "getuid") else 0
    digest = zlib.crc32(os.fsencode(data))
    return os.path.join("/tmp", f"hivemind-{owner}", f"{digest:08x}.sock")  # noqa: S108 - the folder is made 0700


def is_ours(socket: str, data: str) -> bool:
    """Say whether nobody else can have put the socket there: prompts are sent to it, and its answer is used.

    In the data folder that is so. A folder in the shared temporary folder may have been made by another user.
    """
    folder = os.path.dirname(socket)
    if folder == data or not hasattr(os, "getuid"):
        return True
    try:
        status = os.lstat(folder)
    except OSError:
        return False
    is_folder = status.st_mode & 0o170000 == 0o040000
    return is_folder and status.st_uid == os.getuid() and not status.st_mode & 0o022


def session_file(session_id: str) -> str:
    """Give a file name for a session id, whatever characters an agent put into it."""
    safe = "".join(c if (c.isalnum() and c.isascii()) or c in "-_" else "_" for c in session_id[:120])
    if safe == session_id and safe:
        return safe
    import zlib

    return f"{safe}.{zlib.crc32(session_id.encode('utf-8', 'replace')):08x}"
