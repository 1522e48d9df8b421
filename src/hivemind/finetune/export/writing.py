"""Write an export: files and their manifest in a folder that is there whole or not at all."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from hivemind import __version__
from hivemind.capture.redaction import Redactor
from hivemind.errors import HivemindError
from hivemind.finetune.export.choosing import Filters
from hivemind.finetune.export.containers import CONTAINERS, Container, Target
from hivemind.finetune.export.rows import WRITERS, Writer
from hivemind.store.database import Database

MANIFEST: Final = "manifest.json"
_MADE_BY: Final = "hivemind export"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Say what to write: kinds of rows, and in which kinds of file."""

    kinds: Sequence[str]
    containers: Sequence[str]
    filters: Filters = field(default_factory=Filters)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exporter:
    """Write exports of one workspace; `environment` is for a library that runs in its own process."""

    database: Database
    workspace_id: str
    redactor: Redactor
    environment: Mapping[str, str] = field(default_factory=dict)
    progress: Callable[[str, int], object] = lambda _file, _rows: None

    def write(self, target: Path, wanted: Wanted, *, replace: bool = False) -> dict[str, Any]:
        """Write what is wanted into a new folder, and give its manifest.

        `replace` takes the place of an earlier export that holds nothing else; any other folder that holds
        something is left alone.
        """
        for container in wanted.containers:
            CONTAINERS[container].check()
        target = target.resolve()
        _require_free(target, replace=replace)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        except OSError as error:
            raise _failed(target, error) from error
        try:
            manifest = self._filled(work, wanted)
            (work / MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False, indent=2) + "\n", "utf-8")
            _require_free(target, replace=replace)  # writing took its time
            _put(work, target)
        except OSError as error:
            shutil.rmtree(work, ignore_errors=True)
            raise _failed(target, error) from error
        except BaseException:
            shutil.rmtree(work, ignore_errors=True)
            raise
        return manifest

    def _filled(self, work: Path, wanted: Wanted) -> dict[str, Any]:
        files = [
            self._file(work, WRITERS[kind], CONTAINERS[container], wanted.filters)
            for kind in wanted.kinds
            for container in wanted.containers
        ]
        return {
            "made_by": _MADE_BY,
            "version": __version__,
            "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "workspace": self.workspace_id,
            "filters": wanted.filters.as_json(),
            "rows": {kind: max(f["rows"] for f in files if f["kind"] == kind) for kind in wanted.kinds},
            "files": [file for file in files if file["rows"]],
        }

    def _file(self, work: Path, writer: Writer, container: Container, filters: Filters) -> dict[str, Any]:
        path = work / f"{writer.name}{container.suffix}"
        redactions = 0

        def redacted() -> Iterator[dict[str, Any]]:
            nonlocal redactions
            with self.database.read(self.workspace_id) as workspace:
                for number, chosen in enumerate(writer.choose(workspace, filters), start=1):
                    row, found = self.redactor.redact_value(writer.write(chosen))
                    assert isinstance(row, dict)  # noqa: S101 - what went in
                    redactions += found
                    self.progress(path.name, number)
                    yield row

        target = Target(columns=writer.columns, environment=self.environment)
        rows = container.write(path, redacted(), target)
        measured = _measured(path)
        if not rows:  # no loader takes a file without any
            _remove(path)
        return {
            "file": path.name,
            "kind": writer.name,
            "container": container.name,
            "rows": rows,
            "redactions": redactions,
            **measured,
        }


def _failed(target: Path, error: OSError) -> HivemindError:
    return HivemindError(
        "export-failed",
        f"{target} could not be written: {error.strerror or error}",
        hint="free the disk or name another folder; nothing was left behind",
    )


def _require_free(target: Path, *, replace: bool) -> None:
    if not target.exists() and not target.is_symlink():
        return
    message, hint = f"{target} exists already and is left alone", "name a folder that does not exist yet"
    if target.is_dir() and not target.is_symlink():
        if not any(target.iterdir()):
            return
        if made := _earlier(target):
            foreign = _foreign(target, made)
            if replace and not foreign:
                return
            if foreign:
                message = f"{target} holds {foreign}, which is not of the export, and is left alone"
                hint = "move it elsewhere, or name a folder that does not exist yet"
            else:
                hint = "add --replace to take its place"
    raise HivemindError("export-exists", message, hint=hint)


def _earlier(target: Path) -> dict[str, Any]:
    """Give the manifest of an earlier export; nothing where the folder is none."""
    try:
        made = json.loads((target / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return made if isinstance(made, dict) and made.get("made_by") == _MADE_BY else {}


def _foreign(target: Path, made: Mapping[str, Any]) -> str:
    """Name a file in an export's folder that its manifest does not list; empty where there is none."""
    listed = made.get("files")
    files = [file for file in listed if isinstance(file, dict)] if isinstance(listed, list) else []
    hashes = {str(file.get("file")): file.get("sha256") for file in files}
    for path in sorted(target.iterdir()):
        inside = hashes.get(path.name)
        if path.is_symlink() or not path.is_dir():
            if path.name != MANIFEST and not isinstance(inside, str):
                return path.name
        elif not isinstance(inside, dict):
            return path.name
        else:
            names = (p.relative_to(path).as_posix() for p in sorted(path.rglob("*")) if not p.is_dir())
            if other := next((name for name in names if name not in inside), ""):
                return f"{path.name}/{other}"
    return ""


def _put(work: Path, target: Path) -> None:
    """Put the finished folder in its place; an earlier one goes only once the new one is there."""
    if not target.exists():
        work.rename(target)
        return
    old = work.with_name(f"{work.name}-old")
    target.rename(old)
    try:
        work.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _measured(path: Path) -> dict[str, Any]:
    """Give the size and hash of a file, or of a dataset's files by their names."""
    if path.is_file():
        return {"bytes": path.stat().st_size, "sha256": _sha256(path)}
    inside = sorted(p for p in path.rglob("*") if p.is_file())
    hashes = {p.relative_to(path).as_posix(): _sha256(p) for p in inside}
    return {"bytes": sum(p.stat().st_size for p in inside), "sha256": hashes}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
