"""Is this a P1 meter? Listens; nothing is sent."""

import asyncio

from msgspec import Struct

from phasewise.devices.p1 import Discard, Telegram, TelegramError, TelegramReader, parse
from phasewise.devices.p1.link import LinkError, TcpEndpoint, open_link
from phasewise.discovery.findings import Finding, Kind, Note, NoteCode, Suggestion

SLOWEST_S = 11.0
"""The slowest meters send every 10 s."""
MAX_BYTES = 131_072
"""A meter sends at most 2.4 kB a second: whatever sends so much is none, and must not keep us busy."""
NO_THRESHOLD_A = 999.0
"""What a meter says that has no fuse threshold."""


class Heard(Struct, frozen=True):
    """What came of listening."""

    bytes_count: int = 0
    telegram: Telegram | None = None
    encrypted: bool = False
    refusal: str | None = None
    """Why a telegram could not be used."""


async def listen(address: str, port: int, quiet_s: float) -> Heard:
    """Listen for a telegram. Ends after `quiet_s` of silence from the start, else when it can be told.

    A connection that is refused or breaks is silence too: another program may hold it.
    """
    try:
        link = await open_link(TcpEndpoint(address, port), None)
    except LinkError:
        return Heard()
    ear = _Ear()
    try:
        async with asyncio.timeout(quiet_s) as limit:
            while not ear.knows:
                ear.take(await link.read())
                limit.reschedule(ear.started_s + SLOWEST_S)
    except (LinkError, TimeoutError):
        pass
    finally:
        await link.close()
    return ear.heard()


class _Ear:
    """Gathers what comes until it can be told what it is."""

    def __init__(self) -> None:
        self.started_s = asyncio.get_running_loop().time()
        self._reader = TelegramReader()
        self._bytes_count = 0
        self._telegram: Telegram | None = None
        self._refusal: str | None = None

    @property
    def knows(self) -> bool:
        return self._telegram is not None or self._encrypted or self._bytes_count > MAX_BYTES

    @property
    def _encrypted(self) -> bool:
        return Discard.ENCRYPTED in self._reader.discarded

    def take(self, chunk: bytes) -> None:
        self._bytes_count += len(chunk)
        for payload in self._reader.feed(chunk[:MAX_BYTES]):
            try:
                self._telegram = parse(payload)
            except TelegramError as error:
                self._refusal = str(error)

    def heard(self) -> Heard:
        return Heard(self._bytes_count, self._telegram, self._encrypted, self._refusal)


def finding(address: str, port: int, heard: Heard) -> Finding | None:
    """The meter that was heard, or None where it was none."""
    name = f"P1 {address}:{port}"
    url = f"tcp://{address}:{port}"
    if heard.telegram is not None:
        suggestion = Suggestion(Kind.METER, "dsmr", {"url": url})
        return Finding(Kind.METER, name, _notes(heard.telegram), "dsmr", url, (suggestion,))
    if heard.encrypted:
        return Finding(Kind.METER, name, (Note(NoteCode.P1_ENCRYPTED),))
    if heard.refusal is not None:
        return Finding(Kind.OTHER, name, (Note(NoteCode.P1_REFUSED, {"why": heard.refusal}),))
    return None


def _notes(telegram: Telegram) -> tuple[Note, ...]:
    known = ", ".join(
        name
        for name, values in zip(("L1", "L2", "L3"), telegram.phases, strict=True)
        if values is not None and values.power_w is not None
    )
    who, threshold_a = telegram.identification.strip(), telegram.fuse_threshold_a
    notes = [
        Note(NoteCode.P1, {"who": who, "power_w": telegram.total_power_w}),
        Note(NoteCode.P1_PHASES, {"phases": known}) if known else Note(NoteCode.P1_NO_PHASES),
    ]
    if threshold_a is not None and threshold_a < NO_THRESHOLD_A:
        notes.append(Note(NoteCode.FUSE_THRESHOLD, {"current_a": threshold_a}))
    return tuple(notes)
