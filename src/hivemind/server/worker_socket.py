"""Ask the running worker, for processes that agents start beside it."""

import json
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

from hivemind.capture import layout

#: The worker answers in a few milliseconds, in seconds.
WORKER_S = 0.5
MAX_ANSWER_BYTES = 64 << 10


def ask(data: Path, request: dict[str, Any]) -> dict[str, Any] | None:
    """Give the worker's answer to a request; None where none runs, or it does not answer in time."""
    path = layout.socket_path(str(data))
    if not layout.is_ours(path, str(data)):
        return None
    with suppress(OSError, ValueError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(WORKER_S)
        connection.connect(path)
        connection.sendall(json.dumps(request).encode() + b"\n")
        with connection.makefile("rb") as stream:
            answer = json.loads(stream.readline(MAX_ANSWER_BYTES))
        return answer if isinstance(answer, dict) else None
    return None
