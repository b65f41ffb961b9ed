"""Numbers with their units, as people write them in each language. Magnitudes: a word says the direction."""

_COMMA = frozenset({"nl", "de"})


def language(lang: str) -> str:
    """The language of a tag such as `nl-BE`."""
    return lang.split("-", maxsplit=1)[0].lower()


def power(power_w: float, lang: str) -> str:
    """`850 W`, `1.2 kW`."""
    watts = round(abs(power_w))
    return f"{watts} W" if watts < 1000 else _decimal(f"{watts / 1000.0:.1f} kW", lang)


def current(current_a: float, lang: str) -> str:
    """`18 A`, `9.4 A`: tenths where they matter."""
    amps = abs(current_a)
    return f"{amps:.0f} A" if amps >= 9.95 else _decimal(f"{amps:.1f} A", lang)


def exact_current(current_a: float, lang: str) -> str:
    """`26.1 A`, `24 A`: to the tenth, where one is compared with another."""
    return _decimal(f"{round(abs(current_a), 1):g} A", lang)


def price(price_eur_kwh: float, lang: str) -> str:
    """`0.21`, without its unit; negative ones too."""
    return _decimal(f"{price_eur_kwh:.2f}", lang)


def energy(energy_wh: float, lang: str) -> str:
    """`3.2 kWh`."""
    return _decimal(f"{abs(energy_wh) / 1000.0:.1f} kWh", lang)


def percent(share_pct: float) -> str:
    """`54 %`, as the standards write it in all three languages."""
    return f"{share_pct:.0f} %"


def _decimal(text: str, lang: str) -> str:
    return text.replace(".", ",") if language(lang) in _COMMA else text
