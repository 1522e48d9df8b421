"""`traces`: how programs send theirs, and their events, and what came in."""

from typing import Any

import click

from hivemind.cli.app import App, emit, json_option, pass_app


@click.command()
@json_option
@pass_app
def traces(app: App, *, as_json: bool) -> None:
    """Show how programs send their traces and events, and what came in.

    Programs that are instrumented with OpenTelemetry send to the worker of this machine once `otlp.listen` is
    set, and need the token that is shown here.
    """
    from hivemind import config
    from hivemind.worker.traces import address_of, token_of

    settings = config.load(app.data)
    told: dict[str, Any] = {"listen": settings.otlp_listen, "sessions": 0, "unmapped": []}
    if settings.otlp_listen:
        host, port = address_of(settings.otlp_listen)
        shown = f"[{host}]" if ":" in host else host
        told["environment"] = {
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"http://{shown}:{port}/v1/traces",
            "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": f"http://{shown}:{port}/v1/logs",
            "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer%20{token_of(app.data)}",
        }
    # Where to send is asked before anything came in.
    if app.database_path.exists():
        told |= _came_in(app)
    if as_json:
        emit(told)
        return
    if not settings.otlp_listen:
        click.echo("No traces are taken in. To begin:\n")
        click.echo("  hivemind config set otlp.listen 127.0.0.1:4318\n  hivemind worker &\n  hivemind traces")
    for name, value in told.get("environment", {}).items():
        click.echo(f"export {name}={value}")
    click.echo(f"\n{told['sessions']} sessions came in as traces.")
    for one in told["unmapped"]:
        click.echo(f"{one['count']:>8} {one['message']}")


def _came_in(app: App) -> dict[str, Any]:
    from hivemind.otlp.conversation import AGENT
    from hivemind.otlp.storing import UNMAPPED
    from hivemind.store import late, problems

    with app.database() as database, database.read(app.workspace_id) as workspace:
        unmapped = [row for row in problems.recent(workspace, limit=200) if row.slug == UNMAPPED]
        return {
            "sessions": late.sessions_of(workspace, AGENT),
            "unmapped": [{"count": row.count, "message": row.message} for row in unmapped],
        }
