"""Errors as problem details (RFC 9457): one shape for every answer that is no success."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from hivemind.errors import DOCS_PAGE, HivemindError

MEDIA_TYPE = "application/problem+json"
#: Statuses of slugs; any other expected failure is 400.
STATUS = {
    "not-let-in": 401,
    "role-too-low": 403,
    "scope-forbidden": 403,
    "skill-unknown": 404,
    "session-unknown": 404,
    "person-unknown": 404,
    "token-unknown": 404,
    "proposal-unknown": 404,
    "project-unknown": 404,
    "not-found": 404,
    "login-unknown": 404,
    "invitation-spent": 410,
    "skill-transition": 409,
    "skill-name-taken": 409,
    "workspace-taken": 409,
    "last-admin": 409,
    "session-taken": 409,
    "skill-changed": 409,
    "form-forged": 403,
    "proposal-decided": 409,
    "skill-nothing-to-undo": 409,
    "transcript-contended": 409,
    "version-conflict": 412,
    "body-too-large": 413,
    "skill-gated": 422,
    "redaction-rule": 422,
    "retention-days": 422,
    "policy-unknown": 422,
    "name-missing": 422,
    "workspace-name": 422,
    "skill-unparseable": 422,
    "time-unreadable": 422,
    "request-invalid": 422,
    "sync-malformed": 422,
    "too-many-requests": 429,
    "database-unreachable": 503,
    "storage-failed": 503,
}
MAX_SHOWN_CHARS = 300
#: What the standard of logins (RFC 8628) calls these.
LOGIN_ERRORS = {
    "authorization-pending": "authorization_pending",
    "slow-down": "slow_down",
    "login-denied": "access_denied",
    "login-expired": "expired_token",
}
#: For the OpenAPI schema: every answer that is no success.
DESCRIBED: dict[int | str, dict[str, Any]] = {
    status: {
        "description": f"{what}, as a problem (RFC 9457)",
        "content": {
            MEDIA_TYPE: {
                "schema": {
                    "type": "object",
                    "required": ["type", "title", "status", "detail"],
                    "properties": {
                        "type": {"type": "string", "description": "the section of docs/errors.md"},
                        "title": {"type": "string"},
                        "status": {"type": "integer"},
                        "detail": {"type": "string"},
                        "hint": {"type": "string", "description": "what to do about it"},
                        "error": {"type": "string", "enum": [*LOGIN_ERRORS.values()]},
                    },
                }
            }
        },
    }
    for status, what in (("4XX", "The request was refused"), (503, "The database does not answer"))
}


def response(
    slug: str,
    detail: str,
    *,
    hint: str = "",
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Make an answer of a failure."""
    status = status or STATUS.get(slug, 400)
    body: dict[str, Any] = {
        "type": f"{DOCS_PAGE}#{slug}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        # What was sent is quoted, and need not be text in any encoding.
        "detail": detail.encode("utf-8", "backslashreplace").decode(),
    }
    if hint:
        body["hint"] = hint.encode("utf-8", "backslashreplace").decode()
    if slug in LOGIN_ERRORS:
        body["error"] = LOGIN_ERRORS[slug]
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def install(app: FastAPI) -> None:
    """Have every failure of an app answered as a problem."""
    app.add_exception_handler(HivemindError, _expected)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(sa.exc.DataError, _unstorable)
    app.add_exception_handler(sa.exc.OperationalError, _unreachable)


async def _expected(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HivemindError)  # noqa: S101 - what it is installed for
    headers = {"WWW-Authenticate": "Bearer"} if error.slug == "not-let-in" else None
    return response(error.slug, error.message, hint=error.hint, headers=headers)


async def _http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is installed for
    slug = {404: "not-found", 405: "method-not-allowed", 413: "body-too-large"}.get(
        error.status_code, "request-invalid"
    )
    return response(slug, str(error.detail), status=error.status_code, headers=error.headers)


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what it is installed for
    first: dict[str, Any] = next(iter(error.errors()), {})
    where = ".".join(str(part) for part in first.get("loc", ()))
    value = repr(first.get("input"))[:MAX_SHOWN_CHARS]
    detail = f"{where}: {first.get('msg', 'invalid')} (it was {value})"
    return response("request-invalid", detail, status=422, hint="see /openapi.json for what is taken")


async def _unstorable(_request: Request, _error: Exception) -> JSONResponse:
    return response("request-invalid", "it holds something that no database stores")


async def _unreachable(_request: Request, _error: Exception) -> JSONResponse:
    hint = "try again; the server's operator sees the reason in its log"
    return response("storage-failed", "the database does not answer", hint=hint, headers={"Retry-After": "5"})
