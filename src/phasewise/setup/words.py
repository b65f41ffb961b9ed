"""What set-up says, in English, Dutch and German."""

from collections.abc import Iterable, Mapping

from phasewise.discovery import Note, NoteCode
from phasewise.explain.numbers import current, language, percent, power

C = NoteCode

EN: Mapping[NoteCode | str, str] = {
    C.P1: "It answers{who}: {power} {direction} now.",
    "from": "from the grid",
    "to": "to the grid",
    C.P1_PHASES: "It tells the power of {phases}.",
    C.P1_NO_PHASES: "It tells no power per phase, so phase protection can't work with it.",
    C.FUSE_THRESHOLD: "It says that the threshold of the fuse is {current}.",
    C.P1_ENCRYPTED: "It sends encrypted telegrams, as in Luxembourg; these are not supported yet.",
    C.P1_REFUSED: "It sends telegrams that can't be used: {why}.",
    C.NOISE: (
        "It sends something, but no telegrams. If it is a P1 converter, check that its serial side is set to "
        "115200 8N1 (older meters: 9600 7E1)."
    ),
    C.SILENT: (
        "The port is open, but nothing came that is {protocols}. Many devices serve one program at a "
        "time: if Home Assistant, Node-RED or another has this one, end that and look again."
    ),
    C.MODBUS_OTHER: "It answers Modbus, but not as a battery that this version knows.",
    C.MODBUS_STOPPED: "It answered Modbus, then no more ({why}). Look again, or test it as what it is.",
    C.BATTERY: "It answers: {doing}.",
    "charging": "it charges with {power}",
    "discharging": "it discharges with {power}",
    "resting": "it rests",
    C.BATTERY_UNKNOWN_POWER: "It answers, but does not tell its power.",
    C.BATTERY_SOC: "It is {soc} charged.",
    C.BATTERY_BUSY: "It takes no setpoints now: its state is {state}.",
    C.CALLS_ITSELF: "It calls itself {name}.",
    C.CHOOSE_MODEL: "Choose the model: that can't be told from here.",
    C.PREFER_MODBUS: "This is its local API, which is slow. Use its Modbus instead where you can.",
    C.ANNOUNCED: "It announces itself as {name}.",
    C.DRIVER_LATER: "This version can't use it; a driver comes in another release.",
    C.HOME_ASSISTANT: (
        "Version {version}. Meters and batteries that it knows can be added by hand: 'home-assistant', "
        "its address and a file with a token. If it controls batteries now, end that before Phasewise "
        "does: two controllers fight each other."
    ),
    C.SERIAL: (
        "A serial port. It was not opened: something else may use it. If a P1 cable, or the RS485 cable of a "
        "Marstek E v1 or v2, is on it, test it as that."
    ),
    C.IN_USE: "Phasewise uses it, so it was left alone.",
    C.NO_MDNS: "Announcements (mDNS) can't be listened for: {why}. Devices are only looked for by address.",
    C.TOO_MANY: (
        "{count} addresses take connections, which hardly are as many devices: something in between "
        "answers for them. Only {looked} were looked at; name the address of your device."
    ),
    C.LOOKING: "Looking for devices on {network}.",
    C.ASKING: "{count} open ports: seeing what answers there. It takes up to 20 seconds.",
    C.FOUND: "Search of {network} finished. Meters: {meters}, batteries: {batteries}.",
    C.ENDED: "The search was ended before it was through. What it had found is shown.",
    C.NOT_READ: "Nothing usable came. {why}",
    C.READ_IN_PART: "It is read in part only. {why}",
}

