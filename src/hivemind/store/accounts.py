"""Write and read who belongs to a workspace, and the tokens that let them in.

A token is `hm.WORKSPACE.ID.SECRET`: it names its row, and the row holds the SHA-256 of the secret. A secret
has 256 random bits, so that a slow hash would protect nothing more.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from hivemind.domain.accounts import Member, Role, Token, TokenKind, is_reserved
from hivemind.errors import HivemindError
from hivemind.store import schema
from hivemind.store.database import WORKSPACE_NAME, Workspace

#: A token's last use is kept to this, so that reading does not write each time.
USED_STEP = timedelta(minutes=1)
MAX_NAME_CHARS = 200
_TEXT = re.compile(r"hm\.([A-Za-z0-9][A-Za-z0-9._-]{0,63})\.([0-9a-f]{16})\.([A-Za-z0-9_-]{43})")


def found_workspace(workspace: Workspace, *, organisation: str) -> None:
    """Make the transaction's workspace a team's, in an organisation; raise where it is one's already."""
    if is_reserved(workspace.workspace_id) or not WORKSPACE_NAME.fullmatch(f"org.{organisation}"):
        raise HivemindError(
            "workspace-name",
            f"{workspace.workspace_id!r} of {organisation!r} cannot be a team's workspace",
            hint="use letters, digits, '.', '_' and '-', and no name that begins with 'me.' or 'org.'",
        )
    if organisation_of(workspace):
        raise HivemindError(
            "workspace-taken",
            f"there is a workspace {workspace.workspace_id!r} already",
            hint="ask its admin for an invitation, or choose another name",
        )
    t = schema.workspaces
    workspace.execute(
        t.update().where(t.c.workspace_id == workspace.workspace_id).values(organisation=organisation)
    )


def organisation_of(workspace: Workspace) -> str:
    """Name the organisation that a team's workspace belongs to; empty where it is none's."""
    t = schema.workspaces
    query = sa.select(t.c.organisation).where(t.c.workspace_id == workspace.workspace_id)
    return workspace.execute(query).scalar() or ""


def workspaces_of(workspace: Workspace, organisation: str) -> list[str]:
    """Name the workspaces of an organisation."""
    t = schema.workspaces
    query = sa.select(t.c.workspace_id).where(t.c.organisation == organisation)
    return sorted(workspace.execute(query).scalars())


def team_workspaces(workspace: Workspace) -> list[str]:
    """Name the workspaces of every organisation on the server, for its operator alone."""
    t = schema.workspaces
    query = sa.select(t.c.workspace_id).where(t.c.organisation != "")
    return sorted(workspace.execute(query).scalars())


def new_person_id() -> str:
    """Make the id of a person who is new to the server."""
    return "p" + secrets.token_hex(8)


def put_member(workspace: Workspace, member: Member) -> None:
    """Make a person a member, or one who was removed a member again."""
    values = {name: getattr(member, name) for name in Member.__dataclass_fields__}
    values |= {"role": member.role.value, "name": member.name[:MAX_NAME_CHARS]}
    statement = workspace.seam.insert(schema.members).values(workspace_id=workspace.workspace_id, **values)
    changed = {c: getattr(statement.excluded, c) for c in values if c not in ("person_id", "created_at")}
    workspace.execute(
        statement.on_conflict_do_update(index_elements=["workspace_id", "person_id"], set_=changed)
    )


def members(workspace: Workspace, *, with_removed: bool = False) -> list[Member]:
    """Give the members by name."""
    t = schema.members
    query = sa.select(t).where(t.c.workspace_id == workspace.workspace_id)
    if not with_removed:
        query = query.where(t.c.removed_at.is_(None))
    return [_member(row) for row in workspace.execute(query.order_by(t.c.name, t.c.person_id))]


def member(workspace: Workspace, person_id: str) -> Member | None:
    """Give a member, None where the person is none or was removed."""
    t = schema.members
    row = workspace.execute(
        sa.select(t).where(
            t.c.workspace_id == workspace.workspace_id,
            t.c.person_id == person_id,
            t.c.removed_at.is_(None),
        )
    ).first()
    return _member(row) if row else None


def change_member(workspace: Workspace, person_id: str, *, role: Role | None, at: datetime) -> None:
    """Give a member another role, or with None remove them: their tokens are dead with the same transaction.

    The last admin stays one; whoever removes them would lock everybody out.
    """
    held = member(workspace, person_id)
    if held is None:
        raise HivemindError(
            "person-unknown", f"{person_id!r} is no member here", hint="`GET /api/v1/members` lists them"
        )
    admins = [m for m in members(workspace) if m.role is Role.ADMIN]
    if held.role is Role.ADMIN and role is not Role.ADMIN and len(admins) == 1:
        raise HivemindError(
            "last-admin", f"{held.name} is the only admin", hint="make somebody else an admin first"
        )
    if role is not None:
        put_member(workspace, replace(held, role=role))
        return
    t = schema.members
    workspace.execute(
        t.update()
        .where(t.c.workspace_id == workspace.workspace_id, t.c.person_id == person_id)
        .values(removed_at=at)
    )
    revoke(workspace, at=at, person_id=person_id)


