"""The serial ports of this machine. They are only listed: opening one takes bytes from whoever uses it."""

import re
from pathlib import Path

from phasewise.discovery.findings import Finding, Kind, Note, NoteCode, Suggestion

DEV = Path("/dev")
_NAMED = "serial/by-id/*"
"""Names that stay the same whichever socket the cable is in; they come first, so they win."""
_FITS_IN_URL = re.compile(r"[A-Za-z0-9/._:+@-]+")
"""The system's own names do; others are shown by the plain name of the port."""
_PATTERNS = (_NAMED, "ttyUSB*", "ttyACM*", "ttyAMA*")


def serial_ports(dev: Path = DEV) -> list[Path]:
    """Each port once, by its most lasting name."""
    found: dict[Path, Path] = {}
    for pattern in _PATTERNS:
        for path in sorted(dev.glob(pattern)):
            if _FITS_IN_URL.fullmatch(str(path)):
                found.setdefault(path.resolve(), path)
    return list(found.values())


def finding(path: Path) -> Finding:
    """A port that may have a meter or a battery on it: only the user knows."""
    meter = Suggestion(Kind.METER, "dsmr", {"url": f"serial://{path}"})
    battery = Suggestion(
        Kind.BATTERY,
        "marstek",
        {"url": f"modbus-rtu://{path}?baudrate=115200&unit=1", "model": "venus-e-v2"},
    )
    return Finding(Kind.OTHER, path.name, (Note(NoteCode.SERIAL),), suggestions=(meter, battery))
