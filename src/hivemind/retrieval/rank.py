"""Rank live skills for a prompt; standard library only, since a hook runs it when no worker answers.

A skill's score is the weight of the prompt's words that it has, times the square root of the share of the
prompt's weight that this is: one rare word in a long prompt is chance, most words of a short one are not.
Words weigh by their rarity among the world's skills, not in this library: three documents cannot tell what
is common. The best of many unrelated skills scores higher than the best of a few, by about the logarithm of
their number, so the threshold rises with it.
"""

import math
import re

from hivemind.retrieval import word_frequencies

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping, Sequence

#: Of n skills of every project, one is shown from a score of this plus the logarithm of n.
SHARED_THRESHOLD = 2.0
#: These need at least so much: imported skills are long, and have any word somewhere.
SHARED_LEAST = 5.0
#: Skills learnt in this project are likely to be needed in it, and are sent once a session: less suffices.
PROJECT_THRESHOLD = 1.2
#: The first so many of them do not raise the threshold.
FREE_PROJECT_SKILLS = 5
#: Of a longer prompt the beginning and the end are read, where people say what they want.
MAX_PROMPT_CHARS = 16_000
MAX_WORDS = 200
#: Words of the prompt that are searched, the rarest first; what none of the skills has does not count.
MAX_SEARCHED = 24
#: Of a large library only the rarest words are searched without an index, until so many rows were read.
MAX_ROWS = 20_000
#: Each adds half of a word's weight where it matches: any column, what the skill is for, its name.
_COLUMNS = ("", "{name description requests} : ", "{name} : ")
_LEAST_WEIGHT = 1.0
_BATCH = 12
#: The index is derived: what a skill is and whether it is live, its own row says. A plain JOIN lets SQLite
#: begin with every skill, which is fifty times slower.
_LIVE = """
SELECT d.rowid, s.skill_id, s.version, s.state, s.project_id, v.name, v.description, v.body
FROM skills_search d
CROSS JOIN skills s ON s.workspace_id = d.workspace_id AND s.skill_id = d.skill_id
CROSS JOIN skill_versions v
    ON v.workspace_id = s.workspace_id AND v.skill_id = s.skill_id AND v.version = s.version
WHERE d.rowid IN (?*) AND s.workspace_id = ? AND s.project_id IN ('', ?) AND s.state IN ('trial', 'active')
"""

_WORD = re.compile(r"[^\W_]+")
#: Scripts without spaces or with endings that no stemmer here removes: their words are searched by beginning.
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_NOISE = re.compile(r"\d+|(?=[0-9a-f]*\d)[0-9a-f]{7,}|.{41,}")
STOP_WORDS = frozenset(
    """
    a about above after again against ah all alright also am an and any anyone anything anyway are aren
    as at awesome back be because been before being below between both but by bye can cannot continue
    cool could couldn did didn do does doesn doing don done down during each else even everyone
    everything exactly few fine for from further get getting go goes going good got great had hadn has
    hasn have haven having he hello help her here hers herself hey hi him himself his hm hmm how however
    i if im in indeed into is isn it its itself ive just keep know let lets like ll looks lot m make
    many may maybe me might more most much must my myself need never nice no nope not nothing now of off
    oh ok okay on once one only oops or other our ours out over own perfect please pls proceed quite
    rather re really resume right s same see seems shall she should shouldn since so some someone
    something sorry still such sure t tell than thank thanks that the their them themselves then there
    these they thing things think this those though through thx to too try under until up us use using
    ve very wait want was wasn way we well were weren what whatever when whenever where whether which
    while who whole whom whose why will with without won would wouldn wow yeah yep yes yet you your
    yours yourself yup
    """.split()  # noqa: SIM905 - a list of quoted words cannot be read
)


class Candidate:
    """Hold a live skill as ranked for a prompt; it is worth showing when `score` reaches `threshold`."""

    __slots__ = (
        "body",
        "description",
        "matched",
        "name",
        "project_id",
        "score",
        "share",
        "skill_id",
        "state",
        "threshold",
        "version",
    )

    def __init__(
        self,
        *,
        skill_id: str,
        version: int,
        state: str,
        project_id: str,
        name: str,
        description: str,
        body: str,
        score: float,
        threshold: float,
        share: float = 0.0,
        matched: float = 0.0,
    ) -> None:
        self.skill_id = skill_id
        self.version = version
        self.state = state
        self.project_id = project_id
        self.name = name
        self.description = description
        self.body = body
        self.score = score
        self.threshold = threshold
        self.share = share  #: of the prompt's weight
        self.matched = matched  #: weight of the prompt's words that the skill has

    @property
    def relevant(self) -> bool:
        """Say whether the score suffices."""
        return self.score >= self.threshold

    @property
    def confidence(self) -> float:
        """Give the score on a scale from 0 to 1 with the threshold at one half."""
        return self.score / (self.score + self.threshold)


