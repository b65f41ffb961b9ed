"""What is ahead, as published: the same as the daemon has it, field by field."""

import typing

import httpx
import msgspec
import pytest
from pydantic import BaseModel
from web_fakes import FakeControls

from phasewise.engine import ahead
from phasewise.web import outlook

PAIRS: dict[type[msgspec.Struct], type[BaseModel]] = {
    ahead.PriceAhead: outlook.PriceAhead,
    ahead.PlanStep: outlook.PlanStep,
    ahead.DayPart: outlook.DayPart,
    ahead.Expected: outlook.Expected,
    ahead.Ahead: outlook.Ahead,
}


@pytest.mark.parametrize(("struct", "model"), PAIRS.items(), ids=lambda c: c.__name__)
def test_fields_agree(struct: type[msgspec.Struct], model: type[BaseModel]) -> None:
    assert [field.name for field in msgspec.structs.fields(struct)] == list(model.model_fields)
    hints = typing.get_type_hints(struct)
    for name, field in model.model_fields.items():
        element = typing.get_args(hints[name])
        if element and element[0] in PAIRS:
            assert field.annotation == tuple[PAIRS[element[0]], ...]  # type: ignore[misc]  # looked up


async def test_it_is_sent_as_described(client: httpx.AsyncClient, controls: FakeControls) -> None:
    answer = await client.get("/api/v1/outlook")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    sent = outlook.Ahead.model_validate_json(answer.content).model_dump(mode="json")
    assert sent == msgspec.json.decode(msgspec.json.encode(controls.ahead()))