NL: Mapping[NoteCode | str, str] = {
    C.P1: "Hij antwoordt{who}: nu {power} {direction}.",
    "from": "van het net",
    "to": "naar het net",
    C.P1_PHASES: "Hij meldt het vermogen van {phases}.",
    C.P1_NO_PHASES: "Hij meldt geen vermogen per fase, dus fasebeveiliging kan er niet mee werken.",
    C.FUSE_THRESHOLD: "Hij meldt {current} als drempel van de zekering.",
    C.P1_ENCRYPTED: (
        "Hij stuurt versleutelde telegrammen, zoals in Luxemburg; die worden nog niet ondersteund."
    ),
    C.P1_REFUSED: "Hij stuurt telegrammen die niet te gebruiken zijn: {why}.",
    C.NOISE: (
        "Er komt iets binnen, maar geen telegrammen. Is het een P1-omzetter, controleer dan of de "
        "seriële kant op 115200 8N1 staat (oudere meters: 9600 7E1)."
    ),
    C.SILENT: (
        "De poort is open, maar er kwam niets dat {protocols} is. Veel apparaten bedienen één programma "
        "tegelijk: heeft Home Assistant, Node-RED of iets anders dit apparaat, stop dat dan en zoek opnieuw."
    ),
    C.MODBUS_OTHER: "Het antwoordt via Modbus, maar niet als een batterij die deze versie kent.",
    C.MODBUS_STOPPED: (
        "Het antwoordde via Modbus en daarna niet meer ({why}). Zoek opnieuw, of test het als wat het is."
    ),
    C.BATTERY: "Hij antwoordt: {doing}.",
    "charging": "hij laadt met {power}",
    "discharging": "hij ontlaadt met {power}",
    "resting": "hij rust",
    C.BATTERY_UNKNOWN_POWER: "Hij antwoordt, maar meldt zijn vermogen niet.",
    C.BATTERY_SOC: "Hij is {soc} vol.",
    C.BATTERY_BUSY: "Hij is nu niet te sturen: zijn toestand is {state}.",
    C.CALLS_ITSELF: "Hij noemt zichzelf {name}.",
    C.CHOOSE_MODEL: "Kies het model: dat is van hieruit niet te zien.",
    C.PREFER_MODBUS: "Dit is zijn lokale API, en die is traag. Gebruik liever Modbus als dat kan.",
    C.ANNOUNCED: "Het meldt zich als {name}.",
    C.DRIVER_LATER: "Deze versie kan het nog niet gebruiken; dat komt in een andere uitgave.",
    C.HOME_ASSISTANT: (
        "Versie {version}. Meters en batterijen die het kent, zijn met de hand toe te voegen: "
        "'home-assistant', het adres en een bestand met een token. Stuurt het nu batterijen, stop dat dan "
        "voordat Phasewise het doet: twee regelaars werken elkaar tegen."
    ),
    C.SERIAL: (
        "Een seriële poort. Ze is niet geopend: iets anders kan haar gebruiken. Zit er een P1-kabel "
        "aan, of de RS485-kabel van een Marstek E v1 of v2, test haar dan als dat."
    ),
    C.IN_USE: "Phasewise gebruikt dit, dus het is met rust gelaten.",
    C.NO_MDNS: (
        "Naar aankondigingen (mDNS) kan niet worden geluisterd: {why}. Er wordt alleen op adres gezocht."
    ),
    C.TOO_MANY: (
        "{count} adressen nemen verbindingen aan, en zoveel apparaten zijn er nauwelijks: iets ertussen "
        "antwoordt voor ze. Er zijn er {looked} bekeken; geef het adres van het apparaat op."
    ),
    C.LOOKING: "Zoekt naar apparaten op {network}.",
    C.ASKING: "{count} open poorten: kijkt wat daar antwoordt. Dat duurt hooguit 20 seconden.",
    C.FOUND: "Klaar met zoeken op {network}. Meters: {meters}, batterijen: {batteries}.",
    C.ENDED: "Het zoeken is afgebroken. Wat al gevonden was, is te zien.",
    C.NOT_READ: "Er kwam niets bruikbaars. {why}",
    C.READ_IN_PART: "Hij wordt maar gedeeltelijk gelezen. {why}",
}

