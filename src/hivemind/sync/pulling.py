"""Take the skills that changed on the server: signed by its key, past the gates of this machine."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

from hivemind.domain.accounts import Scope
from hivemind.domain.projects import normalise_remote, project_id, project_name
from hivemind.domain.skills import LIVE_STATES, SkillState
from hivemind.errors import HivemindError
from hivemind.library import receiving
from hivemind.library.receiving import Arrived
from hivemind.store import remotes, sessions
from hivemind.store.database import Database, Workspace
from hivemind.store.remotes import Received, Remote
from hivemind.store.sessions import ProjectFacts
from hivemind.sync.client import Client
from hivemind.sync.skill_wire import Page, SentSkill, read_page

SCOPES = (Scope.TEAM, Scope.ORG)
#: Pages of one round at most; the next round goes on from there.
MAX_PAGES = 200


@dataclass(slots=True, kw_only=True)
class Taking:
    """Count what came down."""

    taken: list[str] = field(default_factory=list)  #: names of skills that load here now, or in a new version
    gone: list[str] = field(default_factory=list)  #: ids of those that were put away
    refused: dict[str, str] = field(default_factory=dict)  #: by id, why
    is_changed: bool = False  #: whether the skill files have to be looked at


def pull(database: Database, workspace_id: str, *, client: Client, held: Remote, machine_id: str) -> Taking:
    """Bring the team's skills up to date; each page is stored with the place that it leads to."""
    done, cursor = Taking(), held.chain
    anew: set[Scope] = set()
    seen: set[str] = set()
    for _ in range(MAX_PAGES):
        if not client.deadline.left_s:
            return done  # what all came anew is told by the last page: the next round asks once more
        answer = client.get(
            "/api/v1/sync/skills",
            query={"since": cursor, "machine": machine_id},
            headers={"If-None-Match": f'"{cursor}"'},
        )
        if answer.status == 304:
            return done
        page = read_page(answer.value)
        anew |= set(page.anew)
        seen |= {skill.skill_id for skill in page.skills}
        is_last = not page.has_more
        # Until the last page of all skills is here, a round that ends early begins with the first again.
        keeps = page.cursor if is_last or not anew else held.chain
        _store(
            database, workspace_id, page, keeps, held=held, done=done, gone=(anew, seen) if is_last else None
        )
        cursor = page.cursor
        if is_last:
            return done
    return done


def _store(
    database: Database,
    workspace_id: str,
    page: Page,
    cursor: str,
    *,
    held: Remote,
    done: Taking,
    gone: tuple[set[Scope], set[str]] | None,
) -> None:
    actor = f"server:{urlsplit(held.url).netloc}"
    with database.write(workspace_id) as workspace:
        for skill in page.skills:
            _take(workspace, skill, held=held, actor=actor, done=done)
        if gone is not None and gone[0]:
            for skill_id, known in remotes.received(workspace).items():
                is_live = known.state in LIVE_STATES
                if known.scope in gone[0] and skill_id not in gone[1] and is_live:
                    receiving.forget(workspace, skill_id, actor=actor, reason="the server has it no longer")
                    done.gone.append(skill_id)
                    done.is_changed = True
        number = cursor.partition("-")[0]
        remotes.update(workspace, chain=cursor, number=int(number) if number.isdigit() else 0)


def _take(workspace: Workspace, skill: SentSkill, *, held: Remote, actor: str, done: Taking) -> None:
    # 40 ms to import, which a worker without a server is not to pay.
    from hivemind.sync.signing import is_signed

    if skill.scope not in SCOPES or skill.workspace != held.remote_workspace:
        done.refused[skill.skill_id] = "it is of another workspace"
        return
    if not is_signed(held.public_key, skill.signed(), skill.signature):
        done.refused[skill.skill_id] = "its signature is not of the server's key"
        _note_refused(workspace, skill, done.refused[skill.skill_id])
        return
    before = remotes.received_one(workspace, skill.skill_id)
    kept = receiving.receive(workspace, arrived(workspace, skill), actor=actor)
    if kept is None:
        return
    if kept.refused:
        done.refused[skill.skill_id] = kept.refused
    elif skill.state in LIVE_STATES:
        done.taken.append(skill.document.name if skill.document else skill.skill_id)
    else:
        done.gone.append(skill.skill_id)
    done.is_changed |= before is None or _told(before) != _told(kept)


def _told(known: Received) -> tuple[str, int, str, str]:
    return known.state, known.version, known.content_hash, known.refused


def _note_refused(workspace: Workspace, skill: SentSkill, why: str) -> None:
    """Keep that something came which is not the server's; what is here already stays as it is."""
    if remotes.received_one(workspace, skill.skill_id) is not None:
        return

    remotes.put_received(
        workspace,
        Received(
            skill_id=skill.skill_id,
            scope=skill.scope.value,
            remote_version=skill.version,
            version=0,
            content_hash=skill.content_hash,
            state=SkillState.REJECTED.value,
            refused=why,
            at=datetime.now(UTC),
        ),
    )


def arrived(workspace: Workspace, skill: SentSkill) -> Arrived:
    """Give a skill as the library takes it, its project named by what every machine calls it."""
    remote, project = skill.remote, ""
    if remote:
        if normalise_remote(f"https://{remote}") != remote:
            raise HivemindError(
                "sync-malformed", f"{remote[:200]!r} is not a repository", hint="see docs/sync.md"
            )
        facts = ProjectFacts(
            project_id=project_id(remote=remote, root=""),
            name=project_name(remote=remote, root=""),
            remote=remote,
        )
        sessions.put_project(workspace, facts)
        project = facts.project_id
    return Arrived(
        skill_id=skill.skill_id,
        scope=skill.scope.value,
        state=skill.state,
        remote_version=skill.version,
        content_hash=skill.content_hash,
        project_id=project,
        topic=skill.topic,
        author=skill.author,
        requests=skill.requests,
        document=skill.document,
        signature=skill.signature,
    )
