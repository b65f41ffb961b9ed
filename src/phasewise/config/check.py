"""Validates parts of a parsed file with pydantic models and gathers every problem found."""

import json
import re
import typing
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from phasewise.config.document import Document, Place
from phasewise.config.errors import (
    ConfigError,
    KeyPath,
    Problem,
    did_you_mean,
    key_text,
    shown,
    without_secrets,
)
from phasewise.config.fields import TAGS

Model = TypeVar("Model", bound=BaseModel)

DRIVER_FAULTS = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What a third-party driver's own code may raise while it judges its options."""

_NOT_A = {
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "string_type": "text",
    "dict_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "list_type": "a list",
    "tuple_type": "a list",
}
"""pydantic's error types, as what is expected."""

_NOUNS = {
    "phase": "a phase",
    "connection": "a connection",
    "regulate": "a way to regulate",
    "split": "a way to split",
    "cycle": "a cycle",
    "unassigned": "a policy",
    "override": "an override",
    "goal": "a goal",
    "follow_up": "a follow-up",
    "unit": "a unit",
}
_BOUNDS = {"greater_than": "gt", "greater_than_equal": "ge", "less_than": "lt", "less_than_equal": "le"}
_BOUND_WORDS = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}
_OVERRIDE_FORMS = "auto, out-of-service, {hold: {power_w: 500, until: 2026-12-24T18:00}}"


class Checker:
    """Gathers the problems of one file."""

    def __init__(self, document: Document, folder: Path) -> None:
        """`folder`: where relative names of files begin; validators find it in their context."""
        self._document = document
        self._context = {"folder": folder}
        self._problems: list[Problem] = []
        self._paths: set[KeyPath] = set()
        for path, place, message in document.problems:
            self._append(path, place, None, message, None)

    def add(self, path: KeyPath, message: str, *, value: object = None, allowed: str | None = None) -> None:
        """Note a problem; a key that has one already keeps that one only."""
        if path not in self._paths:
            text = None if value is None else shown(value, path[-1] if path else "")
            self._append(path, self._place(path), text, message, allowed)

    def has_problem(self, path: KeyPath) -> bool:
        """Whether this key, or anything in it, has a problem."""
        return any(known[: len(path)] == path for known in self._paths)

    def raise_if_any(self) -> None:
        """Raise ConfigError with everything gathered."""
        if self._problems:
            raise ConfigError(self._problems)

    def _append(
        self, path: KeyPath, place: Place, value: str | None, message: str, allowed: str | None
    ) -> None:
        key = key_text(path, self._document.value)
        document = self._document
        self._problems.append(
            # A driver's own message may repeat what it was given.
            Problem(
                document.file, place.line, place.column, key, value, without_secrets(message), allowed, path
            )
        )
        self._paths.add(path)

    def _place(self, path: KeyPath) -> Place:
        """Of the key, or of the nearest one around it that is in the file."""
        while path not in self._document.places and path:
            path = path[:-1]
        return self._document.places.get(path, Place(1, 1))

    def section(
        self, model: type[Model], path: KeyPath, data: Mapping[str, Any], also_known: Collection[str] = ()
    ) -> Model | None:
        """Validate a mapping; note all problems. A known key without a value counts as not given.

        The result lacks the keys that are wrong (their defaults stand in, so that the rest can be
        checked too); None when a required key is missing or wrong.
        """
        data = _given(model, data)
        try:
            return model.model_validate_json(json.dumps(data), strict=True, context=self._context)
        except ValidationError as error:
            details = error.errors(include_url=False)
        for detail in details:
            self._add_detail(model, path, detail, also_known)
        wrong = {detail["loc"][0] for detail in details if detail["loc"]}
        try:
            rest = {key: value for key, value in data.items() if key not in wrong}
            return model.model_validate_json(json.dumps(rest), strict=True, context=self._context)
        except ValidationError:
            return None

    def _add_detail(
        self, model: type[BaseModel], base: KeyPath, detail: ErrorDetails, also_known: Collection[str]
    ) -> None:
        unknown = detail["type"] == "extra_forbidden"
        given = detail["loc"][:-1] if unknown else detail["loc"]
        # A tag says which member of a union was tried and is no key; an unknown key may look like one.
        loc = tuple(part for part in given if part not in TAGS) + detail["loc"][len(given) :]
        if detail["type"] == "missing":
            self.add((*base, *loc), "missing")
            return
        if unknown:
            known = {*_keys_at(model, loc[:-1]), *(also_known if len(loc) == 1 else ())}
            near = did_you_mean(loc[-1], known)
            allowed = None if near else ", ".join(sorted(known)) or None
            self.add((*base, *loc), f"unknown key{near}", value=detail["input"], allowed=allowed)
            return
        path = (*base, *loc)
        while path not in self._document.places and len(path) > len(base):
            path = path[:-1]
        message, allowed = _describe(path, detail)
        self.add(path, message, value=detail["input"], allowed=allowed)


def _describe(path: KeyPath, detail: ErrorDetails) -> tuple[str, str | None]:
    """Message and what is allowed, for a value that is wrong."""
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    key = path[-1] if path else ""
    text = shown(value, key)
    if value is None:
        return "has no value", None
    if kind in {"enum", "literal_error"}:
        expected = str(context["expected"])
        allowed = re.findall(r"'([^']*)'", expected) or [expected]
        noun = _NOUNS.get(str(key), "one of the allowed values")
        forms = _OVERRIDE_FORMS if key == "override" else ", ".join(allowed)
        return f"{text} is not {noun}{did_you_mean(value, allowed)}", forms
    if kind in _NOT_A:
        return _wrong_type(value, text, _NOT_A[kind]), None
    if kind in _BOUNDS:
        bound = _BOUNDS[kind]
        return f"{text} is out of range", f"{_BOUND_WORDS[bound]} {context[bound]:g}"
    if kind == "rule":
        return f"{text} {context['message']}", str(context["allowed"])
    if kind == "value_error":
        return str(context["error"]), None
    return f"{text}: {detail['msg']}", None


def _wrong_type(value: object, text: str, expected: str) -> str:
    if isinstance(value, str) and "number" in expected and re.fullmatch(r"[-+]?[0-9.]+", value):
        return f"{text} is text, not {expected}: remove the quotes"
    if expected == "text" and isinstance(value, int | float):
        return f"{text} is not text: put it in quotes"
    return f"{text} is not {expected}"


def _given(model: type[BaseModel], data: Mapping[str, Any]) -> dict[str, Any]:
    """Without the known keys that have no value; an unknown one stays, to be reported."""
    given = {}
    for key, value in data.items():
        field = model.model_fields.get(key)
        if field is None or value is not None:
            inner = model_in(field.annotation) if field and isinstance(value, dict) else None
            given[key] = _given(inner, value) if inner else value
    return given


def _keys_at(model: type[BaseModel], loc: KeyPath) -> set[str]:
    """The keys that a model, or the model of one of its fields, knows."""
    for part in loc:
        if isinstance(part, int):
            continue  # the model of an item stands in the annotation of its list
        field = model.model_fields.get(str(part))
        inner = model_in(field.annotation) if field else None
        if inner is None:
            return set()
        model = inner
    return {field.alias or name for name, field in model.model_fields.items()}


def model_in(annotation: object) -> type[BaseModel] | None:
    """The pydantic model inside an annotation such as `Model | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in typing.get_args(annotation):
        if (found := model_in(argument)) is not None:
            return found
    return None
