"""The text of the first configuration file: every word that the user gave, and no value more."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from ruamel.yaml import YAML

_HEAD = """\
# Configuration of Phasewise, written by its set-up.
# Change it here or on the dashboard; a running Phasewise takes changes up by itself.
# All keys and what they mean: docs/configuration.md. To check it: phasewise check {name}
"""
_NO_PHASE = """\
    # phase: which phase it is on has not been said yet. L1, L2, L3 or three-phase, here or on the dashboard.
"""


class FirstFile(Struct, frozen=True):
    """The sections of the file, as plain values."""

    site: Mapping[str, Any]
    meter: Mapping[str, Any]
    batteries: Sequence[Mapping[str, Any]]
    web: Mapping[str, Any]
    """How the dashboard is served: as during set-up. Empty for the defaults."""

    def text(self, name: str) -> str:
        """The YAML. `name` is that of the file, for its comments. Values are as given, right or wrong."""
        parts = [_HEAD.format(name=name), _section("site", self.site), _section("meter", self.meter)]
        if self.batteries:
            parts.append("batteries:\n" + "".join(_battery(battery) for battery in self.batteries))
        else:
            parts.append("batteries: []\n")
        parts.append(_section("web", self.web))
        return "\n".join(part for part in parts if part)


def _section(name: str, values: Mapping[str, Any]) -> str:
    if not values:
        return ""
    return f"{name}:\n" + "".join(f"  {line}\n" for line in _lines(values))


def _battery(values: Mapping[str, Any]) -> str:
    if not values:
        return "  - {}\n"
    first, *rest = _lines(values)
    text = f"  - {first}\n" + "".join(f"    {line}\n" for line in rest)
    return text if "phase" in values else text + _NO_PHASE


def _lines(values: Mapping[str, Any]) -> list[str]:
    return [f"{_scalar(key)}: {_scalar(value)}" for key, value in values.items()]


def _scalar(value: Any) -> str:
    """A value on one line, quoted where it must be; a collection in braces or brackets."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = True
    yaml.width = 2**20
    yaml.allow_unicode = True
    stream = io.StringIO()
    yaml.dump([value], stream)
    return stream.getvalue().strip().removeprefix("[").removesuffix("]")
