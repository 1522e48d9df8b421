"""`status`: what is wired, what is stored, what was learnt."""

from typing import Any

import click

from hivemind.cli.app import App, emit, json_option, pass_app
from hivemind.cli.text import ago, bytes_text, count


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
    app.say(f"capture {capture}; skills load under policy {state['policy']}; model: none (templates)")
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
    app.say(f"skills: {by_state or 'none yet'}; shown to agents {count(state['exposures'], 'time')}")
    if state["spool_bytes"] and not worker:  # a running worker keeps what it has read for a minute
        app.say(f"spool: {bytes_text(state['spool_bytes'])} waiting for the worker")
    if state["problems"]:
        app.say(f"problems: {state['problems']}; see `hivemind doctor`")
    if not any(agent["wired"] for agent in state["agents"]):
        app.note("Nothing is wired: run `hivemind install`; `hivemind doctor` says what stands in the way.")


def _agent_line(agent: dict[str, Any]) -> str:
    if not agent["wired"]:
        missing = "; ".join(
            f"{c['name']}: {c['detail'] or 'missing'}" for c in agent["checks"] if not c["ok"]
        )
        return f"{agent['title']}: found, not wired ({missing})"
    heard = (
        f"hook last fired {agent['heard']} ({agent['moment']})"
        if agent["moment"]
        else "its hook has not fired yet"
    )
    return f"{agent['title']}: wired; {heard}"


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
        "worker": WorkerLock(app.data).holder(),
        "spool_bytes": Spool(Path(layout.spool_dir(str(app.data)))).pending_bytes(),
        "database_bytes": sum(p.stat().st_size for p in app.data.glob("hivemind.db*")),
        "stored": {"sessions": seen.sessions, "events": seen.events, "transcripts": seen.transcripts},
        "skills": seen.skills,
        "exposures": seen.exposures,
        "problems": seen.problems,
    }
