"""Finds meters and batteries when the user asks for it. Reads and listens; never writes to a device."""

from phasewise.discovery.findings import Finding, Kind, Note, NoteCode, Suggestion
from phasewise.discovery.marstek import Nameplate, nameplate
from phasewise.discovery.network import RangeError, own_ranges, parse_range
from phasewise.discovery.scan import USUAL_PORTS, Scan

__all__ = [
    "USUAL_PORTS",
    "Finding",
    "Kind",
    "Nameplate",
    "Note",
    "NoteCode",
    "RangeError",
    "Scan",
    "Suggestion",
    "nameplate",
    "own_ranges",
    "parse_range",
]
