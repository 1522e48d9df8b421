"""Transcripts that hooks keep: deleted when they are stored, and never before."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from hivemind.capture import kept, layout


def _keep(data: Path, session_id: str, *, age_s: float) -> Path:
    path = Path(layout.kept_dir(str(data), "cursor")) / f"{layout.session_file(session_id)}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}\n")
    os.utime(path, (time.time() - age_s, time.time() - age_s))
    return path


def test_only_what_is_stored_to_its_end_and_quiet_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that grew since, one that was never read and one written today stay."""
    names = ("stored", "grown", "unread")
    stored, grown, unread = (_keep(tmp_path, name, age_s=2 * kept.SETTLED_S) for name in names)
    offsets = {str(stored): 3, str(grown): 2}
    assert kept.delete_stored(tmp_path, offsets=offsets) == []
    now = time.time() + 2 * kept.SETTLED_S  # the change time of a file cannot be set, only the clock
    monkeypatch.setattr(kept.time, "time", lambda: now)
    assert kept.delete_stored(tmp_path, offsets=offsets) == [stored]
    assert grown.exists()
    assert unread.exists()


def test_a_deleted_session_leaves_no_kept_transcript(tmp_path: Path) -> None:
    """Whatever the session is called, only its own file goes."""
    one, other = _keep(tmp_path, "a/../b", age_s=0), _keep(tmp_path, "c", age_s=0)
    kept.delete_session(tmp_path, "a/../b")
    assert not one.exists()
    assert other.exists()
