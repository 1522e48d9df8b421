"""`status`: what is wired, what is stored, what was learnt."""

from typing import TYPE_CHECKING, Any

import click

from hivemind.cli.app import App, emit, json_option, pass_app
from hivemind.cli.sync import lines
from hivemind.cli.sync import state as team_state
from hivemind.cli.text import ago, bytes_text, count

if TYPE_CHECKING:
    from hivemind.store.glance import Glance

#: Skills that a line names.
MAX_NAMED = 3


@click.command()
@json_option
@pass_app
def status(app: App, *, as_json: bool) -> None:
    """Show what is wired, what is stored and what was learnt."""
    state = gather(app)
    if as_json:
        emit(state)
        return
    app.say(
        f"workspace {state['workspace']}, data in {state['data']} ({bytes_text(state['database_bytes'])})"
    )
    capture = "on" if state["capture"] else "OFF: nothing is stored (HIVEMIND_CAPTURE or capture.enabled)"
    app.say(f"capture {capture}; skills load under policy {state['policy']}")
    for line in model_lines(state["model"]):
        app.say(line)
    for agent in state["agents"]:
        if agent["found"] or agent["wired"]:
            app.say(_agent_line(agent))
    absent = [a["title"] for a in state["agents"] if not (a["found"] or a["wired"])]
    if absent:
        app.say(f"not on this machine: {', '.join(absent)}")
    worker = state["worker"]
    app.say(f"worker: {f'running (process {worker})' if worker else 'not running; hooks start it'}")
    stored = state["stored"]
    app.say(
        f"stored: {count(stored['sessions'], 'session')}, {count(stored['events'], 'event')} "
        f"of {count(stored['transcripts'], 'transcript')}"
    )
    by_state = ", ".join(f"{n} {name}" for name, n in state["skills"].items())
    withheld = f", withheld {count(state['withheld'], 'time')}" if state["withheld"] else ""
    app.say(f"skills: {by_state or 'none yet'}; shown to agents {count(state['offers'], 'time')}{withheld}")
    app.say(f"search: {state['search']}")
    for line in measuring_lines(state):
        app.say(line)
    for line in lines(state["team"]):
        app.say(line)
    if state["spool_bytes"] and not worker:  # a running worker keeps what it has read for a minute
        app.say(f"spool: {bytes_text(state['spool_bytes'])} waiting for the worker")
    if state["problems"]:
        app.say(f"problems: {state['problems']}; see `hivemind doctor`")
    if not any(agent["wired"] for agent in state["agents"]):
        app.note("Nothing is wired: run `hivemind install`; `hivemind doctor` says what stands in the way.")


def _agent_line(agent: dict[str, Any]) -> str:
    if not agent["wired"]:
        missing = ", ".join(c["name"] for c in agent["checks"] if not c["ok"])
        partly = any(c["ok"] for c in agent["checks"])
        state = f"wired but for {missing}; see `hivemind doctor`" if partly else "found, not wired"
        return f"{agent['title']}: {state}"
    heard = (
        f"hook last fired {agent['heard']} ({agent['moment']})"
        if agent["moment"]
        else "its hook has not fired yet"
    )
    return f"{agent['title']}: wired; {heard}"


def measuring_lines(state: dict[str, Any]) -> list[str]:
    """Say what waits for a person, what is withheld, and which model is new here."""
    candidates = state["skills"].get("candidate", 0)
    waiting = [count(candidates, "candidate")] if candidates else []
    waiting += [f"{state['flags']} flagged"] if state["flags"] else []
    lines = [f"waiting for you: {', '.join(waiting)}; see `hivemind review`"] if waiting else []
    holdout = state["holdout"]
    if holdout["enabled"] and state["skills"]:
        lines.append(
            f"holdout: a skill on trial is withheld from {holdout['trial_percent']} % of sessions, an active "
            f"one from {holdout['active_percent']} %, to learn whether it helps; see `hivemind holdout`"
        )
    if only := state["only_withheld"]:
        named = ", ".join([*only[:MAX_NAMED], *(["…"] if len(only) > MAX_NAMED else [])])
        lines.append(
            f"holdout: no session has had {named} yet: what it fitted so far was drawn to go without it, "
            "and the next may get it"
        )
    return [*lines, *(f"model: {reason}" for reason in state["new_models"])]


