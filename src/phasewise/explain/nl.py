"""Dutch."""

from phasewise.explain.catalogue import Catalogue
from phasewise.model import AlarmCode as A
from phasewise.model import FactCode as F
from phasewise.model import ReasonCode as R

NL = Catalogue(
    reasons={
        R.BATTERY_LIMIT: (
            "Deze batterij geeft al het meeste wat ze kan of mag; andere nemen het over waar dat gaat."
        ),
        R.SOC_LIMIT: "Deze batterij is zo vol of zo leeg als mag; ze wacht tot er weer ruimte is.",
        R.DIRECTION: "De strategie staat nu alleen laden of alleen ontladen toe; de rest wacht.",
        R.METER_LOST: "De slimme meter is niet te horen, dus rust deze batterij op 0 W tot hij terug is.",
        R.METER_AGING: (
            "De laatste meterwaarde wordt oud, dus het vermogen stijgt niet tot de volgende er is."
        ),
        R.STARTING: "De regeling start; ze begint na de eerste twee meterwaarden.",
        R.UNREACHABLE: (
            "Deze batterij is niet bereikbaar; er wordt opnieuw geprobeerd en andere nemen het over."
        ),
        R.NOT_CONTROLLABLE: (
            "Deze batterij neemt nu geen opdrachten aan (noodstroom of update); daarna doet ze weer mee."
        ),
        R.NOT_RESPONDING: (
            "Deze batterij doet niet wat haar gezegd wordt; over een paar minuten volgt een nieuwe poging."
        ),
        R.WRONG_DIRECTION: (
            "Deze batterij deed het omgekeerde van haar opdracht. Stel haar buiten dienst, en weer in dienst"
            " als het klopt."
        ),
        R.OUT_OF_SERVICE: "U hebt deze batterij buiten dienst gesteld; dat blijft zo tot u het wijzigt.",
        R.HOLD: "U hebt voor deze batterij een vast vermogen ingesteld; daarna volgt ze de strategie weer.",
        R.FULL_STOP: (
            "Volledige stop staat aan, dus rust deze batterij op 0 W tot u een andere strategie kiest."
        ),
        R.PV_SURPLUS: (
            "De zon geeft meer dan de volle batterij kan opnemen; het overschot gaat naar het huis."
        ),
        R.MINIMUM_POWER: (
            "Er is zo weinig vermogen nodig dat deze batterij onder haar minimum zou draaien; ze wacht."
        ),
        R.PHASE_LIMIT: (
            "De zekering van {phase} laat niet meer toe; het vermogen groeit weer als er ruimte is."
        ),
        R.PHASE_LOST: (
            "De meter zegt niets over {phase}, dus gaat het vermogen daar naar 0 W tot dat terug is."
        ),
        R.PHASE_DOUBTFUL: (
            "Wat deze batterij leverde was niet op {phase} te zien maar op een andere fase, dus rust ze"
            " enkele minuten. Controleer op welke fase ze zit."
        ),
        R.UNASSIGNED_WORST_CASE: (
            "De fase van deze batterij is niet ingesteld, dus doet ze alleen wat veilig is op {phase} en "
            "elke andere fase. Stel de fase in, dan mag ze meer."
        ),
        R.RELIEF: (
            "Deze batterij helpt om {phase} binnen de zekering te houden, en stopt als dat niet meer "
            "nodig is."
        ),
        R.COMPENSATION: (
            "Deze batterij vangt op wat een andere voor haar fase doet, zodat het huis als geheel op het doel"
            " blijft."
        ),
        R.DIRECTION_CHANGE: (
            "Een andere batterij werkt nog de andere kant op; deze begint zodra die gestopt is."
        ),
        R.PEAK: (
            "Deze batterij houdt de afname of teruglevering van het huis binnen de ingestelde grens, en doet "
            "niet meer dan daarvoor nodig is."
        ),
        R.UNASSIGNED: (
            "Elke fase wordt apart geregeld, en de fase van deze batterij is niet ingesteld. Stel die in om "
            "haar mee te laten doen."
        ),
        R.STEP: "Deze batterij is alleen in stappen in te stellen; de laatste watts blijven over.",
    },
    alarms={
        A.METER_LOST: (
            "De slimme meter laat niets nieuws horen. Alle batterijen gaan naar 0 W en gaan vanzelf "
            "verder als hij terug is. Controleer de kabel of het netwerk."
        ),
        A.METER_REPLAYED: (
            "De slimme meter herhaalt een oud bericht. Herhalingen worden genegeerd; komt er niets "
            "nieuws, dan gaan de batterijen naar 0 W."
        ),
        A.METER_REJECTED: (
            "De slimme meter stuurde een waarde die niet waar kan zijn. Ze is niet gebruikt; de regeling "
            "wacht op een goede."
        ),
        A.METER_SLOW: (
            "De slimme meter stuurt te zelden om een fase te beveiligen, dus is de fasebeveiliging uit. "
            "Al het andere gaat door."
        ),
        A.SUBMETER_LOST: (
            "De extra meter {subject} is niet te horen. De regeling gaat zonder hem door; controleer de"
            " kabel of het netwerk."
        ),
        A.BATTERY_UNREACHABLE: (
            "Batterij {subject} is niet bereikbaar. Andere nemen het over en er wordt opnieuw geprobeerd."
            " Controleer of ze aan staat en op het netwerk zit."
        ),
        A.BATTERY_NOT_RESPONDING: (
            "Batterij {subject} doet niet wat haar gezegd wordt. Ze doet vijf minuten niet mee, andere "
            "nemen het over, daarna volgt een nieuwe poging."
        ),
        A.BATTERY_WRONG_DIRECTION: (
            "Batterij {subject} laadt als ze moet ontladen, of andersom. Ze is gestopt en blijft uit. "
            "Controleer het model in de configuratie; stel haar daarna buiten dienst en weer in dienst."
        ),
        A.BATTERY_NOT_CONTROLLABLE: (
            "Batterij {subject} neemt nu geen opdrachten aan, zoals bij noodstroom of een update. Daarna "
            "doet ze weer mee."
        ),
        A.BATTERY_BAD_READING: (
            "Batterij {subject} meldt een waarde die niet waar kan zijn. Ze is niet gebruikt; de volgende"
            " wordt afgewacht."
        ),
        A.BATTERY_FOREIGN_WRITER: (
            "Iets anders bestuurt batterij {subject} ook. De opdracht wordt telkens opnieuw gestuurd; zet"
            " de andere app of automatisering uit."
        ),
        A.CONFIG_INVALID: (
            "Het configuratiebestand bevat een fout. De laatste goede instellingen blijven gelden tot ze "
            "hersteld is."
        ),
        A.CONFIG_NOT_WRITABLE: (
            "Het configuratiebestand kan niet worden geschreven. De laatste wijziging geldt tot de "
            "volgende herstart; maak het bestand schrijfbaar om haar te bewaren."
        ),
        A.CONFIG_RESTART_NEEDED: (
            "Het configuratiebestand is zo gewijzigd dat een herstart nodig is. Tot dan blijven de oude "
            "instellingen gelden."
        ),
        A.HISTORY_NOT_WRITTEN: (
            "De geschiedenis is niet op te slaan. Ze wacht ongeveer een uur in het geheugen tot dat lukt; de "
            "regeling gaat door. Maak ruimte op de schijf, of het bestand schrijfbaar."
        ),
        A.HISTORY_DAMAGED: (
            "Het bestand met de geschiedenis was beschadigd. Het is opzijgezet, niets is gewist, en ze "
            "begint opnieuw; de regeling gaat door. Controleer de schijf als dit weer gebeurt."
        ),
        A.MQTT_UNREACHABLE: (
            "De MQTT-broker is niet bereikbaar, dus Home Assistant en anderen daar zien niets van Phasewise; "
            "de regeling gaat door. Er wordt steeds opnieuw geprobeerd: controleer adres en wachtwoord."
        ),
        A.STRATEGY_FAILED: (
            "Strategie {subject} liep op een fout, dus staan alle batterijen op 0 W. Bij elke meterwaarde"
            " volgt een nieuwe poging; kies een andere als dit aanhoudt."
        ),
        A.PRICE_UNKNOWN: (
            "Er is nu geen energieprijs bekend, dus draait de terugval van de dynamische strategie. Dat"
            " eindigt vanzelf zodra er prijzen zijn; controleer bij aanhouden waar ze vandaan komen."
        ),
        A.FORECAST_UNKNOWN: (
            "Er is geen zonverwachting voor de komende dag, dus worden de batterijen vol geladen zonder"
            " ruimte over te laten. Controleer bij aanhouden waar de verwachting vandaan komt."
        ),
        A.CONTROL_FAILED: (
            "Phasewise kon door een eigen fout geen besluit nemen, dus staan alle batterijen op 0 W. Bij elke"
            " meterwaarde volgt een nieuwe poging; meld het als dit aanhoudt."
        ),
        A.PROTECTION_IDLE: (
            "Fasebeveiliging staat aan maar kan niets doen, omdat geen enkele batterij een fase heeft. "
            "Stel van minstens één batterij de fase in."
        ),
        A.PROTECTION_REFUSED: (
            "Fasebeveiliging staat aan maar kan hier niet werken, dus geen enkele fase is beveiligd. Al het"
            " andere gaat door."
        ),
        A.REGULATION_REFUSED: (
            "De fasen zijn hier niet apart te regelen, daarom houden de batterijen het totaal van het huis."
        ),
        A.PHASE_OVERLOAD: (
            "{subject} is verder buiten de grenzen dan de batterijen daar kunnen opvangen. Zet iets op die"
            " fase uit voordat de zekering het doet."
        ),
        A.PHASE_LOST: (
            "De slimme meter zegt niets meer over {subject}, dus gaan de batterijen daar naar 0 W. De andere"
            " fasen gaan door; {subject} doet vanzelf weer mee."
        ),
        A.FUSE_WARM: (
            "De zekering van {subject} draagt al een tijd te veel. Zet iets op die fase uit; de zekering"
            " heeft minuten nodig om af te koelen."
        ),
        A.MAPPING_DOUBTFUL: (
            "Wat de meter laat zien past niet bij de fase die voor batterij {subject} is ingesteld. Er is"
            " niets gewijzigd; controleer op welke fase ze zit."
        ),
        A.PHASE_TOLD_OTHERWISE: (
            "Voor batterij {subject} is een andere fase gekozen op de plek waar haar meetwaarden vandaan"
            " komen, zoals in Home Assistant. De fase die hier is ingesteld telt; maak ze gelijk."
        ),
    },
    facts={
        F.IMPORT_OVER_W: "Er wordt {value} te veel afgenomen.",
        F.EXPORT_OVER_W: "Er wordt {value} te veel teruggeleverd.",
        F.NO_BATTERY: "Geen enkele batterij is op deze fase ingesteld.",
        F.USED_PCT: "{value} van wat ze kan hebben is opgebruikt.",
        F.DELTA: (
            "Zonder nul (3 x 230 V driehoek) zegt de meter van een fase niet wat haar zekering draagt."
        ),
        F.SILENT_S: "Hij heeft al meer dan {value} niets nieuws gezegd.",
        F.CADENCE_S: "De meter stuurt elke {value}; een fase heeft 10 s of minder nodig.",
        F.NO_PHASE_POWER: "De meter geeft het vermogen per fase niet.",
        F.SEEN_ON: "Haar vermogen is te zien op {value}.",
        F.TOLD_PHASE: "Daar is het {value}.",
    },
    difference="Dat maakt {power} verschil.",
    detail="Detail: {detail}",
    own_phase="haar fase",
    nameless="zonder naam",
    thousands=".",
)
