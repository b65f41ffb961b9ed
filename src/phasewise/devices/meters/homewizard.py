"""HomeWizard's P1 meter and kWh meters, on either of their local APIs."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, model_validator

from phasewise.devices.base import Clock, DeviceBadData, DriverOptions, FileOfConfiguration
from phasewise.devices.homewizard import parse_url
from phasewise.devices.meters.homewizard_values import reading_of_version_1, reading_of_version_2
from phasewise.devices.meters.network import SILENT_S, NetworkMeter, Payload, brief, parse_object
from phasewise.model import GridReading

if TYPE_CHECKING:
    import aiohttp


class HomeWizardOptions(DriverOptions):
    """Settings of a HomeWizard P1 meter or kWh meter."""

    url: str
    """http://HOST after the local API was switched on in HomeWizard's app; or https://HOST with a token_file,
    which is faster and safer."""
    token_file: FileOfConfiguration | None = Field(default=None, json_schema_extra={"x-asked": True})
    """For https: the file that `phasewise pair-homewizard https://HOST FILE` wrote."""
    ca_file: FileOfConfiguration | None = Field(default=None, json_schema_extra={"x-advanced": True})
    """For https: HomeWizard's certificate authority, a PEM file; then any certificate of a HomeWizard device
    is taken, instead of the one that was seen when the device was paired."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        secure = parse_url(self.url).startswith("https:")
        if secure and self.token_file is None:
            raise ValueError(
                "https:// needs a token_file; 'phasewise pair-homewizard https://HOST FILE' writes one"
            )
        if not secure and (self.token_file or self.ca_file):
            raise ValueError("a token_file or ca_file is for https:// only")
        return self


class HomeWizardMeter(NetworkMeter):
    """A `MeterDriver`: polls version 1 of the API once a second, or listens to version 2."""

    options_model: ClassVar[type[DriverOptions]] = HomeWizardOptions

    def __init__(self, options: HomeWizardOptions, clock: Clock, *, silent_s: float = SILENT_S) -> None:
        super().__init__(options.url, clock, silent_s=silent_s)
        self._options = options
        self._url = parse_url(options.url)

    @classmethod
    def from_options(cls, options: DriverOptions, clock: Clock) -> Self:
        """A driver that has not touched the device yet."""
        if not isinstance(options, HomeWizardOptions):
            raise TypeError(f"HomeWizardMeter needs HomeWizardOptions, not {type(options).__name__}")
        return cls(options, clock)

    async def _talk(self, session: "aiohttp.ClientSession") -> AsyncGenerator[Payload, None]:
        # A daemon without such a meter need not load what this needs.
        from phasewise.devices.homewizard_link import WithoutToken, WithToken  # noqa: PLC0415

        options = self._options
        if options.token_file is None:
            talk: WithoutToken | WithToken = WithoutToken(session, self._url, self._clock)
        else:
            talk = WithToken(session, self._url, self._clock, options.token_file, options.ca_file)
        async with aclosing(talk.payloads()) as payloads:
            async for payload in payloads:
                yield payload

    def _understand(self, payload: Payload) -> GridReading | None:
        values = parse_object(payload.content)
        if self._options.token_file is None:
            return reading_of_version_1(values, payload.received_s, payload.update)
        if values.get("type") == "error":
            raise DeviceBadData(f"it answered {brief(values.get('data'))}")
        data = values.get("data")
        if values.get("type") != "measurement" or not isinstance(data, dict):
            return None
        return reading_of_version_2(data, payload.received_s, self._clock.utc_s())
