"""The hook: started by an agent as `python -I -S hook.py AGENT EVENT DATA_DIR`, with the payload on stdin.

A script is compiled at each start, a module only once: what the hook does stands in `announce`. Whatever
happens, it exits 0.
"""

import os
import sys


def main(argv: list[str]) -> None:
    """Run the hook and exit 0."""
    try:
        # At the end: a package that is called like a module of the standard library must not replace it.
        sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
        from hivemind.capture import announce

        announce.main(argv)
    finally:
        os._exit(0)


if __name__ == "__main__":
    main(sys.argv)
