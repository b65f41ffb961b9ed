"""Words for what the state shows beside alarms and reasons: goals, identification, evidence, prices."""

from collections.abc import Mapping

from msgspec import Struct


class StatusWords(Struct, frozen=True):
    """All of one language."""

    goals: Mapping[str, str]
    """By strategy and goal; hold `{target}` where there is one."""
    now: str
    """How far it is; holds `{now}`."""
    reached: str
    evidence: str
    """Holds `{moves}` and `{shares}`."""
    no_new: Mapping[str, str]
    """By what is asked for: the source did not answer; holds `{why}`."""
    none_now: Mapping[str, str]
    """By what is asked for: it answered, but with nothing for now."""
    again: str
    """When it is asked again; holds `{minutes}`."""
    resting: str
    """Identification: before the first cycle."""
    watching: str
    unclear_yet: str
    aborted: str
    """Holds `{why}`."""
    causes: Mapping[str, str]
    """Why it was aborted, by code."""
    no_reaction: str
    inverted: str
    disturbed: str
    followed: str
    each_phase: str
    """Stands for the phase where all three followed."""
    as_configured: str
    not_configured: str
    no_phase_yet: str
    differs: str
    phases: Mapping[str, str]
    """Assignments that are no phase, as the user knows them."""


EN = StatusWords(
    goals={
        "charge full": "Charge fully.",
        "charge soc": "Charge to {target}.",
        "charge energy": "Charge until {target} can be used.",
        "charge solar": "Charge as far as leaves room for the sun.",
        "sell empty": "Discharge down to the reserve.",
        "sell soc": "Discharge to {target}.",
        "sell energy": "Discharge until {target} are left.",
    },
    now="Now at {now}.",
    reached="The goal is reached.",
    evidence="{moves} changes of its power compared with the meter; seen on {shares}",
    no_new={"prices": "No new prices: {why}.", "forecast": "No new forecast: {why}."},
    none_now={
        "prices": "The source has no prices for now.",
        "forecast": "The source has no forecast for now.",
    },
    again="Asked again in {minutes} min.",
    resting="All batteries are brought to rest.",
    watching="Cycle {cycle} of {of}: watching which phase follows.",
    unclear_yet="Not clear yet: cycle {cycle} of at most {of}.",
    aborted="Aborted. {why}",
    causes={},
    no_reaction=(
        "No phase reacts to {name}, in {agreeing} of {steps} steps: it is not behind this meter, or does"
        " not do "
        "what it says. See where it is plugged in."
    ),
    inverted=(
        "{phase} reacts to {name} the wrong way round, in {agreeing} of {steps} steps: it charges when"
        " it says "
        "that it discharges. Do not use it before the sign is right; check its driver."
    ),
    disturbed=(
        "It is not clear after {cycle} cycles: too much else was switched meanwhile. Try again when the"
        " house is "
        "quiet."
    ),
    followed="{phase} followed {name} in {agreeing} of {steps} steps.",
    each_phase="Each phase, with a third,",
    as_configured="That is how it is configured.",
    not_configured="The battery is not in the configuration any more.",
    no_phase_yet="It has no phase yet: set it to {found} if you agree.",
    differs="It is configured as {configured}: change it to {found} if you agree.",
    phases={},
)
NL = StatusWords(
    goals={
        "charge full": "Helemaal laden.",
        "charge soc": "Laden tot {target}.",
        "charge energy": "Laden tot er {target} te gebruiken is.",
        "charge solar": "Laden voor zover er ruimte voor de zon overblijft.",
        "sell empty": "Ontladen tot op de reserve.",
        "sell soc": "Ontladen tot {target}.",
        "sell energy": "Ontladen tot er {target} over is.",
    },
    now="Nu op {now}.",
    reached="Het doel is bereikt.",
    evidence="{moves} veranderingen van haar vermogen vergeleken met de meter; te zien op {shares}",
    no_new={"prices": "Geen nieuwe prijzen: {why}.", "forecast": "Geen nieuwe verwachting: {why}."},
    none_now={
        "prices": "De bron heeft nu geen prijzen.",
        "forecast": "De bron heeft nu geen verwachting.",
    },
    again="Over {minutes} min wordt het opnieuw gevraagd.",
    resting="Alle batterijen komen tot rust.",
    watching="Ronde {cycle} van {of}: er wordt gekeken welke fase volgt.",
    unclear_yet="Nog niet duidelijk: ronde {cycle} van hoogstens {of}.",
    aborted="Afgebroken. {why}",
    causes={
        "settings": "De instellingen zijn gewijzigd. Begin opnieuw.",
        "battery": (
            "De batterij is niet bereikbaar of neemt geen opdrachten aan. Probeer het opnieuw als dat"
            " weer gaat."
        ),
        "soc": "De batterij is vol of leeg. Begin opnieuw als er ruimte en lading is.",
        "meter": (
            "De slimme meter geeft niet wat er nodig is. Controleer de meter en probeer het dan opnieuw."
        ),
        "overload": "Een fase is boven haar grens. Probeer het opnieuw als het huis minder gebruikt.",
        "not-following": (
            "De batterij volgt haar opdracht niet. Kijk of ze opdrachten aanneemt of door een grens"
            " wordt tegengehouden."
        ),
        "wrong-direction": (
            "De batterij loopt de verkeerde kant op. Het teken van haar vermogen klopt niet; controleer"
            " haar instellingen."
        ),
        "user": "U hebt het beëindigd.",
    },
    no_reaction=(
        "Geen enkele fase reageert op {name}, in {agreeing} van {steps} stappen: ze zit niet achter deze"
        " meter, of "
        "doet niet wat ze zegt. Kijk waar ze is aangesloten."
    ),
    inverted=(
        "{phase} reageert verkeerd om op {name}, in {agreeing} van {steps} stappen: ze laadt terwijl ze"
        " zegt dat ze "
        "ontlaadt. Gebruik haar niet voordat het teken klopt; controleer haar driver."
    ),
    disturbed=(
        "Na {cycle} rondes is het niet duidelijk: er is intussen te veel anders geschakeld. Probeer het"
        " opnieuw als "
        "het rustig is in huis."
    ),
    followed="{phase} volgde {name} in {agreeing} van {steps} stappen.",
    each_phase="Elke fase, met een derde,",
    as_configured="Zo is het ook ingesteld.",
    not_configured="De batterij staat niet meer in de configuratie.",
    no_phase_yet="Ze heeft nog geen fase: stel {found} in als u het ermee eens bent.",
    differs="Ingesteld is {configured}: wijzig dat in {found} als u het ermee eens bent.",
    phases={"three-phase": "driefasig", "unassigned": "geen fase"},
)
DE = StatusWords(
    goals={
        "charge full": "Ganz aufladen.",
        "charge soc": "Laden bis {target}.",
        "charge energy": "Laden, bis {target} nutzbar sind.",
        "charge solar": "Laden, soweit Platz für die Sonne bleibt.",
        "sell empty": "Entladen bis auf die Reserve.",
        "sell soc": "Entladen bis {target}.",
        "sell energy": "Entladen, bis {target} übrig sind.",
    },
    now="Jetzt bei {now}.",
    reached="Das Ziel ist erreicht.",
    evidence="{moves} Änderungen ihrer Leistung mit dem Zähler verglichen; zu sehen auf {shares}",
    no_new={"prices": "Keine neuen Preise: {why}.", "forecast": "Keine neue Vorhersage: {why}."},
    none_now={
        "prices": "Die Quelle hat keine Preise für jetzt.",
        "forecast": "Die Quelle hat keine Vorhersage für jetzt.",
    },
    again="In {minutes} min wird wieder gefragt.",
    resting="Alle Batterien kommen zur Ruhe.",
    watching="Durchgang {cycle} von {of}: Es wird beobachtet, welche Phase folgt.",
    unclear_yet="Noch nicht klar: Durchgang {cycle} von höchstens {of}.",
    aborted="Abgebrochen. {why}",
    causes={
        "settings": "Die Einstellungen wurden geändert. Beginnen Sie neu.",
        "battery": (
            "Die Batterie ist nicht erreichbar oder nimmt keine Befehle an. Versuchen Sie es wieder,"
            " wenn das geht."
        ),
        "soc": "Die Batterie ist voll oder leer. Beginnen Sie neu, wenn sie Platz und Ladung hat.",
        "meter": (
            "Der Stromzähler liefert nicht, was nötig ist. Prüfen Sie ihn und versuchen Sie es dann wieder."
        ),
        "overload": (
            "Eine Phase ist über ihrer Grenze. Versuchen Sie es wieder, wenn das Haus weniger verbraucht."
        ),
        "not-following": (
            "Die Batterie folgt ihrem Befehl nicht. Sehen Sie nach, ob sie Befehle annimmt oder durch"
            " eine Grenze gehalten wird."
        ),
        "wrong-direction": (
            "Die Batterie läuft in die falsche Richtung. Das Vorzeichen ihrer Leistung stimmt nicht;"
            " prüfen Sie ihre Einrichtung."
        ),
        "user": "Sie haben es beendet.",
    },
    no_reaction=(
        "Keine Phase reagiert auf {name}, in {agreeing} von {steps} Schritten: Sie hängt nicht hinter"
        " diesem Zähler "
        "oder tut nicht, was sie sagt. Sehen Sie nach, wo sie angeschlossen ist."
    ),
    inverted=(
        "{phase} reagiert verkehrt herum auf {name}, in {agreeing} von {steps} Schritten: Sie lädt,"
        " während sie sagt, "
        "dass sie entlädt. Nutzen Sie sie erst, wenn das Vorzeichen stimmt; prüfen Sie ihren Treiber."
    ),
    disturbed=(
        "Nach {cycle} Durchgängen ist es nicht klar: Inzwischen wurde zu viel anderes geschaltet."
        " Versuchen Sie es "
        "wieder, wenn es im Haus ruhig ist."
    ),
    followed="{phase} folgte {name} in {agreeing} von {steps} Schritten.",
    each_phase="Jede Phase, mit einem Drittel,",
    as_configured="So ist sie auch eingestellt.",
    not_configured="Die Batterie ist nicht mehr in der Konfiguration.",
    no_phase_yet="Sie hat noch keine Phase: Stellen Sie {found} ein, wenn Sie zustimmen.",
    differs="Eingestellt ist {configured}: Ändern Sie das in {found}, wenn Sie zustimmen.",
    phases={"three-phase": "dreiphasig", "unassigned": "keine Phase"},
)
STATUS_WORDS: Mapping[str, StatusWords] = {"en": EN, "nl": NL, "de": DE}
