"""What a P1 telegram says, without being told the country of the meter.

One pass over the lines `A-B:C.D.E(value*unit)`; units are taken as written. A line that is not in
the table is ignored. A line that is, but can't be understood, makes its quantity absent and is noted.
Sources: DSMR P1 companion standard 2.2 to 5.0.2, e-MUCS P1 1.7.1, OBIS (IEC 62056-61), real telegrams.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum, auto

from msgspec import Struct

from phasewise.model import PhaseReading

PhaseReadings = tuple[PhaseReading | None, PhaseReading | None, PhaseReading | None]


class TelegramError(ValueError):
    """The telegram can't be used. The text says why."""


class Telegram(Struct, frozen=True, kw_only=True):
    """The quantities found in one telegram; what it does not say, or not understandably, is None."""

    identification: str
    """The first line, without the slash: manufacturer and type."""
    total_power_w: float
    """The meter's own total, import positive."""
    phases: PhaseReadings
    """L1, L2, L3; None where nothing is said of the phase."""
    current_quantum_a: float | None = None
    """Coarsest resolution in which the currents are written."""
    time_utc_s: float | None = None
    """The meter's clock, as Unix time if it keeps Central European time."""
    energy_import_wh: float | None = None
    energy_export_wh: float | None = None
    """Sums over the tariffs."""
    quarter_demand_w: float | None = None
    month_peak_w: float | None = None
    limiter_w: float | None = None
    limiter_a: float | None = None
    """Threshold of the breaker (0-0:17.0.0), in the unit the meter uses; 999.9 kW means none."""
    fuse_threshold_a: float | None = None
    """Threshold of the supervision (1-0:31.4.0); 999 A means none."""
    meter_id: str | None = None
    """Equipment identifier as written: many meters write the letters as hexadecimal numbers."""
    notes: tuple[str, ...] = ()
    """What could not be understood."""


class _Quantity(Enum):
    POWER = auto()
    ENERGY = auto()
    CURRENT = auto()
    VOLTAGE = auto()


class _Number(Struct, frozen=True):
    value: float
    quantum: float
    """The unit of the last written decimal."""
    quantity: _Quantity


_UNITS = {
    b"W": (_Quantity.POWER, 1, 1),
    b"kW": (_Quantity.POWER, 1000, 1),
    b"Wh": (_Quantity.ENERGY, 1, 1),
    b"kWh": (_Quantity.ENERGY, 1000, 1),
    b"A": (_Quantity.CURRENT, 1, 1),
    b"mA": (_Quantity.CURRENT, 1, 1000),
    b"V": (_Quantity.VOLTAGE, 1, 1),
    b"mV": (_Quantity.VOLTAGE, 1, 1000),
}
"""Unit as written: quantity, and factor to W, Wh, A or V as numerator and denominator."""

_LIMITS = {
    # DSMR 5 writes power as F5(3,3): at most 99.999 kW. A home that needs more has no P1 meter.
    _Quantity.POWER: 100_000.0,
    _Quantity.ENERGY: 1e12,
    # DSMR 5 writes current as F3(0,0): at most 999 A.
    _Quantity.CURRENT: 1_000.0,
    # Above any voltage between two phases of a home (400 V).
    _Quantity.VOLTAGE: 500.0,
}
"""A measured magnitude above this can't be true."""

_IMPORT, _EXPORT, _NET = b"1-0:1.7.0", b"1-0:2.7.0", b"1-0:16.7.0"
_PHASE_CODES = tuple(
    tuple(b"1-0:%d.7.0" % (base + item) for item in (1, 2, 16, 11, 12)) for base in (20, 40, 60)
)
"""Per phase: import, export and net power, current, voltage."""
_QUARTER_DEMAND, _MONTH_PEAK = b"1-0:1.4.0", b"1-0:1.6.0"
_LIMITER, _FUSE_THRESHOLD = b"0-0:17.0.0", b"1-0:31.4.0"
_TIME = b"0-0:1.0.0"
_METER_IDS = (b"0-0:96.1.1", b"0-0:96.1.0", b"1-0:0.0.0", b"0-0:96.1.255")
"""In order of preference: NL and BE, HU and IE, EasyMeter."""


def _tariffs(register: int) -> tuple[bytes, ...]:
    return tuple(b"1-0:%d.8.%d" % (register, tariff) for tariff in range(5))


_ENERGY_IMPORT, _ENERGY_EXPORT = _tariffs(1), _tariffs(2)
"""The total (tariff 0), then tariffs 1 to 4."""

