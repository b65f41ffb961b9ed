"""The routes of logging in and out, and who looks."""

from typing import Annotated, Any, Literal

import structlog
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.responses import Response

from phasewise.web.api import REFUSALS, WRITE_REFUSALS
from phasewise.web.doorkeeper import SESSION_S, Doorkeeper
from phasewise.web.guard import SESSION_COOKIE, problem, role, too_many, visit

MAX_SECRET_LENGTH = 1024
"""Longer than anybody's password; hashing what is longer is work for nothing."""

Secret = Annotated[str, Field(max_length=MAX_SECRET_LENGTH)]

log = structlog.get_logger("phasewise.web")


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Login(_Wire):
    """Exactly one of the two."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["token"], "properties": {"token": {"type": "string"}}},
                {"required": ["password"], "properties": {"password": {"type": "string"}}},
            ]
        }
    )

    token: Secret | None = None
    """The access token, of the owner or of a viewer."""
    password: Secret | None = None
    """The password, of the owner or of a viewer."""

    @model_validator(mode="after")
    def _one_of_both(self) -> "Login":
        if (self.token is None) == (self.password is None):
            raise ValueError("send either a token or a password")
        return self


class Session(_Wire):
    """Who looks."""

    role: Literal["owner", "viewer"]
    """A viewer sees everything and changes nothing."""
    login_needed: bool
    """False where no token and no password is set: then there is nothing to log out of."""


def _doorkeeper(request: Request) -> Doorkeeper:
    return request.app.state.doorkeeper  # type: ignore[no-any-return]  # Starlette's state is untyped


DoorkeeperNow = Annotated[Doorkeeper, Depends(_doorkeeper)]

router = APIRouter()


@router.post("/api/v1/login", status_code=204, response_class=Response, responses=WRITE_REFUSALS)
async def login(login: Login, request: Request, doorkeeper: DoorkeeperNow) -> Response:
    """Exchange a token or password for a session cookie. Where neither is set: nothing to do."""
    answer = Response(status_code=204)
    if not doorkeeper.access.is_locked:
        return answer
    peer = visit(request).peer
    if (wait_s := doorkeeper.login_wait_s(peer)) > 0:
        log.warning("login held up", peer=peer, next=f"may try again in {wait_s:.0f} s")
        return too_many(wait_s)
    found = await doorkeeper.role_of_login(token=login.token, password=login.password, peer=peer)
    if found is None:
        log.warning("login refused", peer=peer)
        return _wrong(login)
    log.info("logged in", peer=peer, role=found.value)
    doorkeeper.sessions.close(request.cookies.get(SESSION_COOKIE))
    _set_cookie(answer, request, doorkeeper.sessions.open(found))
    return answer


def _wrong(login: Login) -> Response:
    if login.password is None:
        return problem(
            401,
            "That is not the access token. It is in the file that web.token_file names in the configuration.",
        )
    return problem(
        401,
        "That is not the password. 'phasewise password FILE' sets a new one, where FILE is what "
        "web.password_file names in the configuration; then restart Phasewise.",
    )


@router.post("/api/v1/logout", status_code=204, response_class=Response, responses=WRITE_REFUSALS)
async def logout(request: Request, doorkeeper: DoorkeeperNow) -> Response:
    """End the session of this cookie."""
    doorkeeper.sessions.close(request.cookies.get(SESSION_COOKIE))
    answer = Response(status_code=204)
    answer.delete_cookie(SESSION_COOKIE, **_cookie_place(request))
    return answer


@router.get("/api/v1/session", responses=REFUSALS)
async def session(request: Request, response: Response, doorkeeper: DoorkeeperNow) -> Session:
    """Who asks. Once a day this renews the session cookie."""
    renewed = doorkeeper.sessions.renewed(request.cookies.get(SESSION_COOKIE))
    if renewed is not None:
        _set_cookie(response, request, renewed)
    return Session(role=role(request).value, login_needed=doorkeeper.access.is_locked)


def _set_cookie(answer: Response, request: Request, id_: str) -> None:
    answer.set_cookie(SESSION_COOKIE, id_, max_age=int(SESSION_S), **_cookie_place(request))


def _cookie_place(request: Request) -> dict[str, Any]:
    """Where a browser shows the cookie: nowhere else, and not to scripts."""
    seen = visit(request)
    return {"path": f"{seen.prefix}/", "secure": seen.is_https, "httponly": True, "samesite": "strict"}
