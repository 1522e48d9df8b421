"""`report`: one page with everything that is known."""

import os
import tempfile
from pathlib import Path

import click

from hivemind.cli.app import App, emit, json_option, pass_app
from hivemind.errors import HivemindError


@click.command()
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write it; - for standard output.  [default: hivemind-report.html]",
)
@json_option
@pass_app
def report(app: App, *, output: Path | None, as_json: bool) -> None:
    """Write a page with plots: what was learnt, and whether it helps.

    With --json its numbers are printed, and no page is written.
    """
    from hivemind.report import document, numbers

    if as_json and output is not None:
        raise click.UsageError("--json prints the numbers; --output is for the page")
    with app.database() as database, database.read(app.workspace_id) as workspace:
        found = numbers.gather(workspace)
    if as_json:
        emit(document.of_numbers(found))
        return
    keep_matplotlib_in(app.data)
    from hivemind.report import page

    text = page.render(found)
    output = output or Path("hivemind-report.html")
    if str(output) == "-":
        click.echo(text, nl=False)
        return
    write_whole(output, text.encode())
    app.note(f"wrote {output}; it is one file that loads nothing: open it, or send it on")
    click.echo(str(output))


def keep_matplotlib_in(data: Path) -> None:
    """Give matplotlib's cache of fonts a place in our folder; must come before matplotlib is imported."""
    # By itself it makes folders in the user's home for settings and cache, which nobody would take away.
    os.environ.setdefault("MPLCONFIGDIR", str(data / "cache" / "matplotlib"))


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; what it tells is for the user only."""
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)  # a pipe, or /dev/null, which must stay what it is
            return
        fd, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(content)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise HivemindError(
            "report-unwritable", f"{path}: {error.strerror or error}", hint="choose another place for it"
        ) from error
