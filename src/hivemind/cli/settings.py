"""`config`: show and change settings."""

import re
from collections.abc import MutableMapping
from typing import Any

import click
import tomlkit

from hivemind import config as settings
from hivemind.cli.app import App, OrderedGroup, emit, json_option, pass_app
from hivemind.errors import HivemindError


@click.group(cls=OrderedGroup, invoke_without_command=True)
@json_option
@click.pass_context
def config(context: click.Context, *, as_json: bool) -> None:
    """Show and change settings."""
    if context.invoked_subcommand is not None:
        return
    app = context.ensure_object(App)
    loaded = load(app)
    values = {s.key: getattr(loaded, s.key.replace(".", "_")) for s in settings.SETTINGS}
    if as_json:
        emit(values)
        return
    for s in settings.SETTINGS:
        changed = (
            ""
            if values[s.key] == (tuple(s.default) if isinstance(s.default, list) else s.default)
            else " (changed)"
        )
        app.say(f"{s.key} = {_shown(values[s.key])}{changed}\n    {s.help}")
    app.note(f"set one: hivemind config set KEY VALUE; the file is {settings.config_path(app.data)}")


@config.command()
@click.argument("key")
@pass_app
def get(app: App, *, key: str) -> None:
    """Print one setting."""
    if key not in {s.key for s in settings.SETTINGS}:
        raise HivemindError("config-unknown", f"{key!r} is not a setting", hint="see `hivemind config`")
    app.say(_shown(getattr(load(app), key.replace(".", "_"))))


@config.command("set")
@click.argument("key")
@click.argument("value")
@pass_app
def set_value(app: App, *, key: str, value: str) -> None:
    """Change one setting; a list is given with commas."""
    app.say(f"{key} = {_shown(change(app, key, value))}")


def change(app: App, key: str, value: str) -> Any:
    """Change one setting, given as a text, and have it take effect; give its value."""
    wanted = _typed(key, value)
    settings.check(key, wanted)
    store(app, key, wanted)
    if key.startswith("holdout."):
        from hivemind.cli.holdout import take_effect

        take_effect(app)
    return wanted


def store(app: App, key: str, wanted: Any) -> None:
    """Write one setting that was checked into the settings file, whose other content stays.

    The file may hold values that no setting can have: this is how they are mended.
    """
    _require_readable(app)
    path = settings.config_path(app.data)
    document = tomlkit.parse(path.read_text("utf-8")) if path.exists() else tomlkit.document()
    section, _, name = key.partition(".")
    if section not in document:
        document[section] = tomlkit.table()
    table: Any = document[section]
    if not isinstance(table, MutableMapping):
        raise HivemindError(
            "config-value", f"{path}: {section} = {table!r}", hint=f"make it a section: [{section}]"
        )
    table[name] = wanted
    _write(app, tomlkit.dumps(document))


def load(app: App) -> settings.Settings:
    """Read the settings as the file has them now; an error names the file, and the line as far as known."""
    try:
        return settings.load(app.data)
    except HivemindError as error:
        path = settings.config_path(app.data)
        if str(path) in error.message:
            raise
        line = _line_of(path.read_text("utf-8"), error.message)
        where = f"{path}, line {line}" if line else str(path)
        raise HivemindError(error.slug, f"{where}: {error.message}", hint=error.hint) from error


def _require_readable(app: App) -> None:
    try:
        settings.load(app.data)
    except HivemindError as error:
        if error.slug in ("config-unparseable", "config-unreadable"):
            raise


def _line_of(text: str, message: str) -> int:
    """Give the line of the setting that a message begins with, from 1; 0 where it is not found."""
    key = message.split(" ", 1)[0].strip("'\"")
    section, _, name = key.rpartition(".")
    here = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if heading := re.match(r"\s*\[\s*([^\[\]]+?)\s*\]", line):
            here = heading[1]
        found = re.match(r"\s*([\w.\"'-]+)\s*=", line)
        if found and (found[1] == key if not here else (here, found[1]) == (section, name)):
            return number
    return 0


@config.command()
@pass_app
def path(app: App) -> None:
    """Print the path of the settings file."""
    click.echo(settings.config_path(app.data))


def _write(app: App, text: str) -> None:
    from hivemind.agents.base import FileChange
    from hivemind.agents.editing.files import apply_changes, read_bytes

    target = settings.config_path(app.data)
    app.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    change = FileChange(path=target, before=read_bytes(target), after=text.encode())
    apply_changes([change], backup_dir=app.data / "backups")


def _typed(key: str, value: str) -> Any:
    default = next((s.default for s in settings.SETTINGS if s.key == key), None)
    if isinstance(default, bool) and value.lower() in ("true", "on", "yes", "false", "off", "no"):
        return value.lower() in ("true", "on", "yes")
    if isinstance(default, int) and not isinstance(default, bool) and value.lstrip("-").isdigit():
        return int(value)
    if isinstance(default, float):
        try:
            return float(value)
        except ValueError:
            return value
    if isinstance(default, list):
        return [item.strip() for item in value.split(",") if item.strip()]
    return value


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(value) if isinstance(value, (tuple, list)) else str(value)
