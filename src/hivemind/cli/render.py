"""`render`: the block of skills for a model that has neither tools nor skills."""

from typing import Any

import click

from hivemind.cli.app import App, emit, json_option, pass_app

#: Said in place of the program's own instructions, and of what is asked.
_RULES = "(your instructions)"


@click.command()
@click.option("--for", "prompt", required=True, metavar="PROMPT", help="What the model is asked.")
@click.option(
    "--format",
    "style",
    type=click.Choice(["markdown", "xml", "text"]),
    default="markdown",
    show_default=True,
    help="How the block is written.",
)
@click.option(
    "--budget-tokens",
    default=1500,
    show_default=True,
    type=click.IntRange(1, 20_000),
    help="Tokens of the block at most.",
)
@click.option("--k", default=2, show_default=True, type=click.IntRange(1, 20), help="Skills at most.")
@click.option("--project", default="", help="The project: its name or remote; else the folder you are in.")
@click.option(
    "--wire",
    type=click.Choice(["openai", "anthropic", "gemini"]),
    help="Print the request's messages with the block in its place.",
)
@json_option
@pass_app
def render(
    app: App,  # noqa: ARG001 - every verb has it
    *,
    prompt: str,
    style: str,
    budget_tokens: int,
    k: int,
    project: str,
    wire: str | None,
    as_json: bool,
) -> None:
    """Print the skills for a prompt as a block for a system prompt.

    Nothing is printed where no skill fits. Programs get the same from `hivemind.skills_for`.
    """
    from hivemind.api import skills_for

    found = skills_for(
        prompt,
        format=style,  # type: ignore[arg-type]
        budget_tokens=budget_tokens,
        k=k,
        project=project or None,
        deadline_s=5.0,
        strict=True,
    )
    if wire:
        emit(request_of(wire, prompt, found.block))
        return
    if as_json:
        skills = [
            {"name": s.name, "version": s.version, "confidence": s.confidence, "form": s.form} for s in found
        ]
        emit({"block": found.block, "format": style, "skills": skills})
    elif found:
        click.echo(found.block)


def request_of(wire: str, prompt: str, block: str) -> dict[str, Any]:
    """Write the messages of a request, with the block behind the program's own instructions."""
    rules = f"{_RULES}\n\n{block}" if block else _RULES
    match wire:
        case "anthropic":
            return {"system": rules, "messages": [{"role": "user", "content": prompt}]}
        case "gemini":
            return {
                "systemInstruction": {"parts": [{"text": rules}]},
                "contents": [{"role": "user", "parts": [{"text": prompt}]}],
            }
        case _:
            return {"messages": [{"role": "system", "content": rules}, {"role": "user", "content": prompt}]}
