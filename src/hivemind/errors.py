"""The one exception base: a slug, a message and a hint."""

DOCS_PAGE = "docs/errors.md"
#: What prints a section of that page, which is in a checkout only.
EXPLAIN = "hivemind doctor --error"


def how_to_install(extra: str = "") -> str:
    """Say how to install Hivemind, or an extra of it: the one place that knows that it is on no index yet.

    Its name there is nobody's, so anybody could put a package of theirs under it.
    """
    wanted = f"'.[{extra}]'" if extra else "."
    return f"`pip install {wanted}` in Hivemind's checkout"


class HivemindError(Exception):
    """Report an expected failure: what failed, with which value, and what to do about it.

    `slug` names the section of docs/errors.md that explains it, which `hivemind doctor --error SLUG` prints;
    `hint` is one sentence in the imperative.
    The command line prints it and exits 1; anything that is not a HivemindError is a bug and exits 3.
    """

    def __init__(self, slug: str, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.slug = slug
        self.message = message
        self.hint = hint
