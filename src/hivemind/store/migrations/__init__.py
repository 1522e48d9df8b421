"""Forward migrations with Alembic, without its ini file."""

from pathlib import Path

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory

from hivemind.errors import HivemindError, how_to_install
from hivemind.store import engines, schema


def script_directory() -> ScriptDirectory:
    """Give Alembic's view of the versions folder."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return ScriptDirectory.from_config(config)


def upgrade(engine: sa.Engine, *, to: str = "head") -> None:
    """Bring the database to the newest schema in one transaction; processes starting together take turns.

    `to` names an older one.
    """
    script = script_directory()
    environment = EnvironmentContext(Config(), script)
    with engine.connect() as connection:
        seam = engines.of(connection)
        seam.begin_writing(connection, "", alone=False)
        seam.take_turns(connection, "migrations")

        def steps(revision: tuple[str, ...] | str, _context: object) -> list[object]:
            for name in (revision,) if isinstance(revision, str) else revision:
                if name not in {s.revision for s in script.walk_revisions()}:
                    raise HivemindError(
                        "database-newer",
                        f"the database has schema {name}, which this version of Hivemind does not know",
                        hint=f"upgrade Hivemind: `git pull`, then {how_to_install()}",
                    )
            return script._upgrade_revs(to, revision)  # type: ignore[arg-type,return-value]

        environment.configure(
            connection=connection, target_metadata=schema.metadata, fn=steps, transactional_ddl=False
        )
        environment.run_migrations()
        connection.commit()
