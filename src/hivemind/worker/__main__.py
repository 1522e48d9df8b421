"""Entry of the detached worker: `python -E -P -m hivemind.worker DATA_DIR`."""

import os
import sys
from pathlib import Path

from hivemind.capture import layout
from hivemind.worker.lock import WorkerLock

#: A worker that is about to leave holds the lock so long at most, in seconds.
LEAVING_S = 0.5

if __name__ == "__main__":
    data = Path(sys.argv[1])
    # The lock comes before every costly import: of many workers started at once all but one leave here.
    lock = WorkerLock(data)
    if not lock.acquire(wait_s=LEAVING_S):
        Path(layout.worker_starting(str(data))).unlink(missing_ok=True)
        sys.exit(0)
    from hivemind.worker.process import run

    sys.exit(run(data, lock=lock, variables=dict(os.environ)))
