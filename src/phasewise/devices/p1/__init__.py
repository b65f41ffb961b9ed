"""P1 smart meter port: cut a byte stream into telegrams, and read them."""

from phasewise.devices.p1.reader import Discard, TelegramReader
from phasewise.devices.p1.telegram import Telegram, TelegramError, parse

__all__ = ["Discard", "Telegram", "TelegramError", "TelegramReader", "parse"]
