"""The command tree; each verb's module is imported when the verb is used, so that `--help` is quick."""

from importlib import import_module

import click

from hivemind import __version__
from hivemind.agents import registry

#: Verb → (module, attribute, one line of help). A test compares the line with the command's own.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "demo": ("demo", "demo", "Show the whole loop on recorded sessions; leaves nothing behind."),
    "scan": ("scan", "scan", "Show what is in the sessions on this disk; stores nothing."),
    "install": ("wiring", "install", "Wire the agents found on this machine."),
    "uninstall": ("wiring", "uninstall", "Take the wiring out again, byte for byte."),
    "status": ("status", "status", "Show what is wired, what is stored and what was learnt."),
    "doctor": ("doctor", "doctor", "Prove the wiring end to end and say how to mend it."),
    "backfill": ("backfill", "backfill", "Store the sessions that are already on this disk."),
    "skillify": ("skillify", "skillify", "Mine now, and show scope and state."),
    "model": ("model", "model", "Show who words skills, what it cost, and try it."),
    "models": ("models", "models", "Show what each skill does with each model."),
    "report": ("report", "report", "Write a page with plots: what was learnt, and whether it helps."),
    "holdout": ("holdout", "holdout", "Show what is withheld from some sessions, or stop it."),
    "skills": ("skills", "skills", "List, show, edit and decide on skills."),
    "review": ("review", "review", "Decide on the skills that wait for you, one after the other."),
    "ui": ("ui", "ui", "Open the pages: review, skills, sessions, models, settings."),
    "import": ("finetune_import", "import_data", "Take fine-tuning data in as evidence for candidates."),
    "export": ("finetune_export", "export", "Write graded work as files to train a model with."),
    "search": ("search", "search", "Search past work and skills in plain words."),
    "explain": ("explain", "explain", "Show which skills a prompt would be given, and why."),
    "render": (
        "render",
        "render",
        "Print the skills for a prompt as a block for a system prompt.",
    ),
    "traces": ("traces", "traces", "Show how programs send their traces and events, and what came in."),
    "sessions": ("sessions", "sessions", "List, show and delete stored sessions."),
    "outcome": ("outcome", "outcome", "Say how a session's work turned out."),
    "redact": ("redact", "redact", "Print a file without its secrets."),
    "sql": ("sql", "sql", "Query the database with plain SQL, read-only."),
    "config": ("settings", "config", "Show and change settings."),
    "worker": ("service", "worker", "Run the background worker in the foreground."),
    "login": ("login", "login", "Join a team's server with this machine."),
    "logout": ("login", "logout", "Leave the team's server; what is stored here stays."),
    "sync": ("sync", "sync", "Send what goes to the team and take its skills, or show it first."),
    "project": ("projects", "project", "Show what is captured of each project, and what the team gets."),
    "serve": ("serve", "serve", "Serve a team: sessions come in, skills go out."),
    "server": ("server", "server", "Let people into a team's server, or keep them out."),
    "mcp": ("service", "mcp", "Serve skills and sessions over MCP on stdio."),
}


class LazyGroup(click.Group):
    """Load commands on use, and list them without loading any."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Give the verbs in the order of use."""
        return [*COMMANDS, *registry.NAMES]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Load one verb."""
        if cmd_name in registry.NAMES:
            group: click.Command = import_module("hivemind.cli.wiring").agent_group(cmd_name)
            return group
        found = COMMANDS.get(cmd_name)
        if found is None:
            return None
        command: click.Command = getattr(import_module(f"hivemind.cli.{found[0]}"), found[1])
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of verbs."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in COMMANDS.items()])
        with formatter.section("Agents"):
            formatter.write_dl(
                [(", ".join(registry.NAMES), "`install` or `uninstall` behind it wires that one alone.")]
            )


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="hivemind")
def hivemind() -> None:
    """Make agents improve without fine-tuning.

    Hivemind reads what your coding agents did, learns what worked, and gives the next session the few skills
    it needs. Nothing leaves this machine unless you say so. Start with `hivemind scan`, then
    `hivemind install`.
    """
