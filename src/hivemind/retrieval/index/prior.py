"""Say what is known of a skill before a prompt is looked at: how far it was proven, and what it did so far.

The figures of a prompt and a skill decide; this tells apart what they find alike. It is given in log-odds,
the unit of the score, and kept small: at the most it makes a skill e times as likely, or as unlikely.
"""

import math
import sqlite3
from dataclasses import dataclass, replace

from hivemind.retrieval.index.searching import Hit

#: A skill on trial has less evidence than an active one.
ON_TRIAL = -0.2
#: What a difference in success of 1 adds, and how many episodes on the smaller side count half of it.
OF_UPLIFT, HALF_EPISODES = 4.0, 20
#: At most so much, either way.
MOST = 1.0

_STATES = "SELECT skill_id FROM skills WHERE workspace_id = ? AND state = 'trial'"
#: Episodes of sessions that took part in the experiment, with an outcome.
_OUTCOMES = """
SELECT x.skill_id, x.arm = 'given', p.score_label = 'success', count(*)
FROM exposures x CROSS JOIN episodes p ON p.workspace_id = x.workspace_id AND p.episode_id = x.episode_id
WHERE x.workspace_id = ? AND x.share > 0 AND x.arm IN ('given', 'withheld')
    AND p.score_label IN ('success', 'failure')
GROUP BY 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class Prior:
    """Hold the log-odds of each skill of which something is known."""

    of: dict[str, float]

    def applied(self, hits: list[Hit], *, k: int) -> list[Hit]:
        """Give the best `k` hits once what is known of each skill counts, too."""
        found = [self._with(hit) for hit in hits]
        found.sort(key=lambda hit: -hit.score)
        return found[:k]

    def _with(self, hit: Hit) -> Hit:
        known = self.of.get(hit.skill_id, 0.0)
        if not known:
            return hit
        odds = hit.confidence / max(1e-9, 1 - hit.confidence) * math.exp(known)
        return replace(
            hit,
            score=hit.score + known,
            confidence=odds / (1 + odds),
            figures={**hit.figures, "evidence": known},
        )


def read(connection: sqlite3.Connection, workspace_id: str) -> Prior:
    """Read what is known of each live skill."""
    found = {str(skill_id): ON_TRIAL for (skill_id,) in connection.execute(_STATES, (workspace_id,))}
    counts: dict[str, dict[tuple[bool, bool], int]] = {}
    for skill_id, given, success, number in connection.execute(_OUTCOMES, (workspace_id,)):
        counts.setdefault(str(skill_id), {})[bool(given), bool(success)] = int(number)
    for skill_id, its in counts.items():
        found[skill_id] = found.get(skill_id, 0.0) + of_outcomes(
            given=(its.get((True, True), 0), its.get((True, False), 0)),
            withheld=(its.get((False, True), 0), its.get((False, False), 0)),
        )
    return Prior({skill_id: max(-MOST, min(MOST, value)) for skill_id, value in found.items()})


def of_outcomes(*, given: tuple[int, int], withheld: tuple[int, int]) -> float:
    """Weigh successes and failures with a skill against those without it; nothing where a side is empty."""
    least = min(sum(given), sum(withheld))
    # One success and one failure more on either side: two episodes prove nothing.
    rates = [(its[0] + 1) / (sum(its) + 2) for its in (given, withheld)]
    weighed = OF_UPLIFT * (rates[0] - rates[1]) * least / (least + HALF_EPISODES)
    return max(-MOST, min(MOST, weighed))
