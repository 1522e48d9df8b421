"""Compare an episode with earlier ones of its project that asked for the like: did it change the same?

Nothing is known of how the earlier ones ended, and nothing needs to be: attempts that go well end in the same
changes, while each that fails tends to fail in its own way.
"""

import hashlib
import json
import math
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hivemind.distill.episodes import Episode
from hivemind.distill.grading.features import kind_of, leaves
from hivemind.distill.session_view import Call

#: So much of what a person wrote is compared, the latest, in characters.
MAX_CHARS = 4_000
MAX_WORDS = 300
MAX_CHANGES = 200
#: Earlier episodes that are looked at, the newest, and those of them that count, the most alike.
MAX_EARLIER = 500
MAX_LIKE = 12
#: Two requests are alike from this cosine of their words on, weighted by rarity.
MIN_ALIKE = 0.2
_WORD = re.compile(r"[^\W_]{2,}")
#: What the features are without anything to compare with: the middle between agreeing and not.
_MIDDLE = {"agreement": 0.5, "identical": 0.3, "usual_agreement": 0.4}
#: So many like episodes are worth as much as no evidence at all; they may all have gone wrong alike.
_DOUBT = 4
#: Where like episodes agree with each other (`settled`), another end says much; elsewhere next to nothing.
SETTLED = ("settled_same", "settled_other", "settled_missing", "settled_extra", "unsettled_same")
NONE = dict.fromkeys(("agreement", "identical", "usual_agreement", "missing", "extra", *SETTLED), 0.0)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Hold what an episode is compared by: hashes of the words asked with and of the changes made."""

    words: frozenset[int]
    changes: frozenset[str]

    def as_json(self) -> dict[str, Any]:
        """Give it as it is stored."""
        return {"words": sorted(self.words), "changes": sorted(self.changes)}


def of_json(value: Any) -> Fingerprint:
    """Read a stored fingerprint."""
    value = value if isinstance(value, dict) else {}
    return Fingerprint(
        frozenset(w for w in value.get("words") or [] if isinstance(w, int)),
        frozenset(c for c in value.get("changes") or [] if isinstance(c, str)),
    )


def fingerprint(episode: Episode) -> Fingerprint:
    """Take an episode's fingerprint."""
    asked = " ".join(p.text[-MAX_CHARS:] for p in episode.prompts)[-MAX_CHARS:]
    words = sorted({zlib.crc32(w.lower().encode("utf-8", "replace")) for w in _WORD.findall(asked)})
    changes = [_canonical(c.tool_name, c.data, c.text) for c in changes_of(episode)]
    return Fingerprint(frozenset(words[:MAX_WORDS]), frozenset(changes))


def changes_of(episode: Episode) -> list[Call]:
    """Give the calls that changed something."""
    changed = [c for c in episode.calls if not c.failed and kind_of(c, episode) == "write"]
    return changed[:MAX_CHANGES]


def _canonical(tool_name: str, data: dict[str, Any], text: str) -> str:
    """Give a change the same key in whatever order its values stand."""
    given = json.dumps({k: sorted(leaves(v)) for k, v in data.items()}, sort_keys=True) if data else text
    digest = hashlib.blake2b(f"{tool_name}\0{given}".encode("utf-8", "replace"), digest_size=6)
    return digest.hexdigest()


def like(one: Fingerprint, earlier: Sequence[Fingerprint]) -> list[tuple[float, Fingerprint]]:
    """Give the earlier ones that asked for the like, with how alike they are, the most alike first."""
    earlier = earlier[-MAX_EARLIER:]
    counts = Counter(word for other in earlier for word in other.words)
    counts.update(one.words)
    total = len(earlier) + 1
    weights = {word: math.log((total + 1) / (count + 0.5)) ** 2 for word, count in counts.items()}
    own = math.sqrt(sum(weights[w] for w in one.words))
    found = []
    for place, other in enumerate(earlier):
        shared = sum(weights[w] for w in one.words & other.words)
        if not shared:
            continue
        cosine = shared / (own * math.sqrt(sum(weights[w] for w in other.words)))
        if cosine > MIN_ALIKE:
            found.append((cosine, place, other))
    found.sort(key=lambda item: (-item[0], -item[1]))
    return [(alike, other) for alike, _, other in found[:MAX_LIKE]]


def measure(one: Fingerprint, alike: Sequence[tuple[float, Fingerprint]]) -> dict[str, float]:
    """Give how far an episode's changes agree with those of like ones, 0.0 each where that says nothing."""
    if not alike:
        return dict(NONE)
    total = sum(weight for weight, _ in alike)
    weighted = [(weight / total, other) for weight, other in alike]
    agreement = sum(weight * _overlap(one, other) for weight, other in weighted)
    pairs = [_overlap(a, b) for n, (_, a) in enumerate(alike) for _, b in alike[:n]]
    usual = sum(pairs) / len(pairs) if pairs else _MIDDLE["usual_agreement"]
    if not agreement and not usual:
        return dict(NONE)  # work in which no two are ever the same, such as writing code
    made: dict[str, float] = {}
    for weight, other in weighted:
        for change in other.changes:
            made[change] = made.get(change, 0.0) + weight
    identical = sum(weight for weight, other in weighted if other.changes == one.changes)
    missing = sum(w for change, w in made.items() if w >= 0.5 and change not in one.changes)
    extra = math.log1p(sum(1 - made.get(change, 0.0) for change in one.changes))
    trust, doubtful = len(alike) / (len(alike) + 1), len(alike) / (len(alike) + _DOUBT)
    return {
        "agreement": trust * (agreement - _MIDDLE["agreement"]),
        "identical": trust * (identical - _MIDDLE["identical"]),
        "usual_agreement": trust * (usual - _MIDDLE["usual_agreement"]),
        "missing": trust * missing,
        "extra": trust * extra,
        "settled_same": doubtful * usual * identical,
        "settled_other": doubtful * usual * (1 - identical),
        "settled_missing": doubtful * usual * missing,
        "settled_extra": doubtful * usual * extra,
        "unsettled_same": doubtful * (1 - usual) * identical,
    }


def _overlap(one: Fingerprint, other: Fingerprint) -> float:
    union = len(one.changes | other.changes)
    return len(one.changes & other.changes) / union if union else 1.0
