"""Fill a store with episodes and exposures of known numbers, as workers leave it after an experiment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hivemind.domain.exposures import Arm
from hivemind.domain.skills import SkillDocument, SkillState
from hivemind.library import lifecycle
from hivemind.store import bulk, schema
from hivemind.store.database import Workspace

START = datetime(2026, 8, 1, tzinfo=UTC)


def make_skill(workspace: Workspace, name: str, *, project_id: str = "p1", state: str = "active") -> str:
    """Make a skill in a state; give its id."""
    document = SkillDocument(
        name=name, description=f"Use when working on {name}.", body=f"# {name}\n\n- Run `make {name}`.\n"
    )
    skill = lifecycle.create(
        workspace, document, project_id=project_id, origin="person", actor="person:ana", topic=name
    )
    if state != SkillState.CANDIDATE:
        lifecycle.decide(workspace, skill.skill_id, SkillState(state), actor="person:ana")
    return skill.skill_id


@dataclass(slots=True)
class Experiment:
    """Add sessions one by one, an episode each unless told otherwise."""

    workspace: Workspace
    number: int = 0
    rows: dict[str, list[dict[str, Any]]] = field(
        default_factory=lambda: {"sessions": [], "episodes": [], "exposures": []}
    )

    def add(
        self,
        skill_id: str,
        *,
        arm: str = Arm.GIVEN,
        successes: int = 0,
        failures: int = 0,
        unknown: int = 0,
        model: str = "model-a",
        share: float = 0.1,
        project_id: str = "p1",
        episodes_a_session: int = 1,
        followed: bool | None = True,
        turns: int = 6,
        tokens: int = 10_000,
        tool_errors: int = 1,
    ) -> None:
        """Add episodes of one arm with these outcomes."""
        labels = ["success"] * successes + ["failure"] * failures + ["unknown"] * unknown
        for place, label in enumerate(labels):
            if place % episodes_a_session == 0:
                self._session(project_id, model)
            self._episode(label, model=model, turns=turns, tokens=tokens, tool_errors=tool_errors)
            self.rows["exposures"].append(
                {
                    "workspace_id": self.workspace.workspace_id,
                    "episode_id": self.rows["episodes"][-1]["episode_id"],
                    "skill_id": skill_id,
                    "session_id": f"s{self.number}",
                    "project_id": project_id,
                    "version": 1,
                    "arm": str(arm),
                    "share": share,
                    "channel": "prompt",
                    "agent": "claude",
                    "request_model": model,
                    "followed": followed if arm == Arm.GIVEN else None,
                    "at": self.rows["episodes"][-1]["started_at"],
                }
            )

    def store(self) -> None:
        """Write what was added."""
        for name, rows in self.rows.items():
            bulk.append(self.workspace, schema.metadata.tables[name], rows)
            rows.clear()

    def _session(self, project_id: str, model: str) -> None:
        self.number += 1
        at = START + timedelta(minutes=20 * self.number)
        self.rows["sessions"].append(
            {
                **_defaults(schema.sessions),
                "workspace_id": self.workspace.workspace_id,
                "session_id": f"s{self.number}",
                "agent": "claude",
                "project_id": project_id,
                "request_model": model,
                "started_at": at,
                "ended_at": at + timedelta(minutes=10),
            }
        )

    def _episode(self, label: str, *, model: str, turns: int, tokens: int, tool_errors: int) -> None:
        number = len(self.rows["episodes"])
        at = START + timedelta(minutes=20 * self.number, seconds=number % 600)
        score = {"success": 0.9, "failure": 0.1}.get(label, 0.5)
        self.rows["episodes"].append(
            {
                **_defaults(schema.episodes),
                "workspace_id": self.workspace.workspace_id,
                "episode_id": f"p{self.number}.{number}",
                "session_id": f"s{self.number}",
                "number": 1,
                "first_seq": 0,
                "last_seq": 9,
                "started_at": at,
                "ended_at": at + timedelta(minutes=5),
                "request_model": model,
                "turns": turns,
                "input_tokens": tokens,
                "tool_errors": tool_errors,
                "score_label": label,
                "score_value": score,
                "evaluation_name": "signals",
                "graded_label": label,
                "graded_value": score,
                "signals": [],
                "fingerprint": {},
                "graded_seq": 0,
                "graded_by": 0,
            }
        )


def _defaults(table: Any) -> dict[str, Any]:
    return dict(_plain_defaults(table))


def _plain_defaults(table: Any) -> Iterator[tuple[str, Any]]:
    for column in table.columns:
        if column.default is not None:
            yield column.name, column.default.arg
