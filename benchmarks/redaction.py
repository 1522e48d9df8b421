"""Measure redaction: recall and false flags on labelled cases, flags in real sessions, speed on one core."""

import gzip
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.command import Figures, run
from hivemind.capture.redaction import Redactor

CASES = "secrets/cases.jsonl.gz"
SESSIONS = "sessions/**/*.jsonl*"
_RESIDUE = 10
# What ingestion keeps of a transcript's records; the rest is ids, times and paths.
_KEPT = frozenset(
    ("content", "text", "thinking", "input", "arguments", "output", "stdout", "stderr", "prompt", "command")
)


def measure(folder: Path) -> Figures:
    """Return every figure of redaction over one folder of data."""
    redactor = Redactor()
    return {**_measure_cases(redactor, folder / CASES), **_measure_sessions(redactor, folder)}


def _measure_cases(redactor: Redactor, path: Path) -> dict[str, float]:
    positives = flagged_positives = negatives = flagged_negatives = secrets = gone = traceless = 0
    for case in _records(path):
        redacted = redactor.redact(case["text"])
        if case["label"] == "negative":
            negatives += 1
            flagged_negatives += redacted.count > 0
            continue
        positives += 1
        flagged_positives += redacted.count > 0
        secrets += len(case["secrets"])
        gone += sum(secret not in redacted.text for secret in case["secrets"])
        traceless += sum(not _leaves_trace(secret, redacted.text) for secret in case["secrets"])
    return {
        "value_recall": gone / max(1, secrets),
        "value_recall_no_trace": traceless / max(1, secrets),
        "case_recall": flagged_positives / max(1, positives),
        "false_flags": flagged_negatives / max(1, negatives),
        "secrets": secrets,
        "positive_cases": positives,
        "negative_cases": negatives,
    }


def _measure_sessions(redactor: Redactor, folder: Path) -> dict[str, float]:
    texts = list(_kept_texts(folder))
    size = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) / 1e6
    started = time.process_time()  # of one core, whatever else the machine does
    flags = sum(redactor.redact(text).count for text in texts)
    seconds = time.process_time() - started
    return {
        "flags": flags,
        "flags_per_10_mb": 10 * flags / size if size else 0.0,
        "mb": size,
        "mb_per_s": size / seconds if seconds else 0.0,
    }


def _leaves_trace(secret: str, text: str) -> bool:
    pieces = range(max(1, len(secret) - _RESIDUE + 1))
    return any(secret[start : start + _RESIDUE] in text for start in pieces)


def _kept_texts(folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob(SESSIONS)):
        for record in _records(path):
            yield from _strings(record)


def _strings(record: Any) -> Iterator[str]:
    pending: list[tuple[Any, bool]] = [(record, False)]
    while pending:
        value, kept = pending.pop()
        if isinstance(value, dict):
            pending += [(item, kept or key in _KEPT) for key, item in value.items()]
        elif isinstance(value, list):
            pending += [(item, kept) for item in value]
        elif kept and isinstance(value, str):
            yield value


def _records(path: Path) -> Iterator[Any]:
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as lines:
        for line in lines:
            try:
                yield json.loads(line)
            except ValueError:  # a few recorded lines are cut off
                continue


if __name__ == "__main__":
    raise SystemExit(run("redaction", measure, needs=(CASES, SESSIONS)))
