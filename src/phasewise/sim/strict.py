"""What every hand-written description of a simulation is made of."""

from typing import Annotated

from msgspec import Meta, Struct

Watts = Annotated[float, Meta(ge=-1e6, le=1e6)]
"""A house does not draw a megawatt: more is a slip of the pen."""
Power = Annotated[float, Meta(ge=0, le=1e6)]
Seconds = Annotated[float, Meta(ge=0)]
Positive = Annotated[float, Meta(gt=0)]
Percent = Annotated[float, Meta(ge=0, le=100)]
Share = Annotated[float, Meta(ge=0, le=1)]
PositiveShare = Annotated[float, Meta(gt=0, le=1)]


class Strict(Struct, frozen=True, forbid_unknown_fields=True):
    """A misspelt key is an error."""
