"""The application against its own OpenAPI description, with generated requests.

schemathesis' pytest plugin is switched off for speed of every start, so its Python API is used.
"""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.generation import GenerationMode
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.types import ASGIApp, Receive, Scope, Send
from web_fakes import FakeControls, make_state

from phasewise.store import History
from phasewise.web import Access, create_app

READS = (
    "GET /api/v1/state",
    "GET /api/v1/stream",
    "GET /api/v1/outlook",
    "GET /api/v1/recording",
    "GET /api/v1/events",
    "GET /api/v1/history",
    "GET /api/v1/history.csv",
    "GET /api/v1/energy",
    "GET /api/v1/session",
    "GET /api/v1/settings",
    "GET /health",
    "GET /metrics",
)
WITH_BODY = (
    "PATCH /api/v1/batteries/{id}",
    "PATCH /api/v1/settings",
    "PUT /api/v1/inputs/{name}",
    "PUT /api/v1/strategy",
    "POST /api/v1/alarms/acknowledge",
    "POST /api/v1/login",
)
WRITES = (
    *WITH_BODY,
    "POST /api/v1/batteries/{id}/identify",
    "DELETE /api/v1/identify",
    "POST /api/v1/logout",
)
ELSEWHERE = (  # with a desk: test_setup.py
    "GET /api/v1/setup",
    "POST /api/v1/setup/scan",
    "DELETE /api/v1/setup/scan",
    "POST /api/v1/setup/test",
    "POST /api/v1/setup/write",
)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
REFUSED = {"negative_data_rejection": {"expected-statuses": ["400", "404", "413", "415", "422"]}}
"""413 too: a body may be too large before anybody looks into it."""
EXAMPLES = 40
"""Per test: about 2 s for all."""


def from_this_machine(app: ASGIApp) -> ASGIApp:
    """The test client has a peer address that is no address."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope | {"client": ("127.0.0.1", 50000)}, receive, send)

    return wrapped


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> BaseSchema:
    controls = FakeControls(make_state())
    controls.live.close()  # else an event stream never ends
    access = Access(allowed_hosts=("testserver",))  # schemathesis' own host name
    folder = tmp_path_factory.mktemp("static")
    past = History(folder / "none.db", lambda: "Europe/Amsterdam", lambda: 1_800_000_000.0)
    app = create_app(controls, access=access, history=past, static_dir=folder)
    config = SchemathesisConfig.from_dict({"checks": REFUSED})
    return schemathesis.openapi.from_asgi("/openapi.json", from_this_machine(app), config=config)


def test_these_are_all_operations(schema: BaseSchema) -> None:
    assert sorted(o.ok().label for o in schema.get_all_operations()) == sorted(READS + WRITES + ELSEWHERE)


def validate(schema: BaseSchema, label: str, mode: GenerationMode) -> None:
    operation = next(o.ok() for o in schema.get_all_operations() if o.ok().label == label)

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    def check(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=CHECKS)

    check()


@pytest.mark.parametrize("label", READS + WRITES)
def test_answers_are_as_described(schema: BaseSchema, label: str) -> None:
    validate(schema, label, GenerationMode.POSITIVE)


@pytest.mark.parametrize("label", WITH_BODY)
def test_what_the_description_forbids_is_refused(schema: BaseSchema, label: str) -> None:
    validate(schema, label, GenerationMode.NEGATIVE)
