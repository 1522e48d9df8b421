"""Files that are wholly ours: written, replaced and removed, and never somebody else's."""

from pathlib import Path

import pytest

from hivemind.agents.base import FileChange
from hivemind.agents.editing.files import apply_changes, diff
from hivemind.agents.editing.own_file import plan_remove, plan_write
from hivemind.agents.editing.receipts import wired_agents
from hivemind.errors import HivemindError

MARKER = b"made by hivemind"
CONTENT = b"// made by hivemind, version 2\nexport default 1;\n"


def _apply(changes: list[FileChange], folder: Path) -> None:
    apply_changes(changes, backup_dir=folder / "data" / "backups")


def _write(folder: Path, *, data: str = "data", before: tuple[str, ...] = ()) -> list[FileChange]:
    return plan_write(
        folder / "extensions" / "ours.ts",
        CONTENT,
        agent="pi",
        data_dir=folder / data,
        marker=MARKER,
        data_dirs_before=[folder / name for name in before],
    )


def _remove(folder: Path, *, data: str = "data") -> list[FileChange]:
    path = folder / "extensions" / "ours.ts"
    return plan_remove(path, agent="pi", data_dirs=[folder / data], marker=MARKER)


def test_a_file_is_written_and_removed(tmp_path: Path) -> None:
    """Writing makes the file and its receipt, once; removing takes both away."""
    changes = _write(tmp_path)
    assert "+export default 1;" in diff(changes)
    _apply(changes, tmp_path)
    assert (tmp_path / "extensions" / "ours.ts").read_bytes() == CONTENT
    assert wired_agents(tmp_path / "data") == {"pi"}
    assert _write(tmp_path) == []
    _apply(_remove(tmp_path), tmp_path)
    assert list((tmp_path / "extensions").iterdir()) == []
    assert wired_agents(tmp_path / "data") == set()
    assert _remove(tmp_path) == []


def test_an_older_version_is_replaced(tmp_path: Path) -> None:
    """Whatever has our marker is ours; what it was is kept as a backup."""
    path = tmp_path / "extensions" / "ours.ts"
    path.parent.mkdir()
    path.write_bytes(b"// made by hivemind, and edited\n")
    _apply(_write(tmp_path), tmp_path)
    assert path.read_bytes() == CONTENT
    [backup] = (tmp_path / "data" / "backups").iterdir()
    assert backup.read_bytes() == b"// made by hivemind, and edited\n"


def test_somebody_elses_file_is_left_alone(tmp_path: Path) -> None:
    """A file without our marker is neither replaced nor removed."""
    path = tmp_path / "extensions" / "ours.ts"
    path.parent.mkdir()
    path.write_bytes(b"theirs")
    with pytest.raises(HivemindError) as caught:
        _write(tmp_path)
    assert caught.value.slug == "own-file-foreign"
    assert _remove(tmp_path) == []
    assert path.read_bytes() == b"theirs"


def test_our_file_is_removed_without_its_receipt(tmp_path: Path) -> None:
    """When Hivemind's folder is lost, the marker alone says that the file is ours."""
    _apply(_write(tmp_path), tmp_path)
    _apply(_remove(tmp_path, data="elsewhere"), tmp_path)
    assert list((tmp_path / "extensions").iterdir()) == []


def test_a_receipt_without_its_file_is_removed(tmp_path: Path) -> None:
    """When somebody deleted our file, or put theirs in its place, the agent no longer counts as wired."""
    _apply(_write(tmp_path), tmp_path)
    (tmp_path / "extensions" / "ours.ts").write_bytes(b"theirs")
    _apply(_remove(tmp_path), tmp_path)
    assert wired_agents(tmp_path / "data") == set()
    assert (tmp_path / "extensions" / "ours.ts").read_bytes() == b"theirs"


def test_another_data_folder_takes_over(tmp_path: Path) -> None:
    """The receipt in the folder that the file named before goes with the change."""
    path = tmp_path / "extensions" / "ours.ts"
    _apply(_write(tmp_path), tmp_path)
    path.write_bytes(b"// made by hivemind, version 1\n")
    _apply(_write(tmp_path, data="other", before=("data", "other")), tmp_path)
    assert wired_agents(tmp_path / "data") == set()
    assert wired_agents(tmp_path / "other") == {"pi"}


def test_content_without_the_marker_is_a_bug(tmp_path: Path) -> None:
    """Nothing is written that could not be recognised later."""
    with pytest.raises(ValueError, match="marker"):
        plan_write(tmp_path / "f", b"x", agent="pi", data_dir=tmp_path, marker=MARKER)