def search_line(*, embeddings: bool) -> str:
    """Say whether skills are found by their words alone; imports nothing that costs time."""
    from importlib.util import find_spec

    from hivemind.retrieval.packages import EMBEDDINGS, HOW_TO

    if not embeddings:
        return "by words alone (inject.embeddings is off)"
    if all(find_spec(name) for name in EMBEDDINGS):
        return "by words and by meaning"
    return f"by words alone; {HOW_TO}"


CAPS = ("model.daily_cap_usd", "model.daily_cap_calls")


def model_lines(model: dict[str, Any]) -> list[str]:
    """Say who words skills, what that cost today, and what stands in the way."""
    if model["setting"] == "none":
        return [f"model: none, skills are written from templates; to have yours word them: {model['how_to']}"]
    if model["problem"]:
        return [f"model: none ({model['setting']}: {model['problem']}); skills are written from templates"]
    spent = f"${model['cost_usd']:.2f} of ${model['cap_usd']:.2f} as far as prices are known"
    calls = f"{count(model['calls'], 'call')} of {model['cap_calls']}"
    lines = [f"model: {model['label']}; today {calls}, {spent}"]
    if model["capped"]:
        lines.append(
            f"model: the daily cap is reached: no call before 00:00 UTC ({' and '.join(CAPS)} set it)"
        )
    if model["note"]:
        lines.append(f"model: {model['note']}")
    if model["failure"]:
        lines.append(f"model: the latest call {model['failure']}; see `hivemind model ledger`")
    return lines


def model_state(app: App, seen: "Glance") -> dict[str, Any]:
    """Collect who words skills and what today's calls came to."""
    from hivemind.domain.model_calls import Today
    from hivemind.llm import choose

    chosen = choose.choose(app.settings, variables=app.environment.variables, data=app.data)
    cap = choose.cap(app.settings)
    today = Today(calls=seen.model_calls, cost_usd=seen.model_cost_usd)
    return {
        "setting": chosen.setting,
        "kind": chosen.kind,
        "name": chosen.model.name if chosen.model else "",
        "label": chosen.label,
        "problem": chosen.problem,
        "note": chosen.note,
        "how_to": choose.HOW_TO,
        "calls": today.calls,
        "cost_usd": round(today.cost_usd, 6),
        "cap_calls": cap.calls,
        "cap_usd": cap.usd,
        "capped": chosen.model is not None and today.reaches(cap),
        "failure": seen.model_failure,
    }


def gather(app: App) -> dict[str, Any]:
    """Collect the state of everything; reads only, and works before anything is stored."""
    from dataclasses import asdict
    from pathlib import Path

    from hivemind.agents.registry import agents as all_agents
    from hivemind.capture import heartbeat, layout
    from hivemind.capture.spool import Spool
    from hivemind.store.glance import glance
    from hivemind.worker.lock import WorkerLock

    seen = glance(app.database_path, app.workspace_id)
    heard = heartbeat.read(app.data)
    agents = []
    for agent in all_agents():
        checks = agent.check_wiring(app.machine, app.wiring)
        last = heard.get(agent.name)
        agents.append(
            {
                "name": agent.name,
                "title": agent.title,
                "found": agent.detect(app.machine),
                "wired": all(check.ok for check in checks),
                "checks": [asdict(check) for check in checks],
                "moment": last.moment if last else "",
                "heard_at": last.at if last else None,
                "heard": ago(last.at if last else None),
            }
        )
    return {
        "workspace": app.workspace_id,
        "data": str(app.data),
        "capture": app.environment.capture and app.settings.capture_enabled,
        "policy": app.settings.publish_policy,
        "agents": agents,
        "search": search_line(embeddings=app.settings.inject_embeddings),
        "worker": WorkerLock(app.data).holder(),
        "spool_bytes": Spool(Path(layout.spool_dir(str(app.data)))).pending_bytes(),
        "database_bytes": sum(p.stat().st_size for p in app.data.glob("hivemind.db*")),
        "stored": {"sessions": seen.sessions, "events": seen.events, "transcripts": seen.transcripts},
        "model": model_state(app, seen),
        "skills": seen.skills,
        "offers": seen.offers,
        "withheld": seen.withheld,
        "only_withheld": list(seen.only_withheld),
        "flags": seen.flags,
        "holdout": {
            "enabled": app.settings.holdout_enabled,
            "trial_percent": app.settings.holdout_trial_percent,
            "active_percent": app.settings.holdout_active_percent,
        },
        "new_models": list(seen.new_models),
        "team": team_state(app),
        "problems": seen.problems,
    }
