"""JSON for the hook: the C parser below `json`, whose Python part imports `re` and doubles its time."""

try:
    from _json import encode_basestring_ascii as _quoted
    from _json import make_scanner as _make_scanner
except ImportError:  # an interpreter other than CPython
    _make_scanner = None  # type: ignore[assignment,misc]


class _Context:
    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
    memo: dict = {}  # type: ignore[type-arg]  # noqa: RUF012 - `typing` would cost what this module saves


def loads(content: bytes):  # type: ignore[no-untyped-def]
    """Parse one JSON document; raise ValueError where it is none."""
    text = content.decode("utf-8").strip()
    if _make_scanner is not None:
        try:
            value, end = _make_scanner(_Context)(text, 0)  # type: ignore[arg-type]
            if end == len(text):
                return value
        except (StopIteration, SystemError, RecursionError):
            pass  # broken: the whole parser says how
    import json

    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def dumps(values: dict) -> str:  # type: ignore[type-arg]
    """Write an object as one ASCII line; a value that JSON does not have becomes null."""
    if _make_scanner is None:
        import json

        return json.dumps(values)
    return "{" + ", ".join(f"{_quoted(key)}: {_value(value)}" for key, value in values.items()) + "}"


def _value(value) -> str:  # type: ignore[no-untyped-def]
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, dict):
        return dumps(value)
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)) and abs(value) < 1e300:
        return repr(value)
    return "null"
