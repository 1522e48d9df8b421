"""`skills check`: run the gates on files that anyone may have written, for a person or for CI."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hivemind.cli.app import App, emit, json_option, pass_app
from hivemind.cli.text import count, laid_out
from hivemind.errors import HivemindError

if TYPE_CHECKING:
    from hivemind.domain.skills import Finding
    from hivemind.library.skill_folders import Problem

_SEVERITY = {True: "refuse", False: "warn"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    severity: str
    file: str
    line: int | None  #: of the file, from 1; none where a field of the frontmatter or the whole file is meant
    gate: str
    message: str


@click.command()
@click.argument("path", type=click.Path(exists=True))
@click.option("--strict", is_flag=True, help="Fail on warnings too.")
@json_option
@pass_app
def check(app: App, *, path: str, strict: bool, as_json: bool) -> None:
    """Run the gates on a SKILL.md, or on all below a folder.

    The scripts that lie beside a skill are judged, too.

    Exits 1 where one is refused.
    """
    _ = app.environment  # whose rules of secrets count, too
    results = _results(Path(path))
    refused = {file: any(row.severity == "refuse" for row in rows) for file, rows in results.items()}
    if as_json:
        emit(
            [
                {"path": file, "ok": not refused[file], "findings": [_plain(row) for row in rows]}
                for file, rows in results.items()
            ]
        )
    else:
        _tell(app, results, refused=refused)
    if any(refused.values()) or (strict and any(results.values())):
        raise click.exceptions.Exit(1)


def _results(path: Path) -> dict[str, list[_Row]]:
    from hivemind.library import skill_folders

    if path.is_file():
        return {str(path): list(_judged(path.resolve()))}  # what a person names may be a link
    files, problems = skill_folders.skill_files(path)
    if not files:
        raise HivemindError(
            "no-skill-files", f"no SKILL.md is below {path}", hint="name a SKILL.md or its folder"
        )
    results = {str(file): [*_judged(file), *_beside(file)] for file in files}
    for problem in problems:
        results.setdefault(str(problem.path), []).append(_problem(problem))
    return dict(sorted(results.items()))


def _judged(file: Path) -> Iterator[_Row]:
    """Judge a SKILL.md; one that cannot be parsed is refused for that, and its text judged all the same."""
    from hivemind.library import document, gates, lenient, skill_folders

    data = skill_folders.read(file)
    if isinstance(data, skill_folders.Problem):
        yield _problem(data)
        return
    try:
        text = data.decode()
    except UnicodeDecodeError:
        yield _Row(severity="refuse", file=file.name, line=None, gate="spec", message="it is not UTF-8 text")
        return
    try:
        read = lenient.read(text, folder=file.parent.name)
    except HivemindError as error:
        yield _Row(severity="refuse", file=file.name, line=None, gate="spec", message=str(error))
        if len(text) <= document.MAX_CHARACTERS:
            for finding in gates.check_text(text, where="the file"):
                yield _row(finding, file=file.name, line=finding.line)
        return
    skill = read.parsed.document
    context = gates.GateContext(person_authored=True, unknown_keys=read.parsed.unknown_keys)
    # Without the sessions that a skill was learnt from there is nothing to ground it in.
    found = [finding for finding in gates.check(skill, context) if finding.gate != "grounding"]
    before_body = text.count("\n") - skill.body.count("\n") - text.endswith("\n")
    for finding in (*read.notes, *found):
        line = finding.line + before_body if finding.line else None
        yield _row(finding, file=file.name, line=line)


def _beside(file: Path) -> Iterator[_Row]:
    from hivemind.library import gates, skill_folders

    texts, problems = skill_folders.bundled(file.parent)
    named = ((str(path.relative_to(file.parent)), text) for path, text in texts)
    for where, finding in gates.check_beside(named):
        yield _row(finding, file=where, line=finding.line)
    yield from map(_problem, problems)


def _row(finding: "Finding", *, file: str, line: int | None) -> _Row:
    return _Row(
        severity=_SEVERITY[finding.blocking],
        file=file,
        line=line,
        gate=finding.gate,
        message=finding.message,
    )


def _problem(problem: "Problem") -> _Row:
    return _Row(
        severity=_SEVERITY[problem.blocking],
        file=problem.path.name,
        line=None,
        gate="spec",
        message=problem.message,
    )


def _plain(row: _Row) -> dict[str, object]:
    return {name: getattr(row, name) for name in ("severity", "gate", "file", "line", "message")}


def _tell(app: App, results: dict[str, list[_Row]], *, refused: dict[str, bool]) -> None:
    for path, rows in results.items():
        app.say(f"{'refused' if refused[path] else 'ok     '} {path}")
        cells = [
            [row.severity, f"{row.file}:{row.line or ''}".rstrip(":"), row.gate, row.message] for row in rows
        ]
        for line in laid_out(cells, width=None, shrink=len(cells)) if cells else ():
            app.say(f"        {line}")
    warned = sum(1 for path, rows in results.items() if rows and not refused[path])
    app.say(f"{count(len(results), 'skill')}: {sum(refused.values())} refused, {warned} with warnings")
