"""Is this a Marstek battery, and which? Reads registers (function 3); nothing is ever written.

The facts: docs/devices/marstek.md.
"""

import asyncio

from msgspec import Struct

from phasewise.devices.base import DeviceBadData, DeviceError, DeviceRefused, DeviceUnreachable
from phasewise.devices.batteries.marstek_models import MODELS, STATES, MarstekModel
from phasewise.devices.modbus import LineTiming, ModbusLink, parse_url
from phasewise.discovery.findings import Finding, Kind, Note, NoteCode, Suggestion

NAME, NAME_WORDS = 31000, 10
STATE = 35100
LIMITS = 44002
"""Most it may charge, then discharge, in W."""
FIRMWARE = {MarstekModel.VENUS_E_V2: 31100}
FIRMWARE_OF_OTHERS = 30200
SOC, SOC_V3, SOC_V3_NEWER = 32104, 37005, 34002
AC_POWER_V2, AC_POWER = 32202, 30006
"""Discharging positive: two words, and one."""

REOPEN_S = 1.2
"""An E v3 needs a second between two connections."""
LIMITS_W = range(100, 5001)
"""What can be a limit of a battery of 1.5 or 2.5 kW; a device that answers any number with 0 has none."""
LARGE_W = 1500
"""An A can do no more; a D whose limits are not above can't be told from it."""
MOST_W = 3 * 2500
"""More than three times what the largest can do is no power; the driver draws the same line."""
MOST_SOC = {SOC: 100.5, SOC_V3: 100.5, SOC_V3_NEWER: 1005}

# The strictest of all models: it is not known yet which one this is.
TIMING = LineTiming(frame_pause_s=0.15, reply_timeout_s=3.0, reopen_wait_s=1.0, settle_s=0.2)


class Nameplate(Struct, frozen=True):
    """What a unit says of itself; None where it says nothing understandable."""

    name: str | None = None
    firmware: str | None = None


async def nameplate(url: str, model: str) -> Nameplate:
    """Name and firmware of a unit of which the model is known. Never raises for what the device does."""
    asked = _Asked(url)
    try:
        name = _text(await asked.words(NAME, NAME_WORDS))
        firmware = await asked.words(FIRMWARE.get(MarstekModel(model), FIRMWARE_OF_OTHERS))
    except DeviceUnreachable:
        return Nameplate()
    finally:
        await asked.close()
    return Nameplate(name, None if firmware is None or firmware[0] in {0, 0xFFFF} else str(firmware[0]))


async def look(url: str, where: str) -> Finding | None:
    """What answers Modbus there; None where nothing does. `where` is for people."""
    asked = _Asked(url)
    try:
        if not await asked.answers():
            return None
        return await _recognised(asked, url, where) or Finding(
            Kind.OTHER,
            f"Modbus {where}",
            (Note(NoteCode.MODBUS_OTHER),),
        )
    except DeviceUnreachable as error:
        note = Note(NoteCode.MODBUS_STOPPED, {"why": str(error)})
        return Finding(Kind.OTHER, f"Modbus {where}", (note,)) if asked.answered else None
    finally:
        await asked.close()


async def _recognised(asked: "_Asked", url: str, where: str) -> Finding | None:
    state = await asked.words(STATE)
    if state is None or state[0] not in STATES:
        return None
    limits = await asked.words(LIMITS, 2)
    name = _text(await asked.words(NAME, NAME_WORDS))
    if limits is None or not all(limit in LIMITS_W for limit in limits):
        return None
    models, power_w, soc_pct = await _models(asked, limits[1])
    if not models:
        return None
    suggestions = tuple(Suggestion(Kind.BATTERY, "marstek", {"url": url, "model": m}) for m in models)
    notes = [
        Note(NoteCode.BATTERY, {"power_w": power_w}),
        Note(NoteCode.BATTERY_SOC, {"soc_pct": soc_pct}),
        *([Note(NoteCode.CALLS_ITSELF, {"name": name})] if name else []),
        *([Note(NoteCode.CHOOSE_MODEL)] if len(models) > 1 else []),
    ]
    return Finding(Kind.BATTERY, f"Marstek {where}", tuple(notes), "marstek", url, suggestions)


async def _models(asked: "_Asked", limit_w: int) -> tuple[tuple[MarstekModel, ...], float, float]:
    """Which models have these registers, with AC power (charging positive) and SoC; none if no model."""
    soc_pct = {}
    for register, most in MOST_SOC.items():
        words = await asked.words(register)
        if words is not None and words[0] <= most:
            soc_pct[register] = words[0] * (0.1 if register == SOC_V3_NEWER else 1.0)
    long, short = await asked.words(AC_POWER_V2, 2), await asked.words(AC_POWER)
    candidates: tuple[MarstekModel, ...] = ()
    power_w = 0.0
    if long is not None and short is None and SOC in soc_pct:
        candidates, power_w = (MarstekModel.VENUS_E_V2,), -_signed(long)
    elif short is not None:
        power_w = -_signed(short)
        if SOC in soc_pct and len(soc_pct) == 1:
            both = (MarstekModel.VENUS_A, MarstekModel.VENUS_D)
            candidates = (MarstekModel.VENUS_D,) if limit_w > LARGE_W else both
        elif soc_pct and SOC not in soc_pct:
            candidates = (MarstekModel.VENUS_E_V3,)
        elif soc_pct:
            # Firmware that has everything: whoever owns it knows.
            candidates = tuple(MODELS)
    if abs(power_w) > MOST_W:
        return (), 0.0, 0.0
    return candidates, power_w, next(iter(soc_pct.values()), 0.0)


class _Asked:
    """A device that is asked for registers it may not have."""

    def __init__(self, url: str) -> None:
        self._link = ModbusLink(parse_url(url), TIMING)
        self.answered = False

    async def answers(self) -> bool:
        """Whether Modbus is spoken there at all: a refusal is an answer too."""
        try:
            await self._link.read(STATE)
        except DeviceRefused:
            pass
        except DeviceError:
            return False
        self.answered = True
        return True

    async def words(self, address: int, count: int = 1) -> tuple[int, ...] | None:
        """Holding registers; None where it has none or garbles its refusal. Raises DeviceUnreachable."""
        try:
            return await self._link.read(address, count)
        except (DeviceRefused, DeviceBadData):
            return None

    async def close(self) -> None:
        """Let it go. Whoever comes next, such as control, finds it ready."""
        await self._link.close()
        await asyncio.sleep(REOPEN_S)


def _signed(words: tuple[int, ...]) -> float:
    return float(int.from_bytes(b"".join(word.to_bytes(2, "big") for word in words), "big", signed=True))


def _text(words: tuple[int, ...] | None) -> str | None:
    """Printable ASCII, padded with zeros or blanks; else None."""
    if words is None:
        return None
    raw = b"".join(word.to_bytes(2, "big") for word in words).strip(b"\x00 ")
    text = raw.decode("ascii", errors="replace")
    return text if text and all(" " <= character <= "~" for character in text) else None