def _member(row: Any) -> Member:
    values = {name: row._mapping[name] for name in Member.__dataclass_fields__}
    return Member(**{**values, "role": Role(row.role)})


def new_token(
    workspace: Workspace,
    *,
    kind: TokenKind,
    person_id: str = "",
    role: Role,
    lifetime: timedelta,
    name: str = "",
    data: Mapping[str, Any] | None = None,
) -> tuple[Token, str]:
    """Make a token; gives what is known of it and its text, which is never to be had again."""
    now = datetime.now(UTC)
    token_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    token = Token(
        token_id=token_id,
        workspace_id=workspace.workspace_id,
        kind=kind,
        person_id=person_id,
        role=role,
        name=name[:MAX_NAME_CHARS],
        data=dict(data or {}),
        created_at=schema.to_millisecond(now),
        expires_at=schema.to_millisecond(now + lifetime),
    )
    values = {field: getattr(token, field) for field in Token.__dataclass_fields__}
    values |= {"kind": kind.value, "role": role.value, "token_hash": _hashed(secret)}
    workspace.execute(schema.tokens.insert().values(**values))
    return token, f"hm.{workspace.workspace_id}.{token_id}.{secret}"


def workspace_named(text: str) -> str:
    """Name the workspace that a token says it is for; empty where the text is no token."""
    match = _TEXT.fullmatch(text)
    return match[1] if match else ""


def check(workspace: Workspace, text: str, *, kinds: Sequence[TokenKind], at: datetime) -> Token | None:
    """Give the token of a text where it is valid now, in this workspace, and of one of the kinds."""
    match = _TEXT.fullmatch(text)
    if match is None or match[1] != workspace.workspace_id:
        return None
    t = schema.tokens
    row = workspace.execute(
        sa.select(t).where(t.c.workspace_id == workspace.workspace_id, t.c.token_id == match[2])
    ).first()
    # Compared in constant time, also where there is no such token.
    is_right = hmac.compare_digest(row.token_hash if row else "0" * 64, _hashed(match[3]))
    if row is None or not is_right or row.revoked_at is not None or row.expires_at <= at:
        return None
    return _token(row) if TokenKind(row.kind) in kinds else None


def note_use(workspace: Workspace, token: Token, *, at: datetime) -> None:
    """Keep when a token was last used."""
    t = schema.tokens
    workspace.execute(
        t.update()
        .where(t.c.workspace_id == workspace.workspace_id, t.c.token_id == token.token_id)
        .values(used_at=at)
    )


def set_data(workspace: Workspace, token: Token, data: Mapping[str, Any]) -> None:
    """Keep something else beside a token."""
    t = schema.tokens
    workspace.execute(
        t.update()
        .where(t.c.workspace_id == workspace.workspace_id, t.c.token_id == token.token_id)
        .values(data=dict(data))
    )


def tokens(
    workspace: Workspace, *, person_id: str | None = None, kinds: Sequence[TokenKind] = tuple(TokenKind)
) -> list[Token]:
    """Give tokens, the newest first; those revoked or expired, too."""
    t = schema.tokens
    query = sa.select(t).where(
        t.c.workspace_id == workspace.workspace_id, t.c.kind.in_([kind.value for kind in kinds])
    )
    if person_id is not None:
        query = query.where(t.c.person_id == person_id)
    return [_token(row) for row in workspace.execute(query.order_by(t.c.created_at.desc(), t.c.token_id))]


def in_effect(workspace: Workspace, found: Iterable[Token]) -> list[Token]:
    """Give tokens with the role that each has in effect: its person's, where that is the lesser.

    An invitation has the role that it gives.
    """
    roles = {one.person_id: one.role for one in members(workspace)}

    def capped(token: Token) -> Token:
        of_person = token.role if token.kind is TokenKind.INVITE else roles.get(token.person_id, token.role)
        return replace(token, role=min(token.role, of_person, key=lambda role: role.rank))

    return [capped(token) for token in found]


def revoke(
    workspace: Workspace, *, at: datetime, token_id: str | None = None, person_id: str | None = None
) -> int:
    """Revoke a token, or all of a person; gives how many were valid until then."""
    t = schema.tokens
    chosen = [t.c.workspace_id == workspace.workspace_id, t.c.revoked_at.is_(None)]
    if token_id is None and person_id is None:
        raise ValueError("name a token or a person")
    if token_id is not None:
        chosen.append(t.c.token_id == token_id)
    if person_id is not None:
        chosen.append(t.c.person_id == person_id)
    return workspace.execute(t.update().where(*chosen).values(revoked_at=at)).rowcount


def forget_expired(workspace: Workspace, *, at: datetime) -> None:
    """Delete the tokens that have expired."""
    t = schema.tokens
    workspace.execute(t.delete().where(t.c.workspace_id == workspace.workspace_id, t.c.expires_at <= at))


def _token(row: Any) -> Token:
    values = {name: row._mapping[name] for name in Token.__dataclass_fields__}
    return Token(**{**values, "kind": TokenKind(row.kind), "role": Role(row.role)})


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
