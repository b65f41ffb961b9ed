"""The sentences of the summary: what they can be about, and their words in each language."""

from collections.abc import Mapping
from enum import StrEnum


class Topic(StrEnum):
    """What a sentence of the summary says."""

    CONTROL_FAILED = "control-failed"
    METER_LOST = "meter-lost"
    STARTING = "starting"
    STRATEGY_FAILED = "strategy-failed"
    OVERLOAD_IMPORT = "overload-import"
    OVERLOAD_EXPORT = "overload-export"
    RELIEF_DISCHARGE = "relief-discharge"
    RELIEF_CHARGE = "relief-charge"
    IDENTIFYING = "identifying"
    LARGE_LOAD = "large-load"
    FULL_STOP = "full-stop"
    NO_BATTERIES = "no-batteries"
    NONE_USABLE = "none-usable"
    BOTH = "both"
    CHARGE_HELD = "charge-held"
    DISCHARGE_HELD = "discharge-held"
    CHARGE_PEAK = "charge-peak"
    DISCHARGE_PEAK = "discharge-peak"
    CHARGE_GOAL = "charge-goal"
    CHARGE_UNTIL = "charge-until"
    CHARGE_CHEAP = "charge-cheap"
    CHARGE_CHEAP_UNTIL = "charge-cheap-until"
    CHARGE_SURPLUS = "charge-surplus"
    CHARGE = "charge"
    SELL = "sell"
    SELL_UNTIL = "sell-until"
    COVER = "cover"
    COVER_DEAR = "cover-dear"
    COVER_DEAR_UNTIL = "cover-dear-until"
    DISCHARGE = "discharge"
    FULL_SURPLUS = "full-surplus"
    FULL = "full"
    EMPTY_LOAD = "empty-load"
    EMPTY = "empty"
    STANDBY = "standby"
    PLAN_WAITS = "plan-waits"
    WAIT_SUN = "wait-sun"
    WAIT_LOAD = "wait-load"
    IMPORTING = "importing"
    EXPORTING = "exporting"
    RESTING = "resting"
    # Of one battery.
    PHASE_IMPORT = "phase-import"
    PHASE_EXPORT = "phase-export"
    PHASE_LIMIT = "phase-limit"
    WORST_CASE = "worst-case"
    IS_FULL = "is-full"
    IS_EMPTY = "is-empty"
    MOST = "most"
    CHARGES_ONLY = "charges-only"
    DISCHARGES_ONLY = "discharges-only"
    RELIEVES = "relieves"
    MAKES_UP = "makes-up"
    HOME_LIMIT = "home-limit"
    IS_HELD = "is-held"
    OUT_OF_SERVICE = "out-of-service"
    UNREACHABLE = "unreachable"
    NO_COMMANDS = "no-commands"
    NOT_RESPONDING = "not-responding"
    WRONG_WAY = "wrong-way"
    PHASE_LOST = "phase-lost"
    PHASE_DOUBTFUL = "phase-doubtful"
    NO_PHASE = "no-phase"
    AGING = "aging"
    OWN_SUN = "own-sun"
    MINIMUM = "minimum"