def prompt_words(prompt: str) -> list[str]:
    """Give the distinct telling words of a prompt in their order; long prompts lose their middle."""
    if len(prompt) > MAX_PROMPT_CHARS:
        prompt = prompt[: MAX_PROMPT_CHARS * 3 // 4] + "\n" + prompt[-MAX_PROMPT_CHARS // 4 :]
    words = [
        word
        for word in dict.fromkeys(found.lower() for found in _WORD.findall(prompt))
        if word not in STOP_WORDS and not _NOISE.fullmatch(word) and (len(word) > 1 or not word.isascii())
    ]
    if len(words) > MAX_WORDS:
        words = words[: MAX_WORDS * 3 // 4] + words[-MAX_WORDS // 4 :]
    return words


def rank(
    connection: "sqlite3.Connection", *, workspace_id: str, project_id: str, prompt: str, limit: int = 10
) -> list[Candidate]:
    """Rank the live skills of a project and of every project for a prompt, best first, relevant or not.

    Skills that share no word with the prompt are left out.
    """
    thresholds = _thresholds(connection, workspace_id, project_id)
    words = prompt_words(prompt) if thresholds else []
    ignored = project_words(connection, workspace_id, project_id)
    words = [word for word in words if word not in ignored]
    weights = word_weights(words, word_frequencies.load() if words else {})
    total = sum(weights.values())
    if not total:
        return []
    scored = _matched(connection, weights)
    found: list[Candidate] = []
    rows = sorted(scored, key=lambda row: (-scored[row], row))
    for start in range(0, len(rows), _BATCH):
        for row, *fields in _live(connection, workspace_id, project_id, rows[start : start + _BATCH]):
            matched = scored[row]
            found.append(_candidate(fields, thresholds=thresholds, matched=matched, share=matched / total))
        if len(found) >= limit:
            break
    found.sort(key=lambda candidate: (-candidate.score, candidate.name, candidate.skill_id))
    return found[:limit]


def project_threshold(count: int) -> float:
    """Give the score from which one of so many skills of a project is shown."""
    return PROJECT_THRESHOLD + math.log(max(1.0, count / FREE_PROJECT_SKILLS))


def shared_threshold(count: int) -> float:
    """Give the score from which one of so many skills of every project is shown."""
    return max(SHARED_LEAST, SHARED_THRESHOLD + math.log(max(1, count)))


def _thresholds(connection: "sqlite3.Connection", workspace_id: str, project_id: str) -> dict[bool, float]:
    """Give the threshold for the skills of the project (True) and of every project (False), if any."""
    counts = connection.execute(
        "SELECT project_id <> '', count(*) FROM skills WHERE workspace_id = ? AND project_id IN ('', ?)"
        " AND state IN ('trial', 'active') GROUP BY 1",
        (workspace_id, project_id),
    )
    return {
        bool(own): (project_threshold(count) if own else shared_threshold(count)) for own, count in counts
    }


def project_words(connection: "sqlite3.Connection", workspace_id: str, project_id: str) -> set[str]:
    """Give the words of the project's name: within it they tell nothing, and its skills are full of them."""
    row = connection.execute(
        "SELECT name FROM projects WHERE workspace_id = ? AND project_id = ?", (workspace_id, project_id)
    ).fetchone()
    return set(_WORD.findall(row[0].lower())) if row else set()


def word_weights(words: "Sequence[str]", skills: "Mapping[str, int]") -> dict[str, float]:
    """Weigh words by their rarity among the world's skills."""
    documents, unlisted = word_frequencies.DOCUMENTS, word_frequencies.UNLISTED
    return {
        word: max(_LEAST_WEIGHT, math.log((documents + 1) / (skills.get(word, unlisted) + 0.5)))
        for word in words
    }


def _matched(connection: "sqlite3.Connection", weights: dict[str, float]) -> dict[int, float]:
    """Give, for each row of the index, the weight of the prompt's words that it has."""
    scored: dict[int, float] = {}
    searched = looked_at = 0
    for word in sorted(weights, key=lambda word: -weights[word]):
        for columns in _COLUMNS:
            rows = _rows(connection, columns + _expression(word))
            if not rows:
                break
            searched += not columns
            looked_at += len(rows)
            for row in rows:
                scored[row] = scored.get(row, 0.0) + weights[word] / 2
        if searched == MAX_SEARCHED or looked_at > MAX_ROWS:
            break
    return scored


def _expression(word: str) -> str:
    if _UNSPACED.match(word) and len(word) > 2:
        return f'"{word[: max(2, len(word) - 2)]}" *'
    return f'"{word}"'


def _rows(connection: "sqlite3.Connection", expression: str) -> list[int]:
    found = connection.execute(
        "SELECT rowid FROM skills_search WHERE skills_search MATCH ? LIMIT ?", (expression, MAX_ROWS)
    )
    return [row for (row,) in found]


def _live(
    connection: "sqlite3.Connection", workspace_id: str, project_id: str, rows: list[int]
) -> "Iterator[tuple[int, str, int, str, str, str, str, str]]":
    marks = ",".join("?" * len(rows))
    query = _LIVE.replace("?*", marks)
    return connection.execute(query, (*rows, workspace_id, project_id))


def _candidate(
    fields: list[object], *, thresholds: dict[bool, float], matched: float, share: float
) -> Candidate:
    skill_id, version, state, project_id, name, description, body = fields
    return Candidate(
        skill_id=str(skill_id),
        version=int(str(version)),
        state=str(state),
        project_id=str(project_id),
        name=str(name),
        description=str(description),
        body=str(body),
        matched=matched,
        share=share,
        score=matched * math.sqrt(share),
        threshold=thresholds.get(bool(project_id), SHARED_LEAST),
    )
