"""The command line: parses and prints, decides nothing."""

import errno
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hivemind.errors import HivemindError


def main() -> None:
    """Run `hivemind`: exit 0 done, 1 expected failure, 2 usage, 3 bug."""
    import os

    import click

    from hivemind.cli.root import hivemind
    from hivemind.errors import HivemindError

    try:
        status = hivemind.main(standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except HivemindError as error:
        _tell(error)
        sys.exit(1)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader has seen enough; Python must not complain while it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except UnicodeEncodeError as error:
        # What a person typed, or a file's name, that is no text in any encoding.
        print(f"hivemind: not valid UTF-8: {error.object!a}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    except Exception as error:  # noqa: BLE001 - the outermost boundary of the command
        if (told := _storage_failure(error)) is not None:
            _tell(told)
            sys.exit(1)
        import traceback

        traceback.print_exc()
        print("hivemind: this is a bug; please report the lines above", file=sys.stderr)  # noqa: T201
        sys.exit(3)


def _tell(error: "HivemindError") -> None:
    from hivemind.errors import EXPLAIN

    print(f"hivemind: {error.message}", file=sys.stderr)  # noqa: T201 - before any console exists
    if error.hint:
        print(f"hint: {error.hint}", file=sys.stderr)  # noqa: T201
    print(f"see: {EXPLAIN} {error.slug}", file=sys.stderr)  # noqa: T201


def _storage_failure(error: Exception) -> "HivemindError | None":
    """Give the expected failure behind an error of the disk or the database, None for any other."""
    from hivemind.errors import HivemindError

    # SQLAlchemy's and sqlite3's have this name; neither is imported before a verb needs it.
    if type(error).__name__ == "OperationalError" or getattr(error, "errno", 0) in (
        errno.ENOSPC,
        errno.EDQUOT,
    ):
        cause = getattr(error, "orig", None) or error
        return HivemindError(
            "storage-failed",
            f"what was to be stored could not be written: {cause}",
            hint="free some space, or wait for the process that has the database locked; then run it again",
        )
    return None
