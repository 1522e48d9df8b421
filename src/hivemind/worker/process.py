"""The worker as a process: it is made, told to stop by signals, and cleaned up after."""

import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from hivemind.errors import HivemindError
from hivemind.worker.lock import WorkerLock
from hivemind.worker.loop import Worker

#: Who answers a prompt waits so long for the loop to let go of the interpreter, at most, in seconds.
SWITCH_S = 0.0005


def run(data: Path, *, lock: WorkerLock, variables: Mapping[str, str]) -> int:
    """Work until idle or told to stop; the lock is held by the caller and released here."""
    told = (signal.SIGTERM, signal.SIGINT)
    sys.setswitchinterval(SWITCH_S)
    # The socket opens while the worker is made: a signal must wait until somebody can take it.
    signal.pthread_sigmask(signal.SIG_BLOCK, told)
    try:
        worker = Worker(data, variables=variables, is_ours=lock.is_held)
    except HivemindError as error:
        # What hooks announce waits in the spool; they try again in a while.
        print(f"the worker cannot start: {error.message}\n  {error.hint}", file=sys.stderr)  # noqa: T201
        lock.release()
        return 1
    for name in told:
        # On a thread: the handler may interrupt the very code that holds the event's lock.
        signal.signal(name, lambda *_: threading.Thread(target=worker.stop).start())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, told)
    try:
        worker.run()
    finally:
        worker.close()
        lock.release()
    return 0
