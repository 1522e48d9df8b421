"""The one exception base: a slug, a message and a hint."""

DOCS_PAGE = "docs/errors.md"


class HivemindError(Exception):
    """Report an expected failure: what failed, with which value, and what to do about it.

    `slug` names the section of docs/errors.md that explains it; `hint` is one sentence in the imperative.
    The command line prints it and exits 1; anything that is not a HivemindError is a bug and exits 3.
    """

    def __init__(self, slug: str, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.slug = slug
        self.message = message
        self.hint = hint
