"""`holdout`: what is withheld from some sessions to learn whether it helps, and the switch for it."""

from typing import Any

import click

from hivemind.cli.app import App, OrderedGroup, emit, json_option, pass_app
from hivemind.cli.text import count
from hivemind.errors import HivemindError

KEY = "holdout.enabled"


@click.group(cls=OrderedGroup, invoke_without_command=True)
@json_option
@click.pass_context
def holdout(context: click.Context, *, as_json: bool) -> None:
    """Show what is withheld from some sessions, or stop it."""
    if context.invoked_subcommand is not None:
        return
    app = context.ensure_object(App)
    state = gather(app)
    if as_json:
        emit(state)
        return
    if not state["enabled"]:
        app.say("nothing is withheld (holdout.enabled = false); `hivemind holdout on` starts it again")
    else:
        app.say(
            f"on trial: withheld from {state['trial_percent']} % of sessions; "
            f"active: from {state['active_percent']} %; "
            f"with a model that is new here: from {state['new_model_percent']} %; "
            "`hivemind holdout off` stops it"
        )
    skills = state["skills"]
    if not skills:
        app.say("no skill is on trial or active yet")
        return
    app.table(
        ["skill", "state", "withheld", "given", "without"],
        [
            [
                s["name"],
                s["state"],
                _percent(s["share"]),
                str(s["sessions_given"]),
                str(s["sessions_withheld"]),
            ]
            for s in skills
        ],
        shrink="skill",
        numbers="withheld given without",
    )
    app.note("given, without: sessions in which the skill fitted a prompt, and had it or did not")
    for line in sorted({reason for skill in skills for reason in skill["reasons"]}):
        app.say(line)


@holdout.command()
@pass_app
def off(app: App) -> None:
    """Give every skill to every session from now on."""
    _switch(app, on=False)


@holdout.command()
@pass_app
def on(app: App) -> None:
    """Withhold skills from some sessions again."""
    _switch(app, on=True)


def gather(app: App) -> dict[str, Any]:
    """Collect the settings, and of each live skill what is withheld and what came of it."""
    from hivemind.cli.settings import load
    from hivemind.evaluation import holdouts

    settings = load(app)
    skills: list[dict[str, Any]] = []
    if app.database_path.exists():
        with app.database() as database, database.read(app.workspace_id) as workspace:
            skills = [
                {
                    "skill_id": one.skill_id,
                    "name": one.name,
                    "state": one.state.value,
                    "share": one.share,
                    "reason": one.reason,
                    "by_model": one.by_model,
                    "reasons": list(one.reasons),
                    "sessions_given": one.sessions_given,
                    "sessions_withheld": one.sessions_withheld,
                }
                for one in holdouts.standings(workspace)
            ]
    return {
        "enabled": settings.holdout_enabled,
        "trial_percent": settings.holdout_trial_percent,
        "active_percent": settings.holdout_active_percent,
        "new_model_percent": settings.holdout_new_model_percent,
        "skills": skills,
    }


def _switch(app: App, *, on: bool) -> None:
    from hivemind.cli.settings import store

    store(app, KEY, on)
    withheld = take_effect(app)
    if on:
        app.say(f"{count(withheld, 'skill')} withheld from some sessions, to learn whether they help")
    else:
        app.say("every skill is given to every session, from the next prompt on")


def take_effect(app: App) -> int:
    """Set the shares by the settings that were just written; give how many skills are withheld from some."""
    from hivemind.cli.settings import load
    from hivemind.evaluation import holdouts, refresh
    from hivemind.library import held_back
    from hivemind.worker import learn

    try:
        settings = load(app)
    except HivemindError as error:  # another setting is wrong: this one was stored all the same
        app.note(f"stored, but it has no effect yet: {error.message}; {error.hint}")
        return 0
    if not app.database_path.exists():
        return 0
    with app.database() as database:
        if not settings.holdout_enabled:
            held_back.clear(database.path)
        with database.write(app.workspace_id) as workspace:
            refresh.set_shares(workspace, learn.shares(settings))
            withheld = sum(one.share > 0 for one in holdouts.standings(workspace))
        app.publish(database)
    return withheld


def _percent(share: float) -> str:
    return f"{share * 100:.3g} %" if share else "no"
