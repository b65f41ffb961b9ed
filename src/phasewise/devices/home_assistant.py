"""What drivers share whose device is reached through Home Assistant: settings, and what an entity is.

The connection itself is in `home_assistant_link`: it needs aiohttp, which a home without does not load.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any, ClassVar

from msgspec import Struct
from pydantic import Field

from phasewise.devices.base import DeviceUnreachable, DriverOptions, FileOfConfiguration

REPLY_S = 5.0
"""Home Assistant answers within milliseconds, but an action ends when the device has it: a slow Modbus line
takes seconds."""
ABSENT = frozenset({"unavailable", "unknown", ""})
"""What an entity says when it knows nothing."""


NAME = r"^[a-z_]+\.[a-z0-9_]+$"
"""What names of entities look like."""
EntityName = Annotated[str, Field(pattern=NAME, json_schema_extra={"x-advanced": True})]
"""An option that names an entity: most homes have the usual names."""


class HomeAssistantOptions(DriverOptions):
    """How to reach Home Assistant; every driver that does has these settings."""

    is_shared: ClassVar[bool] = True

    url: str = Field(default="http://homeassistant.local:8123", json_schema_extra={"x-asked": True})
    """Where Home Assistant is, as in the browser; for the add-on http://supervisor/core."""
    token_file: FileOfConfiguration | None = Field(default=None, json_schema_extra={"x-asked": True})
    """File that contains a long-lived access token (Home Assistant: your profile, Security). The add-on needs
    none."""


class Entity(Struct, frozen=True):
    """What is known of an entity."""

    id: str
    state: str
    attributes: Mapping[str, Any] = {}
    context: Mapping[str, str | None] = {}
    """`id` of what changed it; `user_id` and `parent_id` where that was a person, a program or an automation,
    and not the device itself."""
    changed_utc_s: float = 0.0
    """Home Assistant's own time at which it changed, or was confirmed since."""
    reported_s: float = float("-inf")
    """Our monotonic time at which it was last said to be so; before all time while nobody knows."""
    asked_s: float = float("-inf")
    """When it was last asked for that."""

    @property
    def known(self) -> bool:
        """Whether it says anything."""
        return self.state not in ABSENT


@asynccontextmanager
async def deadline(seconds: float, what: str) -> AsyncIterator[None]:
    """Everything inside takes at most so long, else DeviceUnreachable."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise DeviceUnreachable(f"{what}: Home Assistant did not finish within {seconds:g} s") from error