_NUMBERS: dict[bytes, tuple[_Quantity, ...]] = {
    **dict.fromkeys((_IMPORT, _EXPORT, _NET, _QUARTER_DEMAND, _MONTH_PEAK), (_Quantity.POWER,)),
    **dict.fromkeys(_ENERGY_IMPORT + _ENERGY_EXPORT, (_Quantity.ENERGY,)),
    **{code: (_Quantity.POWER,) for codes in _PHASE_CODES for code in codes[:3]},
    **{codes[3]: (_Quantity.CURRENT,) for codes in _PHASE_CODES},
    **{codes[4]: (_Quantity.VOLTAGE,) for codes in _PHASE_CODES},
    # DSMR 3 writes the limiter in A, later standards in kW.
    _LIMITER: (_Quantity.POWER, _Quantity.CURRENT),
    _FUSE_THRESHOLD: (_Quantity.CURRENT,),
}
_TEXTS = frozenset((_TIME, *_METER_IDS))
_MAY_BE_SIGNED = frozenset(
    (_IMPORT, _NET, *(codes[0] for codes in _PHASE_CODES), *(codes[2] for codes in _PHASE_CODES))
)
"""Net power, and import power of a meter without an export line (EasyMeter)."""
_SETTINGS = frozenset((_LIMITER, _FUSE_THRESHOLD))
"""Not measured: "no limit" is written as a huge number."""

_LINE = re.compile(rb"(\d{1,3}-\d{1,3}:\d{1,3}\.\d{1,3}\.\d{1,3})(.*)", re.DOTALL)
_VALUE = re.compile(rb"(?:\*\d{1,3})?(\([^()]*\))?\(([^()]*)\)")
"""An optional billing period (`*255`), an optional timestamp, the value."""
_WRITTEN_NUMBER = re.compile(rb"([+-]?)(\d{1,10})(?:\.(\d{1,9}))?\*?([A-Za-z]{1,3})")
_WRITTEN_TIME = re.compile(rb"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)([SW])")
_WRITTEN_ID = re.compile(rb"[!-~]{1,64}")

_SUMMER_TIME, _WINTER_TIME = timezone(timedelta(hours=2)), timezone(timedelta(hours=1))
"""NL, BE, LU, DE, HU, SE, DK and AT share these. Elsewhere the clock is off by a constant; only that
it advances is relied on."""

_ENCRYPTED = b"\xdb"


def parse(telegram: bytes) -> Telegram:
    """Read a telegram that begins with `/`; its checksum is not looked at here.

    Raises TelegramError if it is no readable telegram or says nothing certain of the total power.
    """
    if telegram.startswith(_ENCRYPTED):
        raise TelegramError("it is encrypted, as in Luxembourg; encrypted meters are not supported yet")
    if not telegram.startswith(b"/"):
        raise TelegramError("it does not begin with '/'")
    found = _Found(telegram)
    total_power_w = found.power_w(_IMPORT, _EXPORT, _NET)
    if total_power_w is None:
        why = f" ({'; '.join(found.notes[:3])})" if found.notes else ""
        raise TelegramError(f"it has no usable total power, 1-0:1.7.0 and 2.7.0, or 16.7.0{why}")
    l1, l2, l3 = (found.phase(codes) for codes in _PHASE_CODES)
    quanta = [n.quantum for codes in _PHASE_CODES if (n := found.numbers.get(codes[3])) is not None]
    limiter = found.numbers.get(_LIMITER)
    return Telegram(
        identification=telegram[1:].split(b"\n", 1)[0].strip().decode("ascii", "replace"),
        total_power_w=total_power_w,
        phases=(l1, l2, l3),
        current_quantum_a=max(quanta, default=None),
        time_utc_s=found.time_utc_s(),
        energy_import_wh=found.energy_wh(_ENERGY_IMPORT),
        energy_export_wh=found.energy_wh(_ENERGY_EXPORT),
        quarter_demand_w=found.value(_QUARTER_DEMAND),
        month_peak_w=found.value(_MONTH_PEAK),
        limiter_w=limiter.value if limiter and limiter.quantity is _Quantity.POWER else None,
        limiter_a=limiter.value if limiter and limiter.quantity is _Quantity.CURRENT else None,
        fuse_threshold_a=found.value(_FUSE_THRESHOLD),
        meter_id=found.meter_id(),
        notes=tuple(found.notes),
    )


