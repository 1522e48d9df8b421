"""`report`: one page with everything that is known."""

import os
import tempfile
from pathlib import Path

import click

from hivemind.cli.app import App, pass_app
from hivemind.errors import HivemindError


@click.command()
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("hivemind-report.html"),
    show_default=True,
    help="Where to write it; - for standard output.",
)
@pass_app
def report(app: App, *, output: Path) -> None:
    """Write a page with plots: what was learnt, and whether it helps."""
    from hivemind.report import numbers, page

    with app.database() as database, database.read(app.workspace_id) as workspace:
        found = numbers.gather(workspace)
    text = page.render(found)
    if str(output) == "-":
        click.echo(text, nl=False)
        return
    _write(output, text)
    app.note(f"wrote {output}; it is one file that loads nothing: open it, or send it on")
    click.echo(str(output))


def _write(path: Path, text: str) -> None:
    """Write the page whole or not at all; what it tells is for the user only."""
    try:
        fd, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise HivemindError(
            "report-unwritable", f"{path}: {error.strerror or error}", hint="choose another --output"
        ) from error
