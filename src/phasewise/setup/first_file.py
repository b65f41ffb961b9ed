"""The text of the first configuration file: every word that the user gave, and no value more."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from phasewise.config.written import STEP, item_lines, key_lines

_HEAD = """\
# Configuration of Phasewise, written by {by}.
# Change it here or on the dashboard; a running Phasewise takes changes up by itself.
# All keys and what they mean: docs/configuration.md. To check it: phasewise check {name}
"""
_NO_PHASE = (
    "    # phase: which phase it is on has not been said yet: L1, L2, L3 or three-phase, here or on the\n"
    "    # dashboard."
)


class FirstFile(Struct, frozen=True):
    """The sections of the file, as plain values."""

    site: Mapping[str, Any]
    meter: Mapping[str, Any]
    batteries: Sequence[Mapping[str, Any]]
    web: Mapping[str, Any]
    """How the dashboard is served: as during set-up. Empty for the defaults."""
    control: Mapping[str, Any] = {}
    """What the batteries should do. Empty for the defaults."""
    written_by: str = "its set-up"

    def text(self, name: str) -> str:
        """The YAML. `name` is that of the file, for its comments. Values are as given, right or wrong."""
        batteries = [line for battery in self.batteries for line in _battery(battery)]
        parts = [
            _HEAD.format(name=name, by=self.written_by),
            *(
                _section(key, values)
                for key, values in (("site", self.site), ("meter", self.meter))
                if values
            ),
            "\n".join(["batteries:", *batteries, ""]) if batteries else "batteries: []\n",
            *(
                _section(key, values)
                for key, values in (("control", self.control), ("web", self.web))
                if values
            ),
        ]
        return "\n".join(parts)


def _section(name: str, values: Mapping[str, Any]) -> str:
    return "\n".join([*key_lines(name, values, 0, STEP, spread=True), ""])


def _battery(values: Mapping[str, Any]) -> list[str]:
    lines = item_lines(values, STEP, STEP, STEP, spread=True)
    return lines if "phase" in values else [*lines, _NO_PHASE]
