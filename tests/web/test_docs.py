"""docs/http-api.md is a contract: it names every route, every field, every status and every metric."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel
from web_fakes import FakeControls

from phasewise.integrations.metrics import METRICS
from phasewise.web import Access, create_app, wire

DOCS = (Path(__file__).parents[2] / "docs" / "http-api.md").read_text()
SCHEMA = create_app(FakeControls(), access=Access()).openapi()
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, operations in SCHEMA["paths"].items()
    for method, operation in operations.items()
}
MODELS = [m for m in vars(wire).values() if isinstance(m, type) and issubclass(m, BaseModel)]


def test_exactly_the_routes_that_exist_are_documented() -> None:
    documented = set(re.findall(r"^### `(.*)`$", DOCS, re.MULTILINE))
    assert documented == {*OPERATIONS, "GET /openapi.json", "GET /"}


def test_exactly_the_metrics_that_exist_are_documented() -> None:
    rows = re.findall(r"^\| `(phasewise_\w+)` \| (\w+) \|.*\| (.*) \|$", DOCS, re.MULTILINE)
    assert rows == [(m.name, m.kind, m.help.removesuffix(".")) for m in METRICS]


def test_every_status_is_documented() -> None:
    table = DOCS.partition("| Status |")[2].partition("## Routes")[0]
    statuses = {s for o in OPERATIONS.values() for s in o["responses"] if s >= "400"}
    assert {s for s in statuses if s not in table} == set()


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__)
def test_every_field_is_documented(model: type[BaseModel]) -> None:
    missing = [f for f in model.model_fields if not re.search(rf'[`{{," \[]{f}[`}}," :]', DOCS)]
    assert missing == []
