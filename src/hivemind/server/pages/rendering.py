"""Fill templates: all that is written into one is escaped, and shown by number where it is not seen."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from hivemind.domain.accounts import Role, Scope
from hivemind.server.pages import showing
from hivemind.server.pages.asking import Asked
from hivemind.server.site import site_of

_HERE = Path(__file__).parent
_DAY_S, _HOUR_S, _MINUTE_S = 86_400, 3_600, 60


def render(
    request: Request, name: str, *, page: Asked | None = None, status: int = 200, **more: Any
) -> HTMLResponse:
    """Answer with a template; `page` is missing where nobody is logged in."""
    site = site_of(request)
    values: dict[str, Any] = {
        "page": page,
        "site": site,
        "path": request.url.path,
        "url": page.url if page else _bare,
        "may": page.may if page else _never,
        **more,
    }
    headers = {"Cache-Control": "no-store", "Vary": "HX-Request"}
    return HTMLResponse(_environment().get_template(name).render(values), status, headers)


def _bare(path: str, **_query: Any) -> str:
    return path


def _never(_role: Role) -> bool:
    return False


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("hivemind.server.pages", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalized,
    )
    made.filters |= {
        "visible": showing.visible,
        "line": showing.line,
        "told": showing.told,
        "markdown": showing.markdown,
        "cut": showing.cut,
        "as_is": _as_is,
        "ago": ago,
        "day": day,
        "moment": moment,
        "count": count,
        "percent": percent,
        "short": short,
        "usd": usd,
        "duration": duration,
    }
    made.globals |= {"static": static, "Role": Role, "Scope": Scope, "now": lambda: datetime.now(UTC)}
    return made


def _finalized(value: object) -> object:
    """Make whatever a template writes harmless, also in attributes; autoescape follows."""
    return showing.plain(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _as_is(text: str) -> Markup:
    """Give a text escaped and otherwise unchanged: for a field in which a person edits it."""
    return escape(text)


@cache
def static(name: str) -> str:
    """Give the address of a file of the pages; it changes with the file."""
    digest = hashlib.sha256((_HERE / "static" / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?{digest}"


def ago(at: datetime | None) -> str:
    """Say how long ago a time was; give the day of one that is to come, or long past."""
    if at is None:
        return "never"
    seconds = (datetime.now(UTC) - at).total_seconds()
    if seconds >= 60 * _DAY_S or seconds < -_HOUR_S:
        return at.strftime("%-d %b %Y")
    for size, unit in ((_DAY_S, "d"), (_HOUR_S, "h"), (_MINUTE_S, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return "just now"


def day(at: datetime | None) -> str:
    """Give a day."""
    return at.strftime("%Y-%m-%d") if at else "unknown"


def moment(at: datetime | None) -> str:
    """Give a time to the second, in UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if at else "unknown"


def count(number: int, noun: str, plural: str = "") -> str:
    """Give a number with its noun."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {plural or noun + 's'}"


def percent(value: float | None, *, signed: bool = False) -> str:
    """Give a share."""
    if value is None:
        return "–"
    return f"{value:+.0%}".replace("-", "−") if signed else f"{value:.0%}"


def short(text: str, limit: int = 12) -> str:
    """Give the beginning of an id."""
    return text[:limit]


def usd(value: float) -> str:
    """Give an amount of money."""
    return f"${value:,.2f}" if value >= 1 or value == 0 else f"${value:,.4f}"


def duration(begin: datetime | None, end: datetime | None) -> str:
    """Say how long something took."""
    if begin is None or end is None or end < begin:
        return ""
    seconds = (end - begin).total_seconds()
    for size, unit in ((_DAY_S, "d"), (_HOUR_S, "h"), (_MINUTE_S, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


Values = Mapping[str, Any]
