"""`server`: what its operator does, straight on the database."""

from datetime import UTC, datetime, timedelta

import click

from hivemind.cli.app import App, OrderedGroup, emit, json_option, pass_app
from hivemind.cli.team import database_option, team_workspace
from hivemind.domain.accounts import Member, Role, Token, TokenKind

_ROLES = click.Choice([role.value for role in Role])
_workspace = click.option("--workspace", default="", help="Of which workspace, where there are several.")


@click.group(cls=OrderedGroup)
def server() -> None:
    """Let people into a team's server, or keep them out."""


@server.command()
@click.option("--role", type=_ROLES, default=Role.WRITER.value, show_default=True)
@click.option("--name", default="", help="Whom it is for.")
@click.option("--person", default="", metavar="ID", help="Let this member in again, who lost every token.")
@click.option("--days", default=7, show_default=True, type=click.IntRange(1, 90), help="Good for so long.")
@click.option("--base-url", default="http://127.0.0.1:8765", show_default=True, help="How people reach it.")
@_workspace
@database_option
@pass_app
def invite(
    app: App,
    role: str,
    name: str,
    person: str,
    days: int,
    base_url: str,
    workspace: str,
    database_url: str,
) -> None:
    """Print a link that makes one person a member."""
    from hivemind.errors import HivemindError
    from hivemind.server.access import joining
    from hivemind.server.serving import checked_base_url
    from hivemind.store import accounts, audit

    address = checked_base_url(base_url)
    with team_workspace(app, database_url, workspace, is_writing=True) as opened:
        if person and accounts.member(opened, person) is None:
            raise HivemindError(
                "person-unknown", f"{person!r} is no member", hint="see `hivemind server members`"
            )
        token, text = joining.invite(
            opened,
            role=Role(role),
            invited_by="",
            name=name,
            person_id=person,
            lifetime=timedelta(days=days),
        )
        detail = {"role": role, "how": "operator"}
        audit.record(opened, "member.invite", token.token_id, person_id="", detail=detail)
    app.verbatim(f"{address}/invite/{text}")


@server.command()
@_workspace
@database_option
@json_option
@pass_app
def members(app: App, workspace: str, database_url: str, as_json: bool) -> None:
    """List the members of a workspace."""
    from hivemind.store import accounts

    with team_workspace(app, database_url, workspace, is_writing=False) as opened:
        found = accounts.members(opened)
    if as_json:
        emit([_member(one) for one in found])
        return
    rows = [[one.person_id, one.name, one.email, one.role.value, _day(one.created_at)] for one in found]
    app.table(["id", "name", "email", "role", "since"], rows, shrink="name")


@server.command()
@_workspace
@database_option
@json_option
@pass_app
def tokens(app: App, workspace: str, database_url: str, as_json: bool) -> None:
    """List the tokens, browser sessions and invitations."""
    from hivemind.store import accounts

    with team_workspace(app, database_url, workspace, is_writing=False) as opened:
        names = {one.person_id: one.name for one in accounts.members(opened, with_removed=True)}
        now = datetime.now(UTC)
        held = accounts.in_effect(opened, accounts.tokens(opened))
        found = [one for one in held if one.revoked_at is None and one.expires_at > now]
    if as_json:
        emit([{**_token(one), "person": names.get(one.person_id, "")} for one in found])
        return
    rows = [
        [
            one.token_id,
            one.kind.value,
            names.get(one.person_id, "-"),
            one.role.value,
            one.name,
            _day(one.expires_at),
            _day(one.used_at),
        ]
        for one in found
    ]
    app.table(["id", "kind", "person", "role", "name", "until", "last used"], rows, shrink="name")


@server.command()
@click.argument("token_id")
@_workspace
@database_option
@pass_app
def revoke(app: App, token_id: str, workspace: str, database_url: str) -> None:
    """Revoke a token, a browser session or an invitation.

    It lets nobody in from then on.
    """
    from hivemind.errors import HivemindError
    from hivemind.store import accounts, audit

    with team_workspace(app, database_url, workspace, is_writing=True) as opened:
        if not accounts.revoke(opened, at=datetime.now(UTC), token_id=token_id):
            raise HivemindError(
                "token-unknown",
                f"{token_id!r} is no token that lets anybody in",
                hint="see `hivemind server tokens`",
            )
        audit.record(opened, "token.revoke", token_id, person_id="", detail={"how": "operator"})
    app.say(f"{token_id} is revoked.")


@server.command()
@click.argument("person_id")
@_workspace
@database_option
@pass_app
def remove(app: App, person_id: str, workspace: str, database_url: str) -> None:
    """Remove a member.

    Their tokens are dead at once, and what they sent stays.
    """
    from hivemind.store import accounts, audit

    with team_workspace(app, database_url, workspace, is_writing=True) as opened:
        accounts.change_member(opened, person_id, role=None, at=datetime.now(UTC))
        audit.record(opened, "member.remove", person_id, person_id="", detail={"how": "operator"})
    app.say(f"{person_id} is no member any more.")


@server.command("rotate-key")
@_workspace
@database_option
@pass_app
def rotate_key(app: App, workspace: str, database_url: str) -> None:
    """Sign skills with a new key from now on.

    Machines know the old one and take nothing until their people have run `hivemind login` again.
    """
    from hivemind.store import audit, machines
    from hivemind.sync import signing

    with team_workspace(app, database_url, workspace, is_writing=True) as opened:
        machines.retire_key(opened)
        pair = signing.new_pair()
        held = machines.make_key(opened, lambda: (pair.public, pair.private))
        audit.record(opened, "key.rotate", held.key_id, person_id="", detail={"how": "operator"})
    app.say(f"New key {held.key_id}: {held.public}")


def _member(one: Member) -> dict[str, object]:
    return {
        "id": one.person_id,
        "name": one.name,
        "email": one.email,
        "role": one.role.value,
        "since": one.created_at,
    }


def _token(one: Token) -> dict[str, object]:
    return {
        "id": one.token_id,
        "kind": TokenKind(one.kind).value,
        "role": one.role.value,
        "name": one.name,
        "created_at": one.created_at,
        "expires_at": one.expires_at,
        "used_at": one.used_at,
    }


def _day(at: datetime | None) -> str:
    return at.date().isoformat() if at else "-"