DE: Mapping[NoteCode | str, str] = {
    C.P1: "Er antwortet{who}: jetzt {power} {direction}.",
    "from": "aus dem Netz",
    "to": "ins Netz",
    C.P1_PHASES: "Er meldet die Leistung von {phases}.",
    C.P1_NO_PHASES: "Er meldet keine Leistung je Phase; der Phasenschutz kann damit nicht arbeiten.",
    C.FUSE_THRESHOLD: "Er meldet {current} als Schwelle der Sicherung.",
    C.P1_ENCRYPTED: (
        "Er sendet verschlüsselte Telegramme, wie in Luxemburg; diese werden noch nicht unterstützt."
    ),
    C.P1_REFUSED: "Er sendet Telegramme, die nicht zu gebrauchen sind: {why}.",
    C.NOISE: (
        "Es kommt etwas an, aber keine Telegramme. Ist es ein P1-Wandler, prüfen Sie, ob seine serielle "
        "Seite auf 115200 8N1 steht (ältere Zähler: 9600 7E1)."
    ),
    C.SILENT: (
        "Der Port ist offen, aber es kam nichts, was {protocols} ist. Viele Geräte bedienen nur ein "
        "Programm: Hat Home Assistant, Node-RED oder ein anderes dieses Gerät, beenden Sie das und "
        "suchen Sie erneut."
    ),
    C.MODBUS_OTHER: "Es antwortet über Modbus, aber nicht als Batterie, die diese Version kennt.",
    C.MODBUS_STOPPED: (
        "Es antwortete über Modbus und dann nicht mehr ({why}). Suchen Sie erneut, oder testen Sie es "
        "als das, was es ist."
    ),
    C.BATTERY: "Sie antwortet: {doing}.",
    "charging": "sie lädt mit {power}",
    "discharging": "sie entlädt mit {power}",
    "resting": "sie ruht",
    C.BATTERY_UNKNOWN_POWER: "Sie antwortet, meldet aber ihre Leistung nicht.",
    C.BATTERY_SOC: "Sie ist zu {soc} geladen.",
    C.BATTERY_BUSY: "Sie lässt sich jetzt nicht steuern: Ihr Zustand ist {state}.",
    C.CALLS_ITSELF: "Sie nennt sich {name}.",
    C.CHOOSE_MODEL: "Wählen Sie das Modell: Das ist von hier aus nicht zu erkennen.",
    C.PREFER_MODBUS: "Das ist ihre lokale API, und die ist langsam. Nehmen Sie lieber Modbus, wo es geht.",
    C.ANNOUNCED: "Es meldet sich als {name}.",
    C.DRIVER_LATER: "Diese Version kann es noch nicht nutzen; das kommt in einer anderen Version.",
    C.HOME_ASSISTANT: (
        "Version {version}. Zähler und Batterien, die es kennt, lassen sich von Hand hinzufügen: "
        "'home-assistant', seine Adresse und eine Datei mit einem Token. Steuert es jetzt Batterien, "
        "beenden Sie das, bevor Phasewise es tut: Zwei Regler arbeiten gegeneinander."
    ),
    C.SERIAL: (
        "Eine serielle Schnittstelle. Sie wurde nicht geöffnet: Etwas anderes kann sie benutzen. Hängt ein "
        "P1-Kabel daran, oder das RS485-Kabel einer Marstek E v1 oder v2, testen Sie sie als das."
    ),
    C.IN_USE: "Phasewise benutzt es; es wurde in Ruhe gelassen.",
    C.NO_MDNS: ("Auf Ankündigungen (mDNS) kann nicht gehört werden: {why}. Gesucht wird nur nach Adressen."),
    C.TOO_MANY: (
        "{count} Adressen nehmen Verbindungen an, so viele Geräte sind es kaum: Etwas dazwischen antwortet "
        "für sie. Nur {looked} wurden angesehen; nennen Sie die Adresse Ihres Geräts."
    ),
    C.LOOKING: "Sucht Geräte in {network}.",
    C.ASKING: "{count} offene Ports: Es wird geprüft, was dort antwortet. Das dauert höchstens 20 Sekunden.",
    C.FOUND: "Suche in {network} beendet. Zähler: {meters}, Batterien: {batteries}.",
    C.ENDED: "Die Suche wurde abgebrochen. Was schon gefunden war, ist zu sehen.",
    C.NOT_READ: "Es kam nichts Brauchbares. {why}",
    C.READ_IN_PART: "Er wird nur teilweise gelesen. {why}",
}

LANGUAGES: Mapping[str, Mapping[NoteCode | str, str]] = {"en": EN, "nl": NL, "de": DE}

_RESTING_W = 5.0
"""A battery at rest draws a few watts for itself."""


def said(notes: Iterable[Note], lang: str = "en") -> str:
    """The sentences, one after the other; English for a language that is not here."""
    words = LANGUAGES.get(language(lang), EN)
    return " ".join(words[note.code].format(**_facts(note, words, lang)) for note in notes)


def _facts(note: Note, words: Mapping[NoteCode | str, str], lang: str) -> dict[str, object]:
    facts: dict[str, object] = dict(note.facts)
    power_w = note.facts.get("power_w")
    if isinstance(power_w, float):
        facts["power"] = power(power_w, lang)
        facts["direction"] = words["from" if power_w >= 0 else "to"]
        doing = "resting" if abs(power_w) < _RESTING_W else "charging" if power_w > 0 else "discharging"
        facts["doing"] = words[doing].format(power=facts["power"])
    if isinstance(soc_pct := note.facts.get("soc_pct"), float):
        facts["soc"] = percent(soc_pct)
    if isinstance(current_a := note.facts.get("current_a"), float):
        facts["current"] = current(current_a, lang)
    if "who" in facts:
        facts["who"] = f" ({facts['who']})" if facts["who"] else ""
    return facts
