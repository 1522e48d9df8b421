"""`python -m hivemind` is the command `hivemind`."""

from hivemind.cli import main

if __name__ == "__main__":
    main()
