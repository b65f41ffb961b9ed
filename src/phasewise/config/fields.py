"""What the sections of the configuration file are made of."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError


class Says:
    """A check for programs, as keywords of JSON Schema."""

    def __init__(self, **keywords: object) -> None:
        self._keywords = keywords

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler.resolve_ref_schema(handler(schema)), **self._keywords}


def rule(holds: Callable[[Any], bool], message: str, allowed: str) -> AfterValidator:
    """A check whose message gets the value in front of it and `allowed` behind it."""

    def check(value: Any) -> Any:
        if not holds(value):
            raise PydanticCustomError("rule", "{message}", {"message": message, "allowed": allowed})
        return value

    return AfterValidator(check)


def between(low: float, high: float) -> AfterValidator:
    """A check of a number against two bounds, both allowed."""
    return rule(lambda value: low <= value <= high, "is out of range", f"{low:g} to {high:g}")


Positive = Annotated[float, rule(lambda value: value > 0, "is too low", "above 0"), Says(exclusiveMinimum=0)]
NotNegative = Annotated[float, rule(lambda value: value >= 0, "is too low", "0 or more"), Says(minimum=0)]
Percent = Annotated[float, between(0, 100), Says(minimum=0, maximum=100)]
NotEmpty = Annotated[
    str, rule(lambda value: bool(value.strip()), "is empty", "some text"), Says(pattern=r"\S")
]


class Section(BaseModel):
    """A mapping of the file: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


SCALAR, MAPPING = TAGS = ("(scalar)", "(mapping)")
"""Which member of a union a value is for."""


def kind(value: object) -> str:
    """The tag of the member."""
    return MAPPING if isinstance(value, dict) else SCALAR
