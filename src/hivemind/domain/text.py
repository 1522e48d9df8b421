"""Text as every database takes it."""


def storable(text: str) -> str:
    """Replace what no database stores: NUL, which ends a text for SQLite's functions, and lone surrogates."""
    if "\0" in text:
        text = text.replace("\0", "␀")
    if text.isascii():
        return text
    return text.encode("utf-8", "replace").decode("utf-8")
