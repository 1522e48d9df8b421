"""Say which skills a session is given and which are withheld from it; the same answer for every channel.

Standard library only, since the hook asks without a worker. What tables hold decides: `holdouts` the share,
`offers` what was decided before, which stands for the rest of the session.
"""

from hivemind.domain.holdout import is_withheld

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Mapping

GIVEN, WITHHELD = "given", "withheld"

#: What became of a skill, and the share of sessions from which it was withheld when that was decided.
Assignment = tuple[str, float]

_SHARES = "SELECT skill_id, request_model, share FROM holdouts WHERE workspace_id = ? AND skill_id IN (?*)"
#: A file read or a tool's use was no decision of ours.
_DECIDED = """
SELECT skill_id, arm, share FROM offers
WHERE workspace_id = ? AND session_id = ? AND (channel = 'prompt' OR arm = 'withheld' OR share > 0)
    AND skill_id IN (?*)
ORDER BY at DESC, rowid DESC
"""


def assign(
    connection: "sqlite3.Connection",
    *,
    workspace_id: str,
    session_id: str,
    agent: str,
    skill_ids: "Collection[str]",
    known: "Mapping[str, Assignment] | None" = None,
) -> "dict[str, Assignment]":
    """Give each skill's arm and share; a session without an id is given everything.

    `known` has what was decided and is not stored yet. Where a skill is not withheld from anybody any more,
    no session is an exception, and neither side of what was drawn counts from then on.
    """
    ids = sorted(set(skill_ids))
    shares = _shares(connection, workspace_id, ids) if session_id else {}
    if not any(share > 0 for by_model in shares.values() for share in by_model.values()):
        return dict.fromkeys(ids, (GIVEN, 0.0))
    model = ""
    if any(model for by_model in shares.values() for model in by_model):
        model = model_of(connection, workspace_id=workspace_id, session_id=session_id, agent=agent)
    decided = {**_decided(connection, workspace_id, session_id, ids), **(known or {})}
    return drawn(ids, session_id=session_id, model=model, shares=shares, decided=decided)


def drawn(
    ids: "Collection[str]",
    *,
    session_id: str,
    model: str,
    shares: "Mapping[str, Mapping[str, float]]",
    decided: "Mapping[str, Assignment]",
) -> "dict[str, Assignment]":
    """Give each skill's arm and share, from the shares of each model and what was decided before."""
    found = {}
    for skill_id in ids:
        by_model = shares.get(skill_id, {})
        share = by_model.get(model, by_model.get("", 0.0))
        fresh = (WITHHELD if is_withheld(session_id, skill_id, share) else GIVEN, share)
        arm, then = decided.get(skill_id, fresh)
        found[skill_id] = (arm, then) if share > 0 else (GIVEN, 0.0)
    return found


def model_of(connection: "sqlite3.Connection", *, workspace_id: str, session_id: str, agent: str) -> str:
    """Give a session's model; before its first answer, the one that the agent used last."""
    known = session_model(connection, workspace_id=workspace_id, session_id=session_id)
    if known:
        return known
    row = connection.execute(
        "SELECT request_model FROM sessions WHERE workspace_id = ? AND agent = ? AND request_model <> ''"
        " ORDER BY ended_at DESC LIMIT 1",
        (workspace_id, agent),
    ).fetchone()
    return str(row[0]) if row else ""


def session_model(connection: "sqlite3.Connection", *, workspace_id: str, session_id: str) -> str:
    """Give the model that a session is known to use; empty before its first answer."""
    row = connection.execute(
        "SELECT request_model FROM sessions WHERE workspace_id = ? AND session_id = ?",
        (workspace_id, session_id),
    ).fetchone()
    return str(row[0]) if row else ""


def _shares(
    connection: "sqlite3.Connection", workspace_id: str, ids: list[str]
) -> "dict[str, dict[str, float]]":
    found: dict[str, dict[str, float]] = {}
    query = _SHARES.replace("?*", ",".join("?" * len(ids)))
    for skill_id, model, share in connection.execute(query, (workspace_id, *ids)) if ids else ():
        found.setdefault(str(skill_id), {})[str(model)] = float(share)
    return found


def _decided(
    connection: "sqlite3.Connection", workspace_id: str, session_id: str, ids: list[str]
) -> "dict[str, Assignment]":
    query = _DECIDED.replace("?*", ",".join("?" * len(ids)))
    rows = connection.execute(query, (workspace_id, session_id, *ids))
    return {str(skill_id): (str(arm), float(share)) for skill_id, arm, share in rows}
