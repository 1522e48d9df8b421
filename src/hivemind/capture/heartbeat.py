"""Remember when each agent's hook was last heard, for `hivemind status` and `doctor`."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from hivemind.capture.spool import Announcement

#: What `hivemind doctor` calls its own sessions, and where they are noted: they say nothing about an agent.
DOCTOR_SESSION = "hivemind-doctor-"
DOCTOR = "doctor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Say what was last heard of an agent's hook."""

    moment: str
    session_id: str
    at: datetime


def write(data: Path, announced: Sequence[Announcement]) -> None:
    """Note the newest announcement of each agent; a full disk loses the note and nothing else."""
    heard = _read(data)
    for said in announced:
        by_doctor = said.session_id.startswith(DOCTOR_SESSION)
        heard[DOCTOR if by_doctor else said.agent] = {
            "moment": said.moment,
            "session_id": said.session_id,
            "at": said.at,
        }
    path = _path(data)
    temporary = path.with_suffix(".tmp")
    with suppress(OSError):
        temporary.write_text(json.dumps(heard))
        temporary.replace(path)


def read(data: Path) -> dict[str, Heard]:
    """Give what was last heard, by agent."""
    found = {}
    for agent, said in _read(data).items():
        with suppress(TypeError, ValueError, KeyError, OverflowError, OSError):
            found[agent] = Heard(
                moment=str(said["moment"]),
                session_id=str(said["session_id"]),
                at=datetime.fromtimestamp(float(str(said["at"])), UTC),
            )
    return found


def _path(data: Path) -> Path:
    return data / "last-heard.json"


def _read(data: Path) -> dict[str, dict[str, object]]:
    try:
        heard = json.loads(_path(data).read_text())
    except (OSError, ValueError):
        return {}
    return {k: v for k, v in heard.items() if isinstance(v, dict)} if isinstance(heard, dict) else {}
