"""`/`: what to do next, what was learnt lately, what helps, what waits, and what it cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from hivemind.domain.skills import LIVE_STATES, SkillState
from hivemind.evaluation import models
from hivemind.evaluation.uplift import Uplift
from hivemind.library.review import Waiting
from hivemind.server.pages import charts, figures
from hivemind.server.pages.asking import Asked, Page, PageRoute
from hivemind.server.pages.charts import Bar, Part
from hivemind.server.pages.rendering import render
from hivemind.store import browsing, glance, model_calls
from hivemind.store.database import Workspace

router = APIRouter(route_class=PageRoute)
MAX_ACTIONS, MAX_LEARNT, MAX_SHOWN = 6, 8, 8
#: Bars of the chart of work at most: days, weeks or months, by how long there is data.
MAX_BARS = 60
_OUTCOMES = ("success", "failure", "unknown")
_GLANCE_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Name one thing to do next."""

    text: str
    why: str
    path: str
    kind: str = "info"  #: the class that colours it: bad, warn, info


@router.get("/")
def overview(page: Page) -> Response:
    """Show where things stand."""
    numbers = glanced(page)
    queue = figures.queue(page)
    uplifts = list(figures.uplifts(page).values())
    with page.read() as workspace:
        latest = browsing.latest_decisions(workspace, limit=5 * MAX_LEARNT)
    seen = numbers["seen"]
    helping = sorted((one for one in uplifts if models.helps(one)), key=_difference, reverse=True)
    harming = sorted((one for one in uplifts if models.harms(one)), key=_difference)
    live = sum(number for state, number in seen.skills.items() if state in LIVE_STATES)
    return render(
        page.request,
        "overview.html",
        page=page,
        seen=seen,
        live=live,
        actions=_actions(page, queue=queue, numbers=numbers, harming=harming),
        learnt=list({row.skill_id: row for row in reversed(latest)}.values())[::-1][:MAX_LEARNT],
        waiting=queue[:MAX_SHOWN],
        waits=len(queue),
        helping=helping[:MAX_SHOWN],
        helps=len(helping),
        harms=len(harming),
        measured=[(one.name, one) for one in [*harming, *helping][:MAX_SHOWN]],
        measuring=sum(not one.is_enough for one in uplifts),
        chart=_work(numbers["days"]),
        uplift_chart=charts.intervals(
            [(one.name, one) for one in [*harming[:3], *helping[:MAX_SHOWN]]],
            title="Success with each skill less success without it, with 95 % intervals",
        ),
        states=_states(seen.skills),
        state_counts=[(state.value, seen.skills.get(state.value, 0)) for state in SkillState],
        span=numbers["span"],
        outcomes=_totals(numbers["days"]),
        spent=numbers["spent"],
        cost=sum(row.cost_usd for row in numbers["spent"]),
        calls=sum(row.calls for row in numbers["spent"]),
        cost_chart=_spending(numbers["spent"]),
    )


def glanced(wanted: figures.Wanted) -> dict[str, Any]:
    """Give what the overview counts."""
    return figures.kept(wanted, figures.GLANCE, _numbers, for_s=_GLANCE_S)


def _numbers(workspace: Workspace) -> dict[str, Any]:
    return {
        "seen": glance.glance_of(workspace),
        "days": browsing.sessions_by_day(workspace),
        "spent": model_calls.by_day(workspace),
        "span": browsing.span(workspace),
    }


def _difference(one: Uplift) -> float:
    return one.difference or 0.0


def _actions(
    page: Asked, *, queue: Sequence[Waiting], numbers: Mapping[str, Any], harming: Sequence[Uplift]
) -> list[Action]:
    """Rank what to do next: what harms, what is broken, what is ready, then what only waits."""
    seen = numbers["seen"]
    found: list[Action] = []
    by_why: dict[str, list[Waiting]] = {}
    for waiting in queue:
        by_why.setdefault(waiting.why, []).append(waiting)
    told = {
        "harm": ("bad", "may do harm", "Look at {}"),
        "stale": ("warn", "names things that are gone", "Mend {}"),
        "ready": ("info", "has enough evidence", "Decide on {}"),
        "trial": ("info", "is on trial and nobody approved it", "Confirm {}"),
        "unused": ("info", "was not used for long", "Retire {}?"),
    }
    for why, (kind, said, asks) in told.items():
        group = by_why.get(why, [])
        if len(group) == 1:
            path = f"/review/{group[0].skill.skill_id}"
            found.append(
                Action(text=asks.format(group[0].skill.name), why=group[0].reason, path=path, kind=kind)
            )
        elif group:
            text = asks.format(f"{len(group)} skills")
            found.append(
                Action(text=text, why=f"each {said}", path=f"/review/{group[0].skill.skill_id}", kind=kind)
            )
    if not by_why.get("harm") and harming:
        one = harming[0]
        found.insert(
            0,
            Action(
                text=f"Look at {one.name}",
                why="work with it goes worse than without it",
                path=f"/skills/{one.skill_id}",
                kind="bad",
            ),
        )
    found += [Action(text="A model is new here", why=why, path="/models") for why in seen.new_models[:1]]
    if seen.problems and page.site.is_local:
        found.append(
            Action(
                text=f"{seen.problems} problems in the background",
                why="`hivemind doctor` names them and how to mend each",
                path="/settings",
                kind="warn",
            )
        )
    if not seen.sessions:
        found.append(
            Action(
                text="Store the sessions that are on this disk",
                why="`hivemind backfill` learns from them; `hivemind install` wires your agents",
                path="/sessions",
            )
        )
    return found[:MAX_ACTIONS]


def _totals(days: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    return {name: sum(day.get(name, 0) for day in days.values()) for name in _OUTCOMES}


def _work(days: Mapping[str, Mapping[str, int]]) -> Any:
    """Draw episodes by outcome over the data's own range."""
    known = {date.fromisoformat(key): value for key, value in days.items()}
    if not known:
        return ""
    first, last = min(known), max(known)
    length = (last - first).days + 1
    step = 1 if length <= MAX_BARS else 7 if length <= 7 * MAX_BARS else -(-length // MAX_BARS)
    bars = []
    for number in range(-(-length // step)):
        begin = first + timedelta(days=number * step)
        of_bar = [known.get(begin + timedelta(days=i), {}) for i in range(step)]
        parts = tuple(Part(kind=name, value=sum(d.get(name, 0) for d in of_bar)) for name in _OUTCOMES)
        label = begin.isoformat() if step == 1 else f"{step} days from {begin.isoformat()}"
        bars.append(Bar(label=label if number else begin.isoformat(), parts=parts))
    bars[-1] = Bar(label=last.isoformat(), parts=bars[-1].parts)
    return charts.columns(bars, title=f"Requests by outcome, {first} to {last}")


def _states(skills: Mapping[str, int]) -> Any:
    parts = [Part(kind=state.value, value=skills.get(state.value, 0)) for state in SkillState]
    return charts.strip(parts, title="Skills by state")


def _spending(rows: Sequence[Any]) -> Any:
    if not rows:
        return ""
    bars = [Bar(label=row.day, parts=(Part(kind="cost", value=row.cost_usd),)) for row in rows[-MAX_BARS:]]
    return charts.columns(bars, title="What Hivemind's own model calls cost by day", height=70, unit="$")
