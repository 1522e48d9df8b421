"""`redact`: show what the redaction rules find in a file, or print it without its secrets."""

from collections import Counter
from pathlib import Path

import click

from hivemind.cli.app import App, emit, json_option, pass_app
from hivemind.cli.text import count, one_line
from hivemind.errors import HivemindError

#: A larger file is refused, in bytes.
MAX_BYTES = 256 << 20
_MOST_LINES = 200


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--test", is_flag=True, help="Show what is found, and where, instead of the text.")
@json_option
@pass_app
def redact(app: App, *, file: Path, test: bool, as_json: bool) -> None:
    """Print a file without its secrets.

    With --test, list each finding by line and rule instead. A secret itself is never printed. Your own rules
    in redaction.toml, in Hivemind's folder, count too.
    """
    from hivemind.capture.redaction import Redactor
    from hivemind.capture.redaction.user_rules import user_rules

    if file.stat().st_size > MAX_BYTES:
        raise HivemindError(
            "redaction-size",
            f"{file} is larger than {MAX_BYTES} bytes",
            hint="split the file and try its parts",
        )
    redactor = Redactor(extra_rules=user_rules(app.data))
    lines = file.read_bytes().decode("utf-8", "replace").splitlines(keepends=True)
    redacted = redactor.redact("".join(lines))
    if not (test or as_json):
        app.verbatim(redacted.text)
        return
    findings = redactor.findings("".join(lines))
    starts, rows, number = [0], [], 0
    for line in lines:
        starts.append(starts[-1] + len(line))
    for found in findings:
        while starts[number + 1] <= found.start:
            number += 1
        rows.append({"line": number + 1, "rule": found.rule, "characters": found.end - found.start})
    if as_json:
        emit({"findings": rows, "count": redacted.count})
        return
    for row in rows[:_MOST_LINES]:
        shown = redactor.redact(lines[int(str(row["line"])) - 1]).text
        app.say(f"line {row['line']}: {row['rule']}: {one_line(shown, 100)}")
    if len(rows) > _MOST_LINES:
        app.say(f"… and {len(rows) - _MOST_LINES} more; --json lists all")
    by_rule = ", ".join(f"{n} {rule}" for rule, n in Counter(str(r["rule"]) for r in rows).most_common())
    app.say(f"{count(redacted.count, 'secret')} would be replaced" + (f": {by_rule}" if by_rule else ""))
