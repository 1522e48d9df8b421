"""Measure retrieval over a library of real skills: the right skill first, the wrong one not at all.

Three searches are measured: the worker's index with an embedding model (`hit_at_1` and so on, where the
extra `embeddings` is installed), the same by words alone (`words_…`), and the hook's own without a worker
(`cold_…`). What they are compared with is SQLite's BM25 of name, description and body (`bm25_…`).
"""

import gzip
import json
import re
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.command import Figures, run
from hivemind.domain.skills import SkillDocument
from hivemind.retrieval.index import Index, embedding, foreign
from hivemind.retrieval.rank import Candidate, prompt_words, rank
from hivemind.retrieval.select import render_selected, select
from hivemind.retrieval.tokens import count_tokens
from hivemind.store.database import open_database

CORPUS = "skills/corpus.jsonl.gz"
QUERIES = "skills/queries.jsonl.gz"
SESSIONS = "sessions/claude_code/**/*.jsonl*"
TOOLS, TOOL_QUERIES = "metatool/tools.json", "metatool/queries.jsonl.gz"
#: Every so many of the queries for tools are asked.
TOOL_STEP = 5
WORKSPACE = "default"
#: Places among which the right skill is looked for.
HITS = (1, 3, 5)
#: How many skills may be injected, beside what is the default.
FEWER = 2
# What a client writes into a session in a person's name.
_NOT_TYPED = ("<", "[Request", "Caveat:", "This session is being continued")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|_")

#: Ranks the library for a prompt.
Ranked = Callable[[str], list[Candidate]]


def measure(folder: Path) -> Figures:
    """Return every figure of retrieval over one folder of data; nothing is fitted to it."""
    labelled = list(records(folder / QUERIES))
    positive = [query for query in labelled if query["label"] == "positive"]
    everyday = everyday_prompts(sorted(folder.glob(SESSIONS)))
    figures: dict[str, float | str] = {}
    with tempfile.TemporaryDirectory() as temporary:
        connection = _library(Path(temporary) / "skills.db", records(folder / CORPUS))
        orders = map(_bm25(connection), (query["query"] for query in positive))
        figures |= {f"bm25_{name}": value for name, value in _hits(orders, positive).items()}
        for prefix, ranked in _searches(connection):
            its = _Prompts(ranked)
            found = {
                **_positives(its, positive),
                **_near_misses(its, [query for query in labelled if query["not_for"]]),
                **_everyday(its, everyday),
                **its.costs(),
            }
            figures |= {f"{prefix}{name}": value for name, value in found.items()}
        connection.close()
        if (folder / TOOLS).exists() and (folder / TOOL_QUERIES).exists():
            connection = _library(Path(temporary) / "tools.db", _tools(folder / TOOLS))
            asked = list(records(folder / TOOL_QUERIES))[::TOOL_STEP]
            for prefix, ranked in _searches(connection):
                figures |= {f"{prefix}{name}": value for name, value in _tool_hits(ranked, asked).items()}
            connection.close()
    gains = {
        f"{prefix}gain_over_bm25_at_{k}_no_leak": float(figures[f"{prefix}hit_at_{k}_no_leak"])
        - float(figures[f"bm25_hit_at_{k}_no_leak"])
        for prefix in ("cold_", "words_", "")
        for k in HITS
        if f"{prefix}hit_at_{k}_no_leak" in figures
    }
    return figures | gains | {"positives": len(positive)}


def _library(path: Path, skills: Iterable[Mapping[str, str]]) -> sqlite3.Connection:
    database = open_database(path)
    texts = {
        one["id"]: SkillDocument(name=one["name"], description=one["description"], body=one["body"])
        for one in skills
    }
    with database.write(WORKSPACE) as workspace:
        foreign.store(workspace, texts)
    database.close()
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True)


def _searches(connection: sqlite3.Connection) -> Iterator[tuple[str, Ranked]]:
    def cold(prompt: str) -> list[Candidate]:
        return rank(connection, workspace_id=WORKSPACE, project_id="", prompt=prompt)

    index = Index.open(None, workspace_id=WORKSPACE)
    index.refresh(connection)

    def warm(prompt: str) -> list[Candidate]:
        return index.candidates(connection, index.search(prompt, project_id=""))

    yield "cold_", cold
    yield "words_", warm
    if (embed := embedding.load(threads=2)) is not None:
        index.use(embed, model=embedding.MODEL)
        index.embed_pending(connection, at_most_s=7200)
        yield "", warm


def _bm25(connection: sqlite3.Connection) -> Callable[[str], list[str]]:
    """Rank as full-text search does, the name and the description twice as heavy as the body."""

    def ranked(prompt: str) -> list[str]:
        words = prompt_words(prompt)
        if not words:
            return []
        rows = connection.execute(
            "SELECT skill_id FROM skills_search WHERE skills_search MATCH ?"
            " ORDER BY bm25(skills_search, 0, 0, 0, 2, 2, 0, 1) LIMIT ?",
            (" OR ".join(f'"{word}"' for word in words), max(HITS)),
        )
        return [skill_id for (skill_id,) in rows]

    return ranked


