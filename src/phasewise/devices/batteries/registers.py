"""Quantities in registers: where they are, what they can be, and which of them a firmware has."""

from collections.abc import Collection, Mapping

from msgspec import Struct

from phasewise.devices.base import DeviceBadData
from phasewise.devices.modbus import ModbusLink, RegisterMissing


class Register(Struct, frozen=True):
    """One quantity: a big-endian integer of `words` registers, times `scale`."""

    address: int
    words: int = 1
    signed: bool = False
    scale: float = 1.0
    low: float = 0.0
    high: float = 65535.0
    """What is outside cannot be true: it is the device's word for "not known", or garbage."""

    def decode(self, words: tuple[int, ...]) -> float | None:
        """The quantity, or None where it cannot be true."""
        raw = int.from_bytes(b"".join(word.to_bytes(2, "big") for word in words), "big", signed=self.signed)
        value = raw * self.scale + 0.0  # never -0.0
        return value if self.low <= value <= self.high else None


Block = Mapping[str, Register]
"""Quantities by name that one request reads: from the lowest register to the highest."""
Choice = tuple[Block, ...]
"""What may be read, by firmware: the first block that the device has. An empty one: do without."""


class Chooser:
    """Reads the block of a choice that this device's firmware has: found by trying."""

    def __init__(self, choice: Choice, required: Collection[str]) -> None:
        self._choice = choice
        self._required = required
        self._index = 0
        self._proven = False

    async def read(self, link: ModbusLink) -> dict[str, float]:
        """The quantities that can be true. DeviceBadData where a required one cannot."""
        for _ in self._choice[1:]:
            try:
                return await self._read_block(link)
            except RegisterMissing:
                self._next()
            except DeviceBadData:
                # Some firmware garbles its refusals.
                if not self._proven:
                    self._next()
                raise
        return await self._read_block(link)

    def _next(self) -> None:
        self._index = (self._index + 1) % len(self._choice)
        self._proven = False

    async def _read_block(self, link: ModbusLink) -> dict[str, float]:
        block = self._choice[self._index]
        if not block:
            return {}
        start = min(register.address for register in block.values())
        end = max(register.address + register.words for register in block.values())
        words = await link.read(start, end - start)
        self._proven = True
        values = {}
        for name, register in block.items():
            first = register.address - start
            own = words[first : first + register.words]
            value = register.decode(own)
            if value is not None:
                values[name] = value
            elif name in self._required:
                said = " ".join(f"0x{word:04X}" for word in own)
                raise DeviceBadData(
                    f"{link.endpoint}: register {register.address} ({name}) says {said}: that can't be; "
                    "next: it is read again"
                )
        return values
