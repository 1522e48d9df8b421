"""Writing to the user's files: whole or not at all."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from hivemind.agents.base import FileChange
from hivemind.agents.editing.files import apply_changes, backup_path, diff, read_bytes
from hivemind.errors import HivemindError


@pytest.fixture
def backups(tmp_path: Path) -> Path:
    """Name the folder for backups, outside the user's folder."""
    return tmp_path / "data" / "backups"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make the user's folder."""
    path = tmp_path / "user"
    path.mkdir()
    return path


def _slug(changes: list[FileChange], backups: Path) -> str:
    with pytest.raises(HivemindError) as caught:
        apply_changes(changes, backup_dir=backups)
    assert caught.value.hint
    return caught.value.slug


def test_a_file_is_replaced_made_and_removed(folder: Path, backups: Path) -> None:
    """Each kind of change takes effect, and nothing else is left in the folder."""
    changed, made, removed = folder / "a", folder / "deep" / "b", folder / "c"
    changed.write_bytes(b"old\r\n")
    removed.write_bytes(b"gone")
    apply_changes(
        [
            FileChange(path=changed, before=b"old\r\n", after=b"\xef\xbb\xbfnew\r\n"),
            FileChange(path=made, before=None, after=b"x"),
            FileChange(path=removed, before=b"gone", after=None),
        ],
        backup_dir=backups,
    )
    assert changed.read_bytes() == b"\xef\xbb\xbfnew\r\n"
    assert made.read_bytes() == b"x"
    assert sorted(path.name for path in folder.rglob("*")) == ["a", "b", "deep"]


def test_mode_is_kept_and_new_files_are_private(folder: Path, backups: Path) -> None:
    """The mode of a file survives its replacement; a new file is readable by its owner only."""
    old, new = folder / "old", folder / "new"
    old.write_bytes(b"1")
    old.chmod(0o644)
    apply_changes(
        [FileChange(path=old, before=b"1", after=b"2"), FileChange(path=new, before=None, after=b"2")],
        backup_dir=backups,
    )
    assert [stat.S_IMODE(path.stat().st_mode) for path in (old, new)] == [0o644, 0o600]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")
def test_the_owner_is_kept(folder: Path, backups: Path) -> None:
    """A file that root edits for somebody stays theirs."""
    path = folder / "a"
    path.write_bytes(b"1")
    os.chown(path, 12345, 12346)
    apply_changes([FileChange(path=path, before=b"1", after=b"2")], backup_dir=backups)
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12346)


def test_a_link_stays_a_link(tmp_path: Path, folder: Path, backups: Path) -> None:
    """A linked dotfile is written through the link, also when its target does not exist yet."""
    dotfiles = tmp_path / "dotfiles"
    dotfiles.mkdir()
    (dotfiles / "a").write_bytes(b"1")
    for name in ("a", "b"):
        (folder / name).symlink_to(dotfiles / name)
    apply_changes(
        [
            FileChange(path=folder / "a", before=b"1", after=b"2"),
            FileChange(path=folder / "b", before=None, after=b"2"),
        ],
        backup_dir=backups,
    )
    assert all((folder / name).is_symlink() for name in ("a", "b"))
    assert [(dotfiles / name).read_bytes() for name in ("a", "b")] == [b"2", b"2"]
    apply_changes([FileChange(path=folder / "b", before=b"2", after=None)], backup_dir=backups)
    assert (folder / "b").is_symlink()
    assert not (dotfiles / "b").exists()


def test_links_in_a_circle_are_refused(folder: Path, backups: Path) -> None:
    """A link that leads nowhere is an error that names the file."""
    (folder / "a").symlink_to(folder / "a")
    assert _slug([FileChange(path=folder / "a", before=None, after=b"2")], backups).startswith("settings-un")
    with pytest.raises(HivemindError, match="cannot be read"):
        read_bytes(folder / "a")


def test_the_previous_version_is_backed_up_privately_and_elsewhere(folder: Path, backups: Path) -> None:
    """The backup holds the user's bytes, for the owner only; our own files have none."""
    path, own = folder / "settings.json", folder / "receipt"
    for file in (path, own):
        file.write_bytes(b"1")
    path.chmod(0o644)
    apply_changes(
        [
            FileChange(path=path, before=b"1", after=b"2"),
            FileChange(path=own, before=b"1", after=b"2", internal=True),
        ],
        backup_dir=backups,
    )
    backup = backup_path(path, backup_dir=backups)
    assert list(backups.iterdir()) == [backup]
    assert backup.read_bytes() == b"1"
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert stat.S_IMODE(backups.stat().st_mode) == 0o700


@pytest.mark.parametrize("before", [None, b"planned on this"])
def test_a_file_that_changed_since_the_plan_is_left_alone(
    folder: Path, backups: Path, before: bytes | None
) -> None:
    """When somebody else wrote in between, nothing is written, to no file."""
    first, second = folder / "first", folder / "second"
    second.write_bytes(b"theirs")
    changes = [
        FileChange(path=first, before=None, after=b"x"),
        FileChange(path=second, before=before, after=b"ours"),
    ]
    assert _slug(changes, backups) == "settings-changed"
    assert [path.name for path in folder.iterdir()] == ["second"]
    assert second.read_bytes() == b"theirs"


def test_a_full_disk_leaves_every_file_whole(folder: Path, backups: Path) -> None:
    """When the second of two files does not fit, the first is unchanged and no temporary file is left."""
    first, second = folder / "first", folder / "second"
    first.write_bytes(b"1")
    script = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from hivemind.agents.base import FileChange\n"
        "from hivemind.agents.editing.files import apply_changes\n"
        "from hivemind.errors import HivemindError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "first, second, backups = map(Path, sys.argv[1:])\n"
        "changes = [FileChange(path=first, before=b'1', after=b'2'),\n"
        "           FileChange(path=second, before=None, after=b'x' * 10_000)]\n"
        "try:\n"
        "    apply_changes(changes, backup_dir=backups)\n"
        "except HivemindError as error:\n"
        "    sys.exit(error.slug)\n"
    )
    result = subprocess.run(
        [sys.executable, "-B", "-c", script, first, second, backups],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stderr.strip() == "settings-unwritable"
    assert first.read_bytes() == b"1"
    assert [path.name for path in folder.iterdir()] == ["first"]


def test_a_folder_where_nothing_can_be_made_is_reported(folder: Path, backups: Path) -> None:
    """A path below a file cannot be written, and the message says which path."""
    (folder / "file").write_bytes(b"")
    path = folder / "file" / "settings.json"
    assert _slug([FileChange(path=path, before=None, after=b"x")], backups) == "settings-unwritable"


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_only_regular_files_are_read(folder: Path, kind: str) -> None:
    """A folder or a pipe in the place of a settings file is refused at once."""
    path = folder / "settings.json"
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    with pytest.raises(HivemindError, match="not a regular file"):
        read_bytes(path)


def test_the_diff_shows_the_users_files_only(tmp_path: Path) -> None:
    """The diff is unified, marks a missing last newline, and leaves out our own bookkeeping."""
    path = tmp_path / "a"
    changes = [
        FileChange(path=path, before=b"1\n2", after=b"1\n3\n"),
        FileChange(path=tmp_path / "own", before=None, after=b"secret", internal=True),
        FileChange(path=tmp_path / "b", before=b"x\n", after=None),
    ]
    assert diff(changes) == (
        f"--- {path}\n+++ {path}\n@@ -1,2 +1,2 @@\n 1\n-2\n\\ No newline at end of file\n+3\n"
        f"--- {tmp_path / 'b'}\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"
    )