class _Found:
    """The known lines of one telegram."""

    def __init__(self, telegram: bytes) -> None:
        self.numbers: dict[bytes, _Number] = {}
        self.texts: dict[bytes, bytes] = {}
        self.notes: list[str] = []
        self._unusable: set[bytes] = set()
        for raw in telegram.split(b"\n"):
            line = _LINE.fullmatch(raw.strip())
            if line is not None and (line[1] in _NUMBERS or line[1] in _TEXTS):
                self._take(line[1], line[2])

    def _take(self, code: bytes, written: bytes) -> None:
        value = _VALUE.fullmatch(written)
        if value is None or (value[1] is not None and code != _MONTH_PEAK):
            self._refuse(code, written, "not understood")
        elif code in _TEXTS:
            if self.texts.setdefault(code, value[2]) != value[2]:
                self._refuse(code, written, "contradicts an earlier line")
        else:
            self._take_number(code, value[2])

    def _take_number(self, code: bytes, written: bytes) -> None:
        number = _number(written)
        if number is None or number.quantity not in _NUMBERS[code]:
            self._refuse(code, written, "not understood")
        elif number.value < 0 and code not in _MAY_BE_SIGNED:
            self._refuse(code, written, "must not be negative")
        elif abs(number.value) > _LIMITS[number.quantity] and code not in _SETTINGS:
            self._refuse(code, written, "can't be true")
        elif self.numbers.setdefault(code, number) != number:
            self._refuse(code, written, "contradicts an earlier line")

    def _refuse(self, code: bytes, written: bytes, why: str) -> None:
        self._unusable.add(code)
        shown = written[:40].decode("ascii", "backslashreplace")
        self.notes.append(f"{code.decode()} {shown!r} {why}")

    def _is_unusable(self, *codes: bytes) -> bool:
        return not self._unusable.isdisjoint(codes)

    def value(self, code: bytes) -> float | None:
        """One number, in W, Wh, A or V."""
        number = self.numbers.get(code)
        return None if number is None or self._is_unusable(code) else number.value

    def power_w(self, import_code: bytes, export_code: bytes, net_code: bytes) -> float | None:
        """Import minus export; either alone where the meter has no other; else net power."""
        # A line that can't be read is not a line that the meter does not have: export without
        # its import would be a wrong number.
        if self._is_unusable(import_code, export_code):
            return None
        import_w, export_w = self.value(import_code), self.value(export_code)
        if import_w is None and export_w is None:
            return self.value(net_code)
        if export_w is None:
            return import_w
        if import_w is not None and import_w < 0:
            self._refuse(import_code, b"%.0f" % import_w, "is negative beside an export line")
            return None
        return (import_w or 0.0) - export_w

    def phase(self, codes: tuple[bytes, ...]) -> PhaseReading | None:
        """One phase, or None if nothing is known of it."""
        import_code, export_code, net_code, current_code, voltage_code = codes
        reading = PhaseReading(
            power_w=self.power_w(import_code, export_code, net_code),
            current_a=self.value(current_code),
            voltage_v=self.value(voltage_code),
        )
        return None if reading == PhaseReading() else reading

    def energy_wh(self, codes: tuple[bytes, ...]) -> float | None:
        """The total register, or the sum of the tariffs."""
        total_wh = self.value(codes[0])
        if total_wh is not None:
            return total_wh
        tariffs_wh = [wh for code in codes[1:] if (wh := self.value(code)) is not None]
        return sum(tariffs_wh) if tariffs_wh and not self._is_unusable(*codes) else None

    def time_utc_s(self) -> float | None:
        """The meter's clock as Unix time."""
        written = self.texts.get(_TIME)
        if written is None or self._is_unusable(_TIME):
            return None
        parts = _WRITTEN_TIME.fullmatch(written)
        if parts is not None:
            year, month, day, hour, minute, second = (int(part) for part in parts.groups()[:6])
            zone = _SUMMER_TIME if parts[7] == b"S" else _WINTER_TIME
            try:
                local = datetime(2000 + year, month, day, hour, minute, second, tzinfo=zone)
            except ValueError:
                pass
            else:
                return local.astimezone(UTC).timestamp()
        self._refuse(_TIME, written, "is no time")
        return None

    def meter_id(self) -> str | None:
        """The first identifier that is not empty."""
        for code in _METER_IDS:
            written = self.texts.get(code, b"")
            if _WRITTEN_ID.fullmatch(written) and not self._is_unusable(code):
                return written.decode()
        return None


def _number(written: bytes) -> _Number | None:
    parts = _WRITTEN_NUMBER.fullmatch(written)
    if parts is None or parts[4] not in _UNITS:
        return None
    quantity, numerator, denominator = _UNITS[parts[4]]
    decimals = parts[3] or b""
    # In whole numbers up to the one division: 2.949 kW is 2949 W, not 2949.0000000000005.
    digits = int(parts[1] + parts[2] + decimals) * numerator
    divisor = 10 ** len(decimals) * denominator
    return _Number(value=digits / divisor, quantum=numerator / divisor, quantity=quantity)
