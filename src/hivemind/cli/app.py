"""What every verb needs: the environment, the database, output."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from hivemind import config
from hivemind.capture import boundary, layout
from hivemind.cli.text import laid_out, printable, wrapped
from hivemind.errors import HivemindError

if TYPE_CHECKING:
    from rich.console import Console

    from hivemind.agents.base import Machine, Wiring
    from hivemind.store.database import Database


F = TypeVar("F", bound=Callable[..., Any])


class App:
    """Build the objects a verb works with; the only place of the command line that reads the environment."""

    @cached_property
    def environment(self) -> config.Environment:
        """Give what the environment decides."""
        found = config.environment(dict(os.environ))
        boundary.use_rules_of(found.data)
        return found

    @cached_property
    def settings(self) -> config.Settings:
        """Give the user's settings."""
        return config.load(self.environment.data)

    @property
    def team_settings(self) -> config.Settings:
        """Give the settings of a team's server: where nothing else is set, a person approves each skill."""
        return config.for_team(self.data)

    @property
    def data(self) -> Path:
        """Give Hivemind's own folder."""
        return self.environment.data

    @property
    def workspace_id(self) -> str:
        """Give the workspace that the environment routes to."""
        return self.environment.workspace_id

    @property
    def database_path(self) -> Path:
        """Give the path of the embedded database."""
        return Path(layout.database(str(self.data)))

    @cached_property
    def machine(self) -> "Machine":
        """Describe this machine for agents' adapters."""
        from hivemind.agents.base import Machine

        return Machine(home=self.environment.home, data_dir=self.data, env=self.environment.variables)

    @cached_property
    def wiring(self) -> "Wiring":
        """Name the commands that agents' files call."""
        from hivemind.agents.base import Wiring
        from hivemind.capture import hook

        return Wiring(python=sys.executable, hook_file=Path(hook.__file__).resolve(), data_dir=self.data)

    @contextmanager
    def database(self, *, must_exist: bool = True) -> Iterator["Database"]:
        """Open the database; where nothing has been stored yet, say so unless it may be made."""
        from hivemind.store.database import open_database

        if must_exist and not self.database_path.exists():
            raise HivemindError(
                "nothing-stored",
                f"nothing has been stored yet in {self.data}",
                hint="run `hivemind install` and use your agent, or `hivemind backfill` for what is on disk",
            )
        database = open_database(self.database_path)
        try:
            yield database
        finally:
            database.close()

    def copy_database(self, folder: Path) -> Path:
        """Copy the database as it is now into a folder."""
        import sqlite3
        from contextlib import closing

        from hivemind.store.database import read_only_uri

        with self.database() as opened:
            path = opened.path
        target = folder / path.name
        target.touch(mode=0o600)
        with (
            closing(sqlite3.connect(read_only_uri(path), uri=True)) as source,
            closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)
        return target

    @cached_property
    def console(self) -> "Console":
        """Give the console for results."""
        from rich.console import Console

        # Into a file or a pipe a table gets the room it needs; a terminal says how wide it is.
        return Console(highlight=False, emoji=False, width=None if sys.stdout.isatty() else 180)

    @cached_property
    def notes(self) -> "Console":
        """Give the console for progress and notes, on stderr."""
        from rich.console import Console

        return Console(stderr=True, highlight=False, emoji=False)

    def person(self) -> str:
        """Name who decides, for the ledger."""
        return f"person:{config.user_name()}"

    def publish(self, database: "Database") -> None:
        """Bring the skill files in projects in line with the library, and say what was left alone."""
        from hivemind.agents.editing.receipts import wired_agents
        from hivemind.agents.registry import agents
        from hivemind.library import publish

        wired = wired_agents(self.data)

        report = publish.publish(
            database,
            agents=[agent for agent in agents() if agent.name in wired],
            workspace_id=self.workspace_id,
            max_per_project=self.settings.publish_max_per_project,
            home=self.environment.home,
            person=self.person(),
        )
        for name in report.edited:
            self.note(f"{name}: your edit of its file is now its newest version")
        for name in report.deleted:
            self.note(f"{name}: its file was deleted, so it is retired; undo: hivemind skills undo {name}")
        for problem in report.problems:
            self.note(f"left alone {problem.path}: {problem.message}")

    def table(
        self, heads: Sequence[str], rows: Sequence[Sequence[str]], *, shrink: str = "", numbers: str = ""
    ) -> None:
        """Print a table; on a narrow terminal the column `shrink` gives way, in a pipe nothing does.

        `numbers` names the columns that are flush right, with spaces between.
        """
        from rich.text import Text

        width = self.console.width if self.console.is_terminal else None
        right = {place for place, head in enumerate(heads) if head in numbers.split()}
        lines = laid_out([heads, *rows], width=width, shrink=[*heads, shrink].index(shrink), right=right)
        for number, line in enumerate(lines):
            self.console.print(Text(line, style="bold" if number == 0 else ""), soft_wrap=True)

    def say(self, text: str = "") -> None:
        """Print text that may come from a transcript: no markup, no control characters, wrapped."""
        self._put(self.console, text)

    def verbatim(self, text: str) -> None:
        """Print text that is to be copied: no control characters, its lines as they are."""
        self.console.print(printable(text), markup=False, soft_wrap=True)

    def note(self, text: str) -> None:
        """Print a note on stderr."""
        self._put(self.notes, text)

    def _put(self, console: "Console", text: str) -> None:
        text = printable(text)
        shown = wrapped(text, console.width) if console.is_terminal else text
        console.print(shown, markup=False, soft_wrap=True)


class OrderedGroup(click.Group):
    """List commands in the order in which they were written."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Give the names in order."""
        return list(self.commands)


def emit(value: Any) -> None:
    """Print one JSON document on stdout."""
    click.echo(json.dumps(value, ensure_ascii=False, default=_plain, indent=2))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if hasattr(value, "_mapping"):
        return dict(value._mapping)
    return str(value)


def json_option(function: F) -> F:
    """Add `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)


pass_app = click.make_pass_decorator(App, ensure=True)
