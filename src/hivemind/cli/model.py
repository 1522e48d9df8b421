"""`model`: who words skills, what it cost, and whether it works."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from hivemind import config
from hivemind.cli.app import App, OrderedGroup, emit, json_option, pass_app
from hivemind.cli.text import ago, count, one_line
from hivemind.errors import HivemindError

if TYPE_CHECKING:
    from hivemind.llm.ledger import Ledger
    from hivemind.store.database import Database

_TEST = "This is a test."


@click.group(cls=OrderedGroup)
def model() -> None:
    """Show who words skills, what it cost, and try it."""


@model.command()
@json_option
@pass_app
def show(app: App, *, as_json: bool) -> None:
    """Show the model, the day's cap and what is left of it."""
    from hivemind.cli.status import model_lines, model_state
    from hivemind.store.glance import glance

    state = model_state(app, glance(app.database_path, app.workspace_id))
    if as_json:
        emit(state)
        return
    for line in model_lines(state):
        app.say(line)


@model.command()
@click.option("--limit", default=20, type=click.IntRange(1, 1000), show_default=True, help="Calls at most.")
@json_option
@pass_app
def ledger(app: App, *, limit: int, as_json: bool) -> None:
    """List the calls that were made, the latest first."""
    from hivemind.store import model_calls

    with app.database() as database, database.read(app.workspace_id) as workspace:
        calls = [dict(row._mapping) for row in model_calls.recent(workspace, limit=limit)]
    if as_json:
        emit(calls)
        return
    if not calls:
        app.say("no model was ever asked")
        return
    heads = ("when", "what for", "model", "in", "out", "$", "s", "status", "detail")
    app.table(heads, [_row(call) for call in calls], shrink="detail", numbers="in out $ s")


@model.command()
@json_option
@pass_app
def test(app: App, *, as_json: bool) -> None:
    """Ask the model one short question; it counts against the day's cap."""
    from hivemind.llm.base import Question
    from hivemind.llm.ledger import Purpose

    question = Question(
        instructions='Answer with the JSON object {"answer": "ok"} and nothing else.',
        material=_TEST,
        fields=("answer",),
        expected_output_tokens=20,
    )
    with app.database(must_exist=False) as database:
        asked = _ledger(app, database).ask(question, Purpose(name="test"))
        if asked.answer is not None:
            _settle(app, database, asked.call_id)
    if asked.answer is None:
        raise HivemindError(
            "model-failed",
            f"the model gave no answer: {asked.refused or asked.status}"
            + (f": {asked.detail}" if asked.detail else ""),
            hint="see `hivemind model show`; skills are written from templates meanwhile",
        )
    spent = asked.answer.spent
    state = {
        "answer": asked.answer.text,
        "model": spent.model,
        "input_tokens": spent.input_tokens,
        "output_tokens": spent.output_tokens,
        "cost_usd": spent.cost_usd,
    }
    if as_json:
        emit(state)
        return
    cost = "" if spent.cost_usd is None else f", ${spent.cost_usd:.4f}"
    app.say(f"{one_line(asked.answer.text, 80)}")
    app.say(f"{spent.model or 'it'} read {spent.input_tokens} tokens and wrote {spent.output_tokens}{cost}")


def word(app: App, database: "Database", *, progress: Callable[[int, int], None]) -> None:
    """Have the model, if there is one, word the skills that it was not asked about; say what came of it."""
    from hivemind.distill import reword
    from hivemind.llm.choose import choose

    chosen = choose(app.settings, variables=app.environment.variables, data=app.data)
    if chosen.model is None:
        if chosen.problem:
            app.note(f"no model words skills: {chosen.problem}")
        return
    with database.read(app.workspace_id) as workspace:
        waiting = reword.pending(workspace)
    number = iter(range(1, len(waiting) + 1))
    done = reword.reword(
        _ledger(app, database),
        waiting,
        author=config.user_name(),
        progress=lambda _: progress(next(number), len(waiting)),
    )
    for one in done:
        app.note(f"{chosen.label} on {one.name}: {one.status}{': ' + one.detail if one.detail else ''}")


def bill(app: App, database: "Database") -> dict[str, Any]:
    """Predict what wording the skills of a database would take, with the model that is set or with any."""
    from hivemind.distill import reword
    from hivemind.domain.events import Usage
    from hivemind.domain.prices import cost_usd
    from hivemind.llm import choose
    from hivemind.llm.ledger import estimate
    from hivemind.store import model_calls

    chosen = choose.choose(app.settings, variables=app.environment.variables, data=app.data)
    with database.read(app.workspace_id) as workspace:
        sizes = [estimate(one.question, chosen.model) for one in reword.pending(workspace)]
        today = model_calls.today(workspace)
    asked, said = sum(size[0] for size in sizes), sum(size[1] for size in sizes)
    usage = Usage(message_id="", input_tokens=asked, output_tokens=said)
    cap = choose.cap(app.settings)
    return {
        "kind": chosen.kind,
        "label": chosen.label,
        "calls": len(sizes),
        "input_tokens": asked,
        "output_tokens": said,
        "cost_usd": cost_usd(chosen.model.name, usage) if chosen.model else None,
        "calls_left_today": max(0, cap.calls - today.calls),
        "usd_left_today": round(max(0.0, cap.usd - today.cost_usd), 6),
    }


def bill_lines(bill: dict[str, Any]) -> list[str]:
    """Word a bill."""
    tokens = f"about {bill['input_tokens']:,} tokens in and {bill['output_tokens']:,} out"
    if bill["kind"] == "none":
        return [f"model: none, so no call; with one it would be {count(bill['calls'], 'call')}, {tokens}"]
    price = "price not known" if bill["cost_usd"] is None else f"about ${bill['cost_usd']:.2f}"
    return [
        f"model: {bill['label']}: {count(bill['calls'], 'call')}, {tokens}, {price}",
        f"left today: {count(bill['calls_left_today'], 'call')}, ${bill['usd_left_today']:.2f}",
    ]


def _ledger(app: App, database: "Database") -> "Ledger":
    from hivemind.capture import boundary
    from hivemind.llm import choose
    from hivemind.llm.ledger import Ledger

    chosen = choose.choose(app.settings, variables=app.environment.variables, data=app.data)
    if chosen.model is None:
        raise HivemindError(
            "model-none",
            f"no model is set up: {chosen.problem or 'model.kind is none'}",
            hint=f"for one of your agents: {choose.HOW_TO}; others: docs/models.md",
        )
    return Ledger(
        database,
        app.workspace_id,
        model=chosen.model,
        cap=choose.cap(app.settings),
        redactor=boundary.redactor(),
    )


def _settle(app: App, database: "Database", call_id: str) -> None:
    from hivemind.domain.model_calls import CallStatus
    from hivemind.store import model_calls

    with database.write(app.workspace_id) as workspace:
        model_calls.settle(workspace, call_id, status=CallStatus.USED)


def _row(call: dict[str, Any]) -> tuple[str, ...]:
    cost, took = call["cost_usd"], call["duration_ms"]
    return (
        ago(call["at"]),
        call["skill"] or call["purpose"],
        f"{call['kind']} {call['model'] or call['asked_model']}".rstrip(),
        str(call["input_tokens"] if call["input_tokens"] is not None else ""),
        str(call["output_tokens"] if call["output_tokens"] is not None else ""),
        "" if cost is None else f"{cost:.4f}",
        "" if took is None else f"{took / 1000:.1f}",
        call["status"],
        one_line(call["detail"], 80),
    )
