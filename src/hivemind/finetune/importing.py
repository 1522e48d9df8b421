"""Take the rows of a file into the store: each is kept once, or refused with its reason."""

import hashlib
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from hivemind.capture.redaction import Redactor
from hivemind.domain.text import storable
from hivemind.finetune import formats, reading, storing
from hivemind.finetune.conversation import Example, RefusedError
from hivemind.store import imports
from hivemind.store.database import Database

#: Rows of one transaction, or bytes of their texts: others wait milliseconds, and few are done again.
BATCH_ROWS = 500
BATCH_CHARS = 4 << 20
#: Rows that are recognised before they are redacted: files that repeat themselves are read faster.
_REMEMBERED = 100_000
#: Refused rows that a report names by number.
MAX_NAMED = 20
_MAX_REASON_CHARS = 200


@dataclass(slots=True, kw_only=True)
class FileReport:
    """Count what became of a file's rows: `rows` is `new` and `known` and `refused`."""

    file: str
    container: str = ""
    rows: int = 0
    new: int = 0
    known: int = 0  #: stored before, or the same as an earlier row
    refused: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    refused_rows: list[tuple[int, str]] = field(default_factory=list)  #: the first, by number
    formats: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)  #: content that is no text
    redactions: int = 0

    def as_json(self) -> dict[str, Any]:
        """Give the counts as JSON has them."""
        return {
            name: dict(value.most_common()) if isinstance(value, Counter) else value
            for name in self.__dataclass_fields__
            for value in [getattr(self, name)]
        }

    def refuse(self, number: int, reason: str) -> None:
        """Count a row that is not taken."""
        reason = storable(reason)[:_MAX_REASON_CHARS]
        self.refused += 1
        self.reasons[reason] += 1
        if len(self.refused_rows) < MAX_NAMED:
            self.refused_rows.append((number, reason))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """Hold what is known of a row that may come again."""

    session_id: str
    format: str
    kind: str
    left_out: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Importer:
    """Read files into one project of a workspace; without a database it only says what it would do."""

    database: Database | None
    workspace_id: str
    project_id: str
    redactor: Redactor
    dry_run: bool = False
    _seen: OrderedDict[bytes, _Seen] = field(default_factory=OrderedDict)

    def take(self, path: Path, *, progress: reading.Progress | None = None) -> FileReport:
        """Import a file; run again, or after an interruption, nothing is stored twice.

        Raises OSError where it cannot be opened, and HivemindError where it needs what is not installed.
        """
        report = FileReport(file=storable(path.name), container=reading.kind_of(path))
        would_be: set[str] = set()
        for batch in self._batches(self._rows(path, report, progress)):
            ids = [row if isinstance(row, str) else row.session_id for row in batch]
            rows = [row for row in batch if not isinstance(row, str)]
            if self.dry_run or self.database is None:
                fresh = self._unknown(rows) - would_be
                would_be |= fresh
            else:
                with self.database.write(self.workspace_id) as workspace:
                    fresh = imports.append(workspace, rows)
            report.new += len(fresh)
            report.known += len(ids) - len(fresh)
            report.redactions += sum(
                e.redactions for row in rows if row.session_id in fresh for e in row.events
            )
        return report

    def _unknown(self, rows: Iterable[imports.Row]) -> set[str]:
        ids = {row.session_id for row in rows}
        if self.database is None:
            return ids
        with self.database.read(self.workspace_id) as workspace:
            return ids - imports.known(workspace, sorted(ids))

    def _rows(
        self, path: Path, report: FileReport, progress: reading.Progress | None
    ) -> Iterator[imports.Row | str]:
        """Yield rows to store, or only the id of one that came before."""
        file = self.redactor.redact(report.file).text
        for raw in reading.rows(path, progress=progress or (lambda _bytes: None)):
            report.rows += 1
            if raw.problem:
                report.refuse(raw.number, raw.problem)
                continue
            digest = _digest(raw.value)
            known = self._seen.get(digest)
            if known is not None:
                self._seen.move_to_end(digest)
                self._count(known, report)
                yield known.session_id
                continue
            try:
                name, example = formats.read(raw.value)
            except RefusedError as refusal:
                report.refuse(raw.number, refusal.reason)
                continue
            row = self._prepared(raw.number, example, file=file, format_name=name)
            known = _Seen(
                session_id=row.session_id,
                format=name,
                kind=storing.kind_of(example),
                left_out=tuple(storing.left_out_of(example)),
            )
            self._seen[digest] = known
            if len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
            self._count(known, report)
            yield row

    @staticmethod
    def _count(row: "_Seen", report: FileReport) -> None:
        report.formats[row.format] += 1
        report.kinds[row.kind] += 1
        report.left_out.update(row.left_out)

    def _prepared(self, number: int, example: Example, *, file: str, format_name: str) -> imports.Row:
        return storing.row_of(
            example,
            file=file,
            number=number,
            format_name=format_name,
            project_id=self.project_id,
            redactor=self.redactor,
        )

    def _batches(self, rows: Iterable[imports.Row | str]) -> Iterator[list[imports.Row | str]]:
        batch: list[imports.Row | str] = []
        size = 0
        for row in rows:
            batch.append(row)
            size += 0 if isinstance(row, str) else sum(len(e.event.text) for e in row.events)
            if len(batch) >= BATCH_ROWS or size >= BATCH_CHARS:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch


def forget(database: Database, workspace_id: str, *, project_id: str, file: str) -> int:
    """Delete a project's rows that were first seen in a file of this name; give their number."""
    with database.read(workspace_id) as workspace:
        ids = imports.of_file(workspace, project_id, file)
    for start in range(0, len(ids), BATCH_ROWS):
        with database.write(workspace_id) as workspace:
            imports.delete(workspace, ids[start : start + BATCH_ROWS])
    return len(ids)


def _digest(value: Any) -> bytes:
    try:
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    except (TypeError, ValueError):  # lone surrogates, huge numbers
        text = repr(value).encode("utf-8", "backslashreplace")
    return hashlib.blake2b(text, digest_size=16).digest()
