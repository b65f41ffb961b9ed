"""Cuts a byte stream into telegrams, and says what it had to throw away.

A telegram is `/` and an identification, lines, and `!` with up to four hexadecimal digits of
checksum (DSMR 4 and later) or none (DSMR 2 and 3, EasyMeter), each line ended by CR LF or LF.
"""

import re
from collections import Counter
from enum import StrEnum

from phasewise.devices.p1.crc import crc16

MAX_TELEGRAM_BYTES = 16384
"""The longest telegram seen is 2.4 kB (Hungary, with 1 kB of text); DSMR 5 allows 2 kB of text and
four further meters. What is longer has lost its end, and must not fill the memory."""

GARBAGE_BYTES = 2048
"""Bytes outside any telegram are counted as one piece of garbage per this many: about a telegram."""

TRAILER_BYTES = 128
"""EasyMeter sends up to about 90 bytes between two telegrams: nothing is wrong with that."""

_START = re.compile(rb"/[A-Za-z]{3}")
"""Three letters of the manufacturer: found in the middle of a line, where noise came first."""
_CHECKSUM = re.compile(rb"[0-9A-Fa-f]{1,4}")
_ENCRYPTED = re.compile(rb"\xdb\x08[A-Za-z]{3}")
"""DLMS general-glo-ciphering with a system title of 8 bytes that begins with the manufacturer."""
_BLANK = b" \t\r\n\x00"


class Discard(StrEnum):
    """Why bytes were thrown away."""

    TORN_START = "without its start"
    TORN_END = "without its end"
    BAD_CHECKSUM = "with a wrong checksum"
    NO_CHECKSUM = "without the checksum that this meter sends"
    OVERSIZE = "longer than a telegram can be"
    GARBAGE = "garbage"
    ENCRYPTED = "encrypted"


class TelegramReader:
    """Fed with chunks of any size, returns complete telegrams. Never raises, whatever comes.

    How the stream is cut into chunks makes no difference. Memory is bounded by one telegram and
    the chunk. Within one stream, once a telegram had a checksum all must have one.
    """

    def __init__(self) -> None:
        self.discarded: Counter[Discard] = Counter()
        """What was thrown away so far, counted; `reset` keeps it."""
        self.reset()

    def reset(self) -> None:
        """Begin a new stream: forget what is unfinished."""
        self._line = bytearray()
        self._line_too_long = False
        self._telegram: bytearray | None = None
        self._stray_bytes = 0
        self._has_checksums = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take in received bytes; returns the telegrams they complete, oldest first, `/` to line end."""
        telegrams = []
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            self._extend_line(end + b"\n")
            line, too_long = bytes(self._line), self._line_too_long
            self._line.clear()
            self._line_too_long = False
            telegram = None if too_long else self._take_line(line)
            if telegram is not None:
                telegrams.append(telegram)
        self._extend_line(rest)
        return telegrams

    def _extend_line(self, piece: bytes) -> None:
        if self._line_too_long:
            return
        self._line += piece
        if len(self._line) > MAX_TELEGRAM_BYTES:
            self._line.clear()
            self._line_too_long = True
            self.discarded[Discard.GARBAGE if self._telegram is None else Discard.OVERSIZE] += 1
            self._telegram = None

    def _take_line(self, line: bytes) -> bytes | None:
        if line.startswith(b"/"):
            if self._telegram is not None:
                self.discarded[Discard.TORN_END] += 1
            self._begin(line)
        elif self._telegram is None:
            self._take_stray(line)
        elif line.startswith(b"!"):
            return self._finish(line)
        elif len(self._telegram) + len(line) > MAX_TELEGRAM_BYTES:
            self.discarded[Discard.OVERSIZE] += 1
            self._telegram = None
        else:
            self._telegram += line
        return None

    def _begin(self, line: bytes) -> None:
        if self._stray_bytes > TRAILER_BYTES:
            self.discarded[Discard.GARBAGE] += 1
        self._stray_bytes = 0
        self._telegram = bytearray(line)

    def _take_stray(self, line: bytes) -> None:
        if _ENCRYPTED.search(line):
            self.discarded[Discard.ENCRYPTED] += 1
        elif line.startswith(b"!"):
            self.discarded[Discard.TORN_START] += 1
            self._stray_bytes = 0
        elif start := _START.search(line):
            self._stray_bytes += start.start()
            self._begin(line[start.start() :])
        else:
            self._stray_bytes += len(line.strip(_BLANK))
            if self._stray_bytes >= GARBAGE_BYTES:
                self.discarded[Discard.GARBAGE] += 1
                self._stray_bytes = 0

    def _finish(self, line: bytes) -> bytes | None:
        body, self._telegram = bytes(self._telegram or b""), None
        # Only the line end is stripped: one wrong bit makes a space of the digit 0.
        checksum = line[1:].rstrip(b"\r\n")
        if not checksum:
            if self._has_checksums:
                self.discarded[Discard.NO_CHECKSUM] += 1
                return None
        elif _checksum_matches(body + b"!", checksum):
            self._has_checksums = True
        else:
            self.discarded[Discard.BAD_CHECKSUM] += 1
            return None
        return body + line


def _checksum_matches(covered: bytes, checksum: bytes) -> bool:
    if not _CHECKSUM.fullmatch(checksum):
        return False
    expected = int(checksum, 16)
    if crc16(covered) == expected:
        return True
    # The meter counted CR LF, and a converter on the way dropped every CR.
    return b"\r" not in covered and crc16(covered.replace(b"\n", b"\r\n")) == expected
