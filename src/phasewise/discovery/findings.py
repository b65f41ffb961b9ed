"""What a scan brings home."""

from enum import StrEnum

from msgspec import Struct


class Kind(StrEnum):
    """What it is. Only what answered or announced itself as a meter or a battery is called one."""

    METER = "meter"
    BATTERY = "battery"
    OTHER = "other"


class NoteCode(StrEnum):
    """What is to be said; the words are in `setup.words`."""

    P1 = "p1"
    """`who`, `power_w` (positive from the grid)"""
    P1_PHASES = "p1-phases"
    """`phases`"""
    P1_NO_PHASES = "p1-no-phases"
    FUSE_THRESHOLD = "fuse-threshold"
    """`current_a`"""
    P1_ENCRYPTED = "p1-encrypted"
    P1_REFUSED = "p1-refused"
    """`why`"""
    NOISE = "noise"
    SILENT = "silent"
    """`protocols`"""
    MODBUS_OTHER = "modbus-other"
    MODBUS_STOPPED = "modbus-stopped"
    """`why`"""
    BATTERY = "battery"
    """`power_w` (charging positive)"""
    BATTERY_UNKNOWN_POWER = "battery-unknown-power"
    BATTERY_SOC = "battery-soc"
    """`soc_pct`"""
    BATTERY_BUSY = "battery-busy"
    """`state`, in which it takes no setpoints"""
    CALLS_ITSELF = "calls-itself"
    """`name`"""
    CHOOSE_MODEL = "choose-model"
    PREFER_MODBUS = "prefer-modbus"
    ANNOUNCED = "announced"
    """`name`"""
    DRIVER_LATER = "driver-later"
    HOME_ASSISTANT = "home-assistant"
    """`version`"""
    SERIAL = "serial"
    IN_USE = "in-use"
    NO_MDNS = "no-mdns"
    """`why`"""
    TOO_MANY = "too-many"
    """`count`, `looked`"""
    LOOKING = "looking"
    """`network`"""
    ASKING = "asking"
    """`count`"""
    FOUND = "found"
    """`meters`, `batteries`, `network`"""
    ENDED = "ended"
    NOT_READ = "not-read"
    """`why`"""
    READ_IN_PART = "read-in-part"
    """`why`"""


class Note(Struct, frozen=True):
    """Something to be said, before it is known in which language."""

    code: NoteCode
    facts: dict[str, str | float] = {}


class Suggestion(Struct, frozen=True):
    """What a finding can be tested and configured as."""

    kind: Kind
    driver: str
    options: dict[str, str]
    """The driver's own keys. Never a phase: only the user knows that."""


class Finding(Struct, frozen=True):
    """Something that was found."""

    kind: Kind
    name: str
    """What and where, in words of no language."""
    notes: tuple[Note, ...]
    """What came back, and what to do."""
    driver: str | None = None
    """None where no driver of this version can talk to it."""
    url: str | None = None
    """As the configuration would have it; None where there is no driver."""
    suggestions: tuple[Suggestion, ...] = ()
    """Several where only the user knows which is right."""
    configured: bool = False
    """In use by the running Phasewise, and so left alone."""