def _tools(path: Path) -> Iterator[dict[str, str]]:
    for number, (name, description) in enumerate(json.loads(path.read_text("utf-8")).items()):
        yield {
            "id": f"t{number}",
            "name": _CAMEL.sub(" ", name),
            "description": description,
            "body": "",
            "tool": name,
        }


def _tool_hits(ranked: Ranked, asked: list[dict[str, Any]]) -> dict[str, float]:
    hits = {1: 0, 5: 0}
    for query in asked:
        names = [candidate.name for candidate in ranked(query["query"])]
        for k in hits:
            hits[k] += _CAMEL.sub(" ", query["tool"])[:64] in names[:k]
    return {f"tools_hit_at_{k}": count / max(1, len(asked)) for k, count in hits.items()}


def everyday_prompts(transcripts: Iterable[Path]) -> list[str]:
    """Give the distinct prompts that people typed into sessions of Claude Code."""
    found: dict[str, None] = {}
    for path in transcripts:
        for record in records(path):
            text = _typed(record)
            if text and not text.startswith(_NOT_TYPED):
                found[text] = None
    return list(found)


class _Prompts:
    """Rank and select for prompts, and keep what each of them cost."""

    def __init__(self, ranked: Ranked) -> None:
        self._ranked = ranked
        self._seconds: list[float] = []
        self._tokens: list[int] = []

    def ask(self, prompt: str) -> tuple[list[Candidate], list[str]]:
        """Give the ranking and the ids of the skills that would be injected."""
        started = time.perf_counter()
        ranked = self._ranked(prompt)
        chosen = select(ranked, prompt=prompt)
        block = render_selected(chosen)
        self._seconds.append(time.perf_counter() - started)
        self._tokens.append(count_tokens(block))
        return ranked, [one.candidate.skill_id for one in chosen]

    def costs(self) -> dict[str, float]:
        return {
            "tokens_mean": statistics.mean(self._tokens),
            "tokens_max": max(self._tokens),
            "search_ms_p50": statistics.median(self._seconds) * 1e3,
            "search_ms_p99": statistics.quantiles(self._seconds, n=100)[-1] * 1e3,
        }


def _hits(orders: Iterable[Sequence[str]], queries: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Say how often a right skill is among the first, and how often where the query does not say its name."""
    hits, unleaked = dict.fromkeys(HITS, 0), dict.fromkeys(HITS, 0)
    for order, query in zip(orders, queries, strict=True):
        for k in HITS:
            hit = not set(order[:k]).isdisjoint(query["gold"])
            hits[k] += hit
            unleaked[k] += hit and not query["name_leak"]
    total = max(1, len(queries))
    clean = max(1, sum(not query["name_leak"] for query in queries))
    return {
        **{f"hit_at_{k}": count / total for k, count in hits.items()},
        **{f"hit_at_{k}_no_leak": count / clean for k, count in unleaked.items()},
    }


def _positives(prompts: _Prompts, queries: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    injected = right = right_of_fewer = 0
    orders = []
    for query in queries:
        ranked, chosen = prompts.ask(query["query"])
        orders.append([candidate.skill_id for candidate in ranked])
        injected += bool(chosen)
        right += not set(chosen).isdisjoint(query["gold"])
        right_of_fewer += not set(chosen[:FEWER]).isdisjoint(query["gold"])
    total = max(1, len(queries))
    return {
        **_hits(orders, queries),
        "positives_injected": injected / total,
        "positives_injected_right": right / total,
        f"positives_injected_right_of_{FEWER}": right_of_fewer / total,
    }


def _near_misses(prompts: _Prompts, queries: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    top = wrong = wrong_of_fewer = injected = 0
    for query in queries:
        ranked, chosen = prompts.ask(query["query"])
        top += not {candidate.skill_id for candidate in ranked[:5]}.isdisjoint(query["not_for"])
        wrong += not set(chosen).isdisjoint(query["not_for"])
        wrong_of_fewer += not set(chosen[:FEWER]).isdisjoint(query["not_for"])
        injected += bool(chosen)
    total = max(1, len(queries))
    return {
        "near_miss_in_top_5": top / total,
        "near_miss_injected": wrong / total,
        f"near_miss_injected_of_{FEWER}": wrong_of_fewer / total,
        "near_miss_anything_injected": injected / total,
    }


def _everyday(prompts: _Prompts, texts: list[str]) -> dict[str, float]:
    injected = sum(bool(prompts.ask(text)[1]) for text in texts)
    return {"everyday_injected": injected / max(1, len(texts))}


def records(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file of JSON lines, gzipped or not, and leave out what is none."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict):
                yield record


def _typed(record: Mapping[str, Any]) -> str:
    if record.get("type") != "user" or any(
        record.get(key) for key in ("isMeta", "isSidechain", "isCompactSummary")
    ):
        return ""
    content = record["message"].get("content") if isinstance(record.get("message"), dict) else ""
    if isinstance(content, list):
        blocks = [block for block in content if isinstance(block, dict)]
        if any(block.get("type") == "tool_result" for block in blocks):
            return ""
        content = "\n".join(block.get("text", "") for block in blocks if block.get("type") == "text")
    return content.strip() if isinstance(content, str) else ""


if __name__ == "__main__":
    sys.exit(run("retrieval", measure, needs=[CORPUS, QUERIES, SESSIONS]))
