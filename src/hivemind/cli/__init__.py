"""The command line: parses and prints, decides nothing."""

import sys


def main() -> None:
    """Run `hivemind`: exit 0 done, 1 expected failure, 2 usage, 3 bug."""
    import os

    import click

    from hivemind.cli.root import hivemind
    from hivemind.errors import DOCS_PAGE, HivemindError

    try:
        status = hivemind.main(standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except HivemindError as error:
        print(f"hivemind: {error.message}", file=sys.stderr)  # noqa: T201 - before any console exists
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)  # noqa: T201
        print(f"see {DOCS_PAGE}#{error.slug}", file=sys.stderr)  # noqa: T201
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
    except Exception:  # noqa: BLE001 - the outermost boundary of the command
        import traceback

        traceback.print_exc()
        print("hivemind: this is a bug; please report the lines above", file=sys.stderr)  # noqa: T201
        sys.exit(3)
