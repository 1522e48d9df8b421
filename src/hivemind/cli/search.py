"""`search`: over sessions and skills."""

from dataclasses import asdict

import click

from hivemind.cli.app import App, emit, json_option, pass_app
from hivemind.cli.text import one_line


@click.command()
@click.argument("query")
@click.option(
    "--limit", default=10, show_default=True, type=click.IntRange(1, 200), help="Hits at most, of each kind."
)
@json_option
@pass_app
def search(app: App, *, query: str, limit: int, as_json: bool) -> None:
    """Search sessions and skills.

    Words are matched in what was asked, said, run and printed; the most telling hits come first.
    """
    from hivemind.store import search as store
    from hivemind.store import sessions, skills

    with app.database() as database, database.read(app.workspace_id) as workspace:
        hits = store.search_events(workspace, query, limit=limit)
        ids = {hit.session_id: sessions.short_id(workspace, hit.session_id) for hit in hits}
        found = [
            skills.by_id(workspace, skill_id)
            for skill_id in store.search_skills(workspace, query, limit=limit)
        ]
    if as_json:
        emit({"skills": [asdict(s) for s in found], "events": [asdict(h) for h in hits]})
        return
    if not hits and not found:
        app.say(f"Nothing stored matches “{one_line(query, 80)}”.")
        return
    for s in found:
        app.say(f"skill  {s.name} ({s.state.value}): {one_line(s.description, 100)}")
    for h in hits:
        tool = f" {h.tool_name}" if h.tool_name else ""
        app.say(f"{ids[h.session_id]} #{h.seq} {h.at[:10]} {h.kind}{tool}: {around(h.text, query)}")
    if hits:
        app.note("Read one: hivemind sessions show ID")


def around(text: str, query: str, *, limit: int = 140) -> str:
    """Give the part of a text where the first word of the query stands, on one line."""
    lower = text.lower()
    places = [lower.find(word.lower()) for word in query.split()]
    first = min((place for place in places if place >= 0), default=0)
    start = max(0, first - limit // 3)
    return ("…" if start else "") + one_line(text[start : start + 2 * limit], limit)
