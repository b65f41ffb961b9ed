"""The web application, put together."""

import asyncio
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.responses import JSONResponse, Response

from phasewise import __version__
from phasewise.engine.controls import (
    ControlError,
    Controls,
    NotRecordedError,
    NotSavedError,
    OverrideError,
    SettingsError,
    UnknownAlarmError,
    UnknownBatteryError,
    UnknownInputError,
    UnknownStrategyError,
)
from phasewise.setup import InvalidError, SetupDesk
from phasewise.store import History, UnreadableError
from phasewise.web import alarms, api, events, outlook, session
from phasewise.web import history as history_routes
from phasewise.web import settings as settings_routes
from phasewise.web import setup as setup_routes
from phasewise.web.access import Access
from phasewise.web.dashboard import STATIC_DIR, dashboard_router
from phasewise.web.doorkeeper import Doorkeeper
from phasewise.web.guard import SECURITY_HEADERS, Guard, problem
from phasewise.web.stream import StateEncoder

_STATUS_OF: dict[type[ControlError], int] = {
    NotRecordedError: 404,
    UnknownAlarmError: 404,
    UnknownBatteryError: 404,
    UnknownInputError: 404,
    UnknownStrategyError: 422,
    OverrideError: 422,
    NotSavedError: 409,
}

_DESCRIPTION = (
    "Positive power means import from the grid, and charging. Null means not known. "
    "With an access token set: Authorization: Bearer TOKEN on every route but /health."
)


def create_app(
    controls: Controls | None,
    *,
    access: Access,
    setup: SetupDesk | None = None,
    history: History | None = None,
    static_dir: Path = STATIC_DIR,
) -> FastAPI:
    """The whole HTTP side of a daemon. `static_dir` holds the built dashboard, or nothing yet.

    `controls`: None during set-up, when there is nothing to control. `history`: None where none is kept.
    """
    doorkeeper = Doorkeeper(access)
    # Interactive docs are off: they load scripts from elsewhere, and a home may be offline.
    app = FastAPI(
        title="Phasewise",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,  # `_describe` serves it
    )
    app.state.controls = controls
    app.state.setup = setup
    app.state.history = history
    app.state.encoder = StateEncoder()
    app.state.doorkeeper = doorkeeper
    app.include_router(api.router)
    app.include_router(alarms.router)
    app.include_router(events.router)
    app.include_router(history_routes.router)
    app.include_router(outlook.router)
    app.include_router(settings_routes.router)
    app.include_router(setup_routes.router)
    app.include_router(session.router)
    _describe(app)
    app.include_router(dashboard_router(static_dir))
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(ControlError, _not_done)
    app.add_exception_handler(SettingsError, settings_routes.wrong_settings)
    app.add_exception_handler(InvalidError, setup_routes.invalid)
    app.add_exception_handler(history_routes.RefusedError, history_routes.refused)
    app.add_exception_handler(UnreadableError, history_routes.unreadable)
    app.add_exception_handler(Exception, _broken)
    if controls is None:
        app.add_middleware(setup_routes.SetupGate)
    app.add_middleware(Guard, doorkeeper=doorkeeper)
    return app


def _describe(app: FastAPI) -> None:
    """Serve the description of the API, which takes seconds to make on a small machine, beside the loop."""
    making = asyncio.Lock()

    @app.get("/openapi.json", include_in_schema=False)
    async def description(request: Request) -> Response:
        async with making:
            return await asyncio.to_thread(lambda: JSONResponse(request.app.openapi()))


async def _invalid(_: Request, error: Exception) -> Response:
    """What is wrong with the request, without repeating what was sent: it may hold a token."""
    errors = error.errors() if isinstance(error, RequestValidationError) else ()
    return problem(422, "; ".join(f"{_place(e['loc'])}: {e['msg']}" for e in errors))


def _place(location: tuple[int | str, ...]) -> str:
    # A tag such as "(mapping)" says which member of a union was tried: it is no key.
    parts = [str(part) for part in location[1:] if not str(part).startswith("(")]
    return ".".join(parts) or "body"


async def _not_done(_: Request, error: Exception) -> Response:
    status = next((s for kind, s in _STATUS_OF.items() if isinstance(error, kind)), 409)
    return problem(status, str(error))


async def _broken(_: Request, __: Exception) -> Response:
    """An error of ours: the log has it, the answer does not. This one is sent outside the guard."""
    detail = "Something went wrong inside Phasewise; control is not affected. The log says more."
    return problem(500, detail, SECURITY_HEADERS)