T = Topic
EN: Mapping[Topic, str] = {
    T.CONTROL_FAILED: "Phasewise had an error of its own, so all batteries are at 0 W; it goes on trying.",
    T.METER_LOST: "Nothing is heard from the smart meter, so all batteries are at 0 W.",
    T.STARTING: "Control is starting; it waits for the first values of the meter.",
    T.STRATEGY_FAILED: "The strategy {name} failed with an error, so all batteries are at 0 W.",
    T.OVERLOAD_IMPORT: "{phase} draws {power} too much, and its batteries can't take it back.",
    T.OVERLOAD_EXPORT: "{phase} feeds in {power} too much, and its batteries can't take it back.",
    T.RELIEF_DISCHARGE: "Discharging with {power} to keep {phase} inside its limits.",
    T.RELIEF_CHARGE: "Charging with {power} to keep {phase} inside its limits.",
    T.IDENTIFYING: "The phase of {name} is being identified; the other batteries rest meanwhile.",
    T.LARGE_LOAD: "A car is charging or another large load runs, so the batteries stay out of it.",
    T.FULL_STOP: "Full stop: all batteries rest at 0 W.",
    T.NO_BATTERIES: "No battery is set up, so Phasewise only watches.",
    T.NONE_USABLE: "No battery can be used now.",
    T.BOTH: "Charging with {power} and discharging with {other} at the same time.",
    T.CHARGE_HELD: "Charging with {power}, as you set.",
    T.DISCHARGE_HELD: "Discharging with {power}, as you set.",
    T.CHARGE_PEAK: "Charging with {power} to keep the export of the home inside its limit.",
    T.DISCHARGE_PEAK: "Discharging with {power} to keep the import of the home inside its limit.",
    T.CHARGE_GOAL: "Charging with {power} until the goal is reached.",
    T.CHARGE_UNTIL: "Charging with {power} until {until}.",
    T.CHARGE_CHEAP: "Charging with {power} while energy is cheap.",
    T.CHARGE_CHEAP_UNTIL: "Charging with {power} while energy is cheap, until {until}.",
    T.CHARGE_SURPLUS: "Charging with {power} of surplus.",
    T.CHARGE: "Charging with {power}.",
    T.SELL: "Discharging with {power} to sell it.",
    T.SELL_UNTIL: "Discharging with {power} to sell it, until {until}.",
    T.COVER: "The house gets {power} from the batteries.",
    T.COVER_DEAR: "The house gets {power} from the batteries while energy is expensive.",
    T.COVER_DEAR_UNTIL: "The house gets {power} from the batteries while energy is expensive, until {until}.",
    T.DISCHARGE: "Discharging with {power}.",
    T.FULL_SURPLUS: "The batteries are full, so {power} of surplus goes to the grid.",
    T.FULL: "The batteries are full.",
    T.EMPTY_LOAD: "The batteries are empty, so the house draws {power} from the grid.",
    T.EMPTY: "The batteries are empty.",
    T.STANDBY: "Standby: the batteries rest.",
    T.PLAN_WAITS: "The batteries rest, because by the plan their energy is worth more later.",
    T.WAIT_SUN: "Waiting for surplus from the sun.",
    T.WAIT_LOAD: "Waiting for the house to need power.",
    T.IMPORTING: "The batteries rest while the house draws {power} from the grid.",
    T.EXPORTING: "The batteries rest while {power} goes to the grid.",
    T.RESTING: "The batteries rest.",
    T.PHASE_IMPORT: "{name} is held at {power} because the house draws {current} on {phase}.",
    T.PHASE_EXPORT: "{name} is held at {power} because the house feeds in {current} on {phase}.",
    T.PHASE_LIMIT: "{name} is held at {power} because {phase} leaves no room for more.",
    T.WORST_CASE: "{name} is held at {power} because its phase is not set.",
    T.IS_FULL: "{name} is full.",
    T.IS_EMPTY: "{name} is empty.",
    T.MOST: "{name} can do no more.",
    T.CHARGES_ONLY: "The strategy only charges now, so {power} is left to the grid.",
    T.DISCHARGES_ONLY: "The strategy only discharges now, so {power} is left to the grid.",
    T.RELIEVES: "{name} is at {power} to keep {phase} inside its limits.",
    T.MAKES_UP: "{name} makes up for what another battery does for its phase.",
    T.HOME_LIMIT: "{name} is at {power} to keep the home inside its limit.",
    T.IS_HELD: "{name} is held at {power}, as you set.",
    T.OUT_OF_SERVICE: "{name} is out of service.",
    T.UNREACHABLE: "{name} can't be reached.",
    T.NO_COMMANDS: "{name} takes no commands now.",
    T.NOT_RESPONDING: "{name} does not do what it is told.",
    T.WRONG_WAY: "{name} ran the wrong way and is stopped.",
    T.PHASE_DOUBTFUL: "{name} rests, because what it gave did not show on {phase}.",
    T.PHASE_LOST: "The meter says nothing of {phase}, so {name} goes to 0 W.",
    T.NO_PHASE: "{name} takes no part because its phase is not set.",
    T.AGING: "The last meter value is getting old, so power does not rise.",
    T.OWN_SUN: "{name} is full and passes on what its own panels give.",
    T.MINIMUM: "So little is needed that {name} waits.",
}
NL: Mapping[Topic, str] = {
    T.CONTROL_FAILED: "Phasewise had zelf een fout, dus staan alle batterijen op 0 W; het blijft proberen.",
    T.METER_LOST: "De slimme meter is niet te horen, dus staan alle batterijen op 0 W.",
    T.STARTING: "De regeling start; ze wacht op de eerste waarden van de meter.",
    T.STRATEGY_FAILED: "De strategie {name} liep op een fout, dus staan alle batterijen op 0 W.",
    T.OVERLOAD_IMPORT: "{phase} neemt {power} te veel af, en de batterijen daar kunnen dat niet opvangen.",
    T.OVERLOAD_EXPORT: (
        "{phase} levert {power} te veel terug, en de batterijen daar kunnen dat niet opvangen."
    ),
    T.RELIEF_DISCHARGE: "Ontladen met {power} om {phase} binnen de grenzen te houden.",
    T.RELIEF_CHARGE: "Laden met {power} om {phase} binnen de grenzen te houden.",
    T.IDENTIFYING: "De fase van {name} wordt bepaald; de andere batterijen rusten intussen.",
    T.LARGE_LOAD: (
        "Er laadt een auto of er draait iets anders groots, dus houden de batterijen zich erbuiten."
    ),
    T.FULL_STOP: "Volledige stop: alle batterijen rusten op 0 W.",
    T.NO_BATTERIES: "Er is geen batterij ingesteld, dus kijkt Phasewise alleen mee.",
    T.NONE_USABLE: "Geen enkele batterij is nu te gebruiken.",
    T.BOTH: "Tegelijk laden met {power} en ontladen met {other}.",
    T.CHARGE_HELD: "Laden met {power}, zoals u hebt ingesteld.",
    T.DISCHARGE_HELD: "Ontladen met {power}, zoals u hebt ingesteld.",
    T.CHARGE_PEAK: "Laden met {power} om de teruglevering van het huis binnen de grens te houden.",
    T.DISCHARGE_PEAK: "Ontladen met {power} om de afname van het huis binnen de grens te houden.",
    T.CHARGE_GOAL: "Laden met {power} tot het doel bereikt is.",
    T.CHARGE_UNTIL: "Laden met {power} tot {until} uur.",
    T.CHARGE_CHEAP: "Laden met {power} zolang energie goedkoop is.",
    T.CHARGE_CHEAP_UNTIL: "Laden met {power} zolang energie goedkoop is, tot {until} uur.",
    T.CHARGE_SURPLUS: "Laden met {power} overschot.",
    T.CHARGE: "Laden met {power}.",
    T.SELL: "Ontladen met {power} om te verkopen.",
    T.SELL_UNTIL: "Ontladen met {power} om te verkopen, tot {until} uur.",
    T.COVER: "Het huis krijgt {power} uit de batterijen.",
    T.COVER_DEAR: "Het huis krijgt {power} uit de batterijen zolang energie duur is.",
    T.COVER_DEAR_UNTIL: "Het huis krijgt {power} uit de batterijen zolang energie duur is, tot {until} uur.",
    T.DISCHARGE: "Ontladen met {power}.",
    T.FULL_SURPLUS: "De batterijen zijn vol, dus gaat {power} overschot naar het net.",
    T.FULL: "De batterijen zijn vol.",
    T.EMPTY_LOAD: "De batterijen zijn leeg, dus neemt het huis {power} af van het net.",
    T.EMPTY: "De batterijen zijn leeg.",
    T.STANDBY: "Stand-by: de batterijen rusten.",
    T.PLAN_WAITS: "De batterijen rusten, want volgens het plan is hun energie later meer waard.",
    T.WAIT_SUN: "Wachten op overschot van de zon.",
    T.WAIT_LOAD: "Wachten tot het huis vermogen nodig heeft.",
    T.IMPORTING: "De batterijen rusten terwijl het huis {power} afneemt van het net.",
    T.EXPORTING: "De batterijen rusten terwijl {power} naar het net gaat.",
    T.RESTING: "De batterijen rusten.",
    T.PHASE_IMPORT: "{name} wordt op {power} gehouden omdat het huis {current} afneemt op {phase}.",
    T.PHASE_EXPORT: "{name} wordt op {power} gehouden omdat het huis {current} teruglevert op {phase}.",
    T.PHASE_LIMIT: "{name} wordt op {power} gehouden omdat {phase} geen ruimte voor meer laat.",
    T.WORST_CASE: "{name} wordt op {power} gehouden omdat de fase niet is ingesteld.",
    T.IS_FULL: "{name} is vol.",
    T.IS_EMPTY: "{name} is leeg.",
    T.MOST: "{name} kan niet meer.",
    T.CHARGES_ONLY: "De strategie laadt nu alleen, dus blijft {power} voor het net.",
    T.DISCHARGES_ONLY: "De strategie ontlaadt nu alleen, dus blijft {power} voor het net.",
    T.RELIEVES: "{name} staat op {power} om {phase} binnen de grenzen te houden.",
    T.MAKES_UP: "{name} vangt op wat een andere batterij voor haar fase doet.",
    T.HOME_LIMIT: "{name} staat op {power} om het huis binnen de grens te houden.",
    T.IS_HELD: "{name} wordt op {power} gehouden, zoals u hebt ingesteld.",
    T.OUT_OF_SERVICE: "{name} is buiten dienst.",
    T.UNREACHABLE: "{name} is niet bereikbaar.",
    T.NO_COMMANDS: "{name} neemt nu geen opdrachten aan.",
    T.NOT_RESPONDING: "{name} doet niet wat gezegd wordt.",
    T.WRONG_WAY: "{name} liep de verkeerde kant op en is gestopt.",
    T.PHASE_DOUBTFUL: "{name} rust, want wat ze leverde was niet op {phase} te zien.",
    T.PHASE_LOST: "De meter zegt niets over {phase}, dus gaat {name} naar 0 W.",
    T.NO_PHASE: "{name} doet niet mee omdat de fase niet is ingesteld.",
    T.AGING: "De laatste meterwaarde wordt oud, dus stijgt het vermogen niet.",
    T.OWN_SUN: "{name} is vol en geeft door wat de eigen panelen leveren.",
    T.MINIMUM: "Er is zo weinig nodig dat {name} wacht.",
}
DE: Mapping[Topic, str] = {
    T.CONTROL_FAILED: "Phasewise hatte einen eigenen Fehler, deshalb stehen alle Batterien auf 0 W; es"
    " versucht es weiter.",
    T.METER_LOST: "Vom Stromzähler kommt nichts an, deshalb stehen alle Batterien auf 0 W.",
    T.STARTING: "Die Regelung startet; sie wartet auf die ersten Werte des Zählers.",
    T.STRATEGY_FAILED: "Die Strategie {name} ist mit einem Fehler abgebrochen, deshalb stehen alle Batterien"
    " auf 0 W.",
    T.OVERLOAD_IMPORT: (
        "{phase} bezieht {power} zu viel, und die Batterien dort können das nicht ausgleichen."
    ),
    T.OVERLOAD_EXPORT: "{phase} speist {power} zu viel ein, und die Batterien dort können das nicht"
    " ausgleichen.",
    T.RELIEF_DISCHARGE: "Entladen mit {power}, um {phase} in den Grenzen zu halten.",
    T.RELIEF_CHARGE: "Laden mit {power}, um {phase} in den Grenzen zu halten.",
    T.IDENTIFYING: "Die Phase von {name} wird bestimmt; die anderen Batterien ruhen solange.",
    T.LARGE_LOAD: "Ein Auto lädt oder etwas anderes Großes läuft, deshalb halten sich die Batterien heraus.",
    T.FULL_STOP: "Vollstopp: Alle Batterien ruhen bei 0 W.",
    T.NO_BATTERIES: "Es ist keine Batterie eingerichtet, deshalb sieht Phasewise nur zu.",
    T.NONE_USABLE: "Zurzeit lässt sich keine Batterie nutzen.",
    T.BOTH: "Gleichzeitig Laden mit {power} und Entladen mit {other}.",
    T.CHARGE_HELD: "Laden mit {power}, wie Sie es eingestellt haben.",
    T.DISCHARGE_HELD: "Entladen mit {power}, wie Sie es eingestellt haben.",
    T.CHARGE_PEAK: "Laden mit {power}, um die Einspeisung des Hauses in der Grenze zu halten.",
    T.DISCHARGE_PEAK: "Entladen mit {power}, um den Bezug des Hauses in der Grenze zu halten.",
    T.CHARGE_GOAL: "Laden mit {power}, bis das Ziel erreicht ist.",
    T.CHARGE_UNTIL: "Laden mit {power} bis {until} Uhr.",
    T.CHARGE_CHEAP: "Laden mit {power}, solange Energie billig ist.",
    T.CHARGE_CHEAP_UNTIL: "Laden mit {power}, solange Energie billig ist, bis {until} Uhr.",
    T.CHARGE_SURPLUS: "Laden mit {power} Überschuss.",
    T.CHARGE: "Laden mit {power}.",
    T.SELL: "Entladen mit {power}, um zu verkaufen.",
    T.SELL_UNTIL: "Entladen mit {power}, um zu verkaufen, bis {until} Uhr.",
    T.COVER: "Das Haus bekommt {power} aus den Batterien.",
    T.COVER_DEAR: "Das Haus bekommt {power} aus den Batterien, solange Energie teuer ist.",
    T.COVER_DEAR_UNTIL: (
        "Das Haus bekommt {power} aus den Batterien, solange Energie teuer ist, bis {until} Uhr."
    ),
    T.DISCHARGE: "Entladen mit {power}.",
    T.FULL_SURPLUS: "Die Batterien sind voll, deshalb gehen {power} Überschuss ins Netz.",
    T.FULL: "Die Batterien sind voll.",
    T.EMPTY_LOAD: "Die Batterien sind leer, deshalb bezieht das Haus {power} aus dem Netz.",
    T.EMPTY: "Die Batterien sind leer.",
    T.STANDBY: "Bereitschaft: Die Batterien ruhen.",
    T.PLAN_WAITS: "Die Batterien ruhen, weil ihre Energie nach dem Plan später mehr wert ist.",
    T.WAIT_SUN: "Warten auf Überschuss der Sonne.",
    T.WAIT_LOAD: "Warten, bis das Haus Leistung braucht.",
    T.IMPORTING: "Die Batterien ruhen, während das Haus {power} aus dem Netz bezieht.",
    T.EXPORTING: "Die Batterien ruhen, während {power} ins Netz gehen.",
    T.RESTING: "Die Batterien ruhen.",
    T.PHASE_IMPORT: "{name} wird bei {power} gehalten, weil das Haus auf {phase} {current} bezieht.",
    T.PHASE_EXPORT: "{name} wird bei {power} gehalten, weil das Haus auf {phase} {current} einspeist.",
    T.PHASE_LIMIT: "{name} wird bei {power} gehalten, weil {phase} nicht mehr zulässt.",
    T.WORST_CASE: "{name} wird bei {power} gehalten, weil die Phase nicht eingestellt ist.",
    T.IS_FULL: "{name} ist voll.",
    T.IS_EMPTY: "{name} ist leer.",
    T.MOST: "{name} kann nicht mehr leisten.",
    T.CHARGES_ONLY: "Die Strategie lädt jetzt nur, deshalb bleiben {power} dem Netz.",
    T.DISCHARGES_ONLY: "Die Strategie entlädt jetzt nur, deshalb bleiben {power} dem Netz.",
    T.RELIEVES: "{name} steht bei {power}, um {phase} in den Grenzen zu halten.",
    T.MAKES_UP: "{name} gleicht aus, was eine andere Batterie für ihre Phase tut.",
    T.HOME_LIMIT: "{name} steht bei {power}, um das Haus in der Grenze zu halten.",
    T.IS_HELD: "{name} wird bei {power} gehalten, wie Sie es eingestellt haben.",
    T.OUT_OF_SERVICE: "{name} ist außer Betrieb.",
    T.UNREACHABLE: "{name} ist nicht erreichbar.",
    T.NO_COMMANDS: "{name} nimmt jetzt keine Befehle an.",
    T.NOT_RESPONDING: "{name} tut nicht, was ihr gesagt wird.",
    T.WRONG_WAY: "{name} lief in die falsche Richtung und ist gestoppt.",
    T.PHASE_DOUBTFUL: "{name} ruht, denn was sie leistete, war nicht auf {phase} zu sehen.",
    T.PHASE_LOST: "Der Zähler sagt nichts von {phase}, deshalb geht {name} auf 0 W.",
    T.NO_PHASE: "{name} macht nicht mit, weil die Phase nicht eingestellt ist.",
    T.AGING: "Der letzte Zählerwert wird alt, deshalb steigt die Leistung nicht.",
    T.OWN_SUN: "{name} ist voll und gibt weiter, was die eigenen Module liefern.",
    T.MINIMUM: "Es wird so wenig gebraucht, dass {name} wartet.",
}
SUMMARY_WORDS: Mapping[str, Mapping[Topic, str]] = {"en": EN, "nl": NL, "de": DE}
