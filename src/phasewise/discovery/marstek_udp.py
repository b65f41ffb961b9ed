"""Which Marstek batteries have their local API switched on? Asks for their nameplate, once; sets nothing.

The facts: docs/devices/marstek-udp.md.
"""

import asyncio
import random
from collections.abc import Collection
from typing import Any

import msgspec

from phasewise.devices.batteries.marstek_models import MarstekModel
from phasewise.discovery.findings import Finding, Kind, Note, NoteCode, Suggestion

PORT = 30000
LISTEN_S = 2.0
"""Answers were seen within 0.5 s; asked once only, because these units bear few requests."""
AT_ONCE, PAUSE_S = 32, 0.05
"""Questions sent in one go: a whole home network takes half a second."""
MODELS = {
    "venuse 3": MarstekModel.VENUS_E_V3,
    "venuse": MarstekModel.VENUS_E_V2,
    "venusa": MarstekModel.VENUS_A,
    "venusd": MarstekModel.VENUS_D,
}
"""How the name begins that a unit gives itself; the first that fits."""
MAX_NAME = 40


class _Answers(asyncio.DatagramProtocol):
    """Collects the answers to one question."""

    def __init__(self, number: int, asked: Collection[str]) -> None:
        self._number = number
        self._asked = frozenset(asked)
        self.by_address: dict[str, dict[str, Any]] = {}

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        try:
            answer = msgspec.json.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return
        if isinstance(answer, dict) and answer.get("id") == self._number and addr[0] in self._asked:
            result = answer.get("result")
            if isinstance(result, dict):
                self.by_address[addr[0]] = result


async def ask(addresses: Collection[str], port: int = PORT) -> list[Finding]:
    """The batteries among these addresses. Raises OSError where nothing can be sent at all."""
    number = random.randrange(0x10000)  # noqa: S311 - is no secret
    question = msgspec.json.encode({"id": number, "method": "Marstek.GetDevice", "params": {"ble_mac": "0"}})
    loop = asyncio.get_running_loop()
    transport, answers = await loop.create_datagram_endpoint(
        lambda: _Answers(number, addresses), local_addr=("0.0.0.0", 0)
    )
    try:
        for nth, address in enumerate(addresses, start=1):
            transport.sendto(question, (address, port))
            if nth % AT_ONCE == 0:
                await asyncio.sleep(PAUSE_S)
        await asyncio.sleep(LISTEN_S)
    finally:
        transport.close()
    found = (_finding(address, port, said) for address, said in sorted(answers.by_address.items()))
    return [finding for finding in found if finding is not None]


def _finding(address: str, port: int, said: dict[str, Any]) -> Finding | None:
    device = said.get("device")
    if not isinstance(device, str) or not device.isprintable() or not 0 < len(device) <= MAX_NAME:
        return None
    url = f"udp://{address}:{port}"
    known = next((model for name, model in MODELS.items() if device.lower().startswith(name)), None)
    models = tuple(MarstekModel) if known is None else (known,)
    notes = [
        Note(NoteCode.CALLS_ITSELF, {"name": device}),
        Note(NoteCode.PREFER_MODBUS),
        *([Note(NoteCode.CHOOSE_MODEL)] if known is None else []),
    ]
    suggestions = tuple(Suggestion(Kind.BATTERY, "marstek-udp", {"url": url, "model": m}) for m in models)
    return Finding(Kind.BATTERY, f"Marstek {address}:{port}", tuple(notes), "marstek-udp", url, suggestions)
