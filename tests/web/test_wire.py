"""The published shapes agree with what the daemon encodes."""

import typing
from types import NoneType, UnionType

import msgspec
import pytest
from pydantic import BaseModel
from web_fakes import make_state

from phasewise.engine import controls, state
from phasewise.explain import Text
from phasewise.web import settings, wire

PAIRS: dict[type[msgspec.Struct], type[BaseModel]] = {
    state.SupportState: wire.Support,
    state.PhaseState: wire.GridPhase,
    state.GridState: wire.Grid,
    state.ReasonState: wire.Reason,
    state.MappingState: wire.Mapping,
    state.HoldState: wire.Hold,
    state.OverrideState: wire.Override,
    state.BatteryState: wire.Battery,
    state.AlarmState: wire.Alarm,
    state.GoalState: wire.Goal,
    state.StrategyState: wire.Strategy,
    state.PricesState: wire.Prices,
    state.InputState: wire.Input,
    state.IdentifyPhaseState: wire.IdentifyPhase,
    state.IdentifySampleState: wire.IdentifySample,
    state.IdentifyState: wire.Identify,
    state.ProtectionState: wire.Protection,
    state.QuarterState: wire.Quarter,
    state.SubmeterState: wire.Submeter,
    state.SystemState: wire.System,
    controls.Health: wire.Health,
    controls.Saved: wire.Saved,
    controls.SettingsSaved: settings.SettingsSaved,
}


def as_wire(annotation: object) -> object:
    """The annotation of a Struct field as it is sent: every Struct as its wire model."""
    if annotation is Text:
        return str
    if annotation in PAIRS:
        return PAIRS[annotation]
    args = tuple(as_wire(arg) for arg in typing.get_args(annotation))
    if not args:
        return annotation
    if isinstance(annotation, UnionType):
        return typing.Union[args]  # noqa: UP007 - built from a tuple
    return typing.get_origin(annotation)[args]


@pytest.mark.parametrize(("struct", "model"), PAIRS.items(), ids=lambda c: c.__name__)
def test_fields_types_and_defaults_agree(struct: type[msgspec.Struct], model: type[BaseModel]) -> None:
    hints = typing.get_type_hints(struct)
    told = {f.name: (as_wire(hints[f.name]), f.required) for f in msgspec.structs.fields(struct)}
    assert told == {name: (f.annotation, f.is_required()) for name, f in model.model_fields.items()}


def test_every_struct_of_the_state_has_a_model() -> None:
    structs = {
        cls
        for module in (state, controls)
        for cls in vars(module).values()
        if isinstance(cls, type) and issubclass(cls, msgspec.Struct) and cls.__module__ == module.__name__
    }
    assert structs - {state.Counters, controls.Hold} == set(PAIRS)


def test_both_encode_the_same_state() -> None:
    encoded = msgspec.json.encode(make_state())
    assert wire.System.model_validate_json(encoded).model_dump(mode="json") == msgspec.json.decode(encoded)


def test_the_comparison_itself_sees_a_difference() -> None:
    assert as_wire(float | None) == typing.Union[float, NoneType]  # noqa: UP007 - the other spelling
    assert as_wire(dict[str, state.PhaseState]) == dict[str, wire.GridPhase]
    assert as_wire(tuple[state.SupportState, ...]) != tuple[wire.Reason, ...]
