"""CRC-16/ARC: the checksum of DSMR 4 and later (polynomial x16+x15+x2+1, reflected, start 0)."""


def _remainder(value: int) -> int:
    for _ in range(8):
        value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
    return value


_TABLE = tuple(_remainder(value) for value in range(256))


def crc16(data: bytes) -> int:
    """Checksum of `data`, 0 to 0xFFFF; over a telegram it runs from `/` up to and including `!`."""
    crc = 0
    for byte in data:
        crc = (crc >> 8) ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc
