"""German."""

from phasewise.explain.catalogue import Catalogue
from phasewise.model import AlarmCode as A
from phasewise.model import FactCode as F
from phasewise.model import ReasonCode as R

DE = Catalogue(
    reasons={
        R.BATTERY_LIMIT: (
            "Diese Batterie läuft schon mit der höchsten Leistung, die sie kann oder darf; andere "
            "springen ein, wo es geht."
        ),
        R.SOC_LIMIT: (
            "Diese Batterie ist so voll oder so leer, wie sie sein darf; sie wartet, bis wieder Platz ist."
        ),
        R.DIRECTION: "Die Strategie erlaubt jetzt nur Laden oder nur Entladen; der Rest wartet.",
        R.METER_LOST: (
            "Vom Stromzähler kommt nichts an, deshalb ruht diese Batterie bei 0 W, bis er zurück ist."
        ),
        R.METER_AGING: (
            "Der letzte Zählerwert wird alt, deshalb steigt die Leistung erst mit dem nächsten wieder."
        ),
        R.STARTING: "Die Regelung startet; sie beginnt nach den ersten zwei Zählerwerten.",
        R.UNREACHABLE: (
            "Diese Batterie ist nicht erreichbar; es wird weiter versucht, und andere springen ein."
        ),
        R.NOT_CONTROLLABLE: (
            "Diese Batterie nimmt jetzt keine Befehle an (Notstrom oder Update); danach macht sie wieder mit."
        ),
        R.NOT_RESPONDING: (
            "Diese Batterie tut nicht, was ihr gesagt wird; in einigen Minuten folgt ein neuer Versuch."
        ),
        R.WRONG_DIRECTION: (
            "Diese Batterie tat das Gegenteil ihres Befehls. Nehmen Sie sie außer Betrieb, und wieder in"
            " Betrieb, wenn es stimmt."
        ),
        R.OUT_OF_SERVICE: (
            "Sie haben diese Batterie außer Betrieb genommen; das bleibt so, bis Sie es ändern."
        ),
        R.HOLD: (
            "Sie haben für diese Batterie eine feste Leistung eingestellt; danach folgt sie wieder der "
            "Strategie."
        ),
        R.FULL_STOP: (
            "Vollstopp ist aktiv, deshalb ruht diese Batterie bei 0 W, bis eine andere Strategie gewählt "
            "wird."
        ),
        R.PV_SURPLUS: (
            "Die Sonne liefert mehr, als die volle Batterie aufnehmen kann; der Überschuss geht ins Haus."
        ),
        R.MINIMUM_POWER: (
            "Es wird so wenig Leistung gebraucht, dass diese Batterie unter ihrem Minimum liefe; sie wartet."
        ),
        R.PHASE_LIMIT: (
            "Die Sicherung von {phase} lässt nicht mehr zu; die Leistung steigt wieder, wenn Platz ist."
        ),
        R.PHASE_LOST: (
            "Der Zähler sagt nichts von {phase}, deshalb geht die Leistung dort auf 0 W, bis er es wieder"
            " tut."
        ),
        R.PHASE_DOUBTFUL: (
            "Was diese Batterie leistete, war nicht auf {phase} zu sehen, sondern auf einer anderen Phase;"
            " sie ruht deshalb einige Minuten. Prüfen Sie, an welcher Phase sie hängt."
        ),
        R.UNASSIGNED_WORST_CASE: (
            "Die Phase dieser Batterie ist nicht eingestellt, deshalb tut sie nur, was auf {phase} und "
            "jeder anderen Phase sicher ist. Stellen Sie die Phase ein, dann darf sie mehr."
        ),
        R.RELIEF: (
            "Diese Batterie hilft, die Sicherung von {phase} zu schonen, und hört auf, wenn das nicht "
            "mehr nötig ist."
        ),
        R.COMPENSATION: (
            "Diese Batterie gleicht aus, was eine andere für ihre Phase tut, damit das Haus als Ganzes am"
            " Ziel bleibt."
        ),
        R.DIRECTION_CHANGE: (
            "Eine andere Batterie arbeitet noch in der Gegenrichtung; diese beginnt, sobald jene steht."
        ),
        R.PEAK: (
            "Diese Batterie hält Bezug oder Einspeisung des Hauses in der eingestellten Grenze und tut nicht "
            "mehr, als dafür nötig ist."
        ),
        R.UNASSIGNED: (
            "Jede Phase wird für sich geregelt, und die Phase dieser Batterie ist nicht eingestellt. Stellen "
            "Sie sie ein, damit sie mitmacht."
        ),
        R.STEP: "Diese Batterie lässt sich nur in Stufen einstellen; die letzten Watt bleiben übrig.",
    },
    alarms={
        A.METER_LOST: (
            "Vom Stromzähler kommt nichts Neues. Alle Batterien gehen auf 0 W und machen von selbst "
            "weiter, wenn er zurück ist. Prüfen Sie Kabel oder Netzwerk."
        ),
        A.METER_REPLAYED: (
            "Der Stromzähler wiederholt eine alte Nachricht. Wiederholungen werden nicht beachtet; kommt "
            "nichts Neues, gehen die Batterien auf 0 W."
        ),
        A.METER_REJECTED: (
            "Der Stromzähler schickte einen Wert, der nicht stimmen kann. Er wurde nicht benutzt; die "
            "Regelung wartet auf einen guten."
        ),
        A.METER_SLOW: (
            "Der Stromzähler sendet zu selten, um eine Phase zu schützen, deshalb ist der Phasenschutz "
            "aus. Alles andere läuft weiter."
        ),
        A.SUBMETER_LOST: (
            "Vom weiteren Zähler {subject} kommt nichts an. Die Regelung läuft ohne ihn weiter; prüfen Sie"
            " Kabel oder Netzwerk."
        ),
        A.BATTERY_UNREACHABLE: (
            "Batterie {subject} ist nicht erreichbar. Andere springen ein, und es wird weiter versucht. "
            "Prüfen Sie, ob sie an und im Netzwerk ist."
        ),
        A.BATTERY_NOT_RESPONDING: (
            "Batterie {subject} tut nicht, was ihr gesagt wird. Sie setzt fünf Minuten aus, andere "
            "springen ein, danach folgt ein neuer Versuch."
        ),
        A.BATTERY_WRONG_DIRECTION: (
            "Batterie {subject} lädt, wenn sie entladen soll, oder umgekehrt. Sie wurde gestoppt und "
            "bleibt aus. Prüfen Sie das Modell in der Konfiguration; danach außer Betrieb nehmen und"
            " wieder in Betrieb."
        ),
        A.BATTERY_NOT_CONTROLLABLE: (
            "Batterie {subject} nimmt jetzt keine Befehle an, wie bei Notstrom oder einem Update. Danach "
            "macht sie wieder mit."
        ),
        A.BATTERY_BAD_READING: (
            "Batterie {subject} meldet einen Wert, der nicht stimmen kann. Er wurde nicht benutzt; der "
            "nächste wird abgewartet."
        ),
        A.BATTERY_FOREIGN_WRITER: (
            "Etwas anderes steuert Batterie {subject} auch. Der Befehl wird jedes Mal neu gesendet; "
            "schalten Sie die andere App oder Automatik ab."
        ),
        A.CONFIG_INVALID: (
            "Die Konfigurationsdatei enthält einen Fehler. Die letzten guten Einstellungen gelten, bis er"
            " behoben ist."
        ),
        A.CONFIG_NOT_WRITABLE: (
            "Die Konfigurationsdatei kann nicht geschrieben werden. Die letzte Änderung gilt bis zum "
            "nächsten Neustart; machen Sie die Datei beschreibbar, damit sie bleibt."
        ),
        A.CONFIG_RESTART_NEEDED: (
            "Die Konfigurationsdatei wurde so geändert, dass ein Neustart nötig ist. Bis dahin gelten die"
            " alten Einstellungen."
        ),
        A.HISTORY_NOT_WRITTEN: (
            "Der Verlauf lässt sich nicht speichern. Er wartet etwa eine Stunde im Speicher, bis das gelingt;"
            " die Regelung läuft weiter. Schaffen Sie Platz oder Schreibrechte."
        ),
        A.HISTORY_DAMAGED: (
            "Die Datei mit dem Verlauf war beschädigt. Sie liegt nun beiseite, nichts ist gelöscht, und er "
            "beginnt neu; die Regelung läuft weiter. Prüfen Sie den Datenträger, wenn das öfter vorkommt."
        ),
        A.MQTT_UNREACHABLE: (
            "Der MQTT-Broker ist nicht erreichbar, also sehen Home Assistant und andere dort nichts von "
            "Phasewise; die Regelung läuft weiter. Es wird weiter versucht: prüfen Sie Adresse und Passwort."
        ),
        A.STRATEGY_FAILED: (
            "Strategie {subject} ist mit einem Fehler abgebrochen, deshalb stehen alle Batterien auf 0 W."
            " Bei jedem Zählerwert folgt ein neuer Versuch; wählen Sie eine andere, wenn das anhält."
        ),
        A.PRICE_UNKNOWN: (
            "Für jetzt ist kein Energiepreis bekannt, deshalb läuft der Ersatz der dynamischen Strategie."
            " Das endet von selbst, sobald es Preise gibt; hält es an, prüfen Sie, woher sie kommen."
        ),
        A.FORECAST_UNKNOWN: (
            "Für den kommenden Tag ist keine Sonnenvorhersage bekannt, deshalb werden die Batterien voll"
            " geladen, statt Platz zu lassen. Hält es an, prüfen Sie, woher die Vorhersage kommt."
        ),
        A.CONTROL_FAILED: (
            "Phasewise konnte wegen eines eigenen Fehlers nicht entscheiden, deshalb stehen alle Batterien"
            " auf 0 W. Bei jedem Zählerwert folgt ein neuer Versuch; melden Sie es, wenn das anhält."
        ),
        A.PROTECTION_IDLE: (
            "Der Phasenschutz ist an, kann aber nichts tun, weil keine Batterie eine Phase hat. Stellen "
            "Sie für mindestens eine Batterie die Phase ein."
        ),
        A.PROTECTION_REFUSED: (
            "Der Phasenschutz ist an, kann hier aber nicht arbeiten, deshalb ist keine Phase geschützt. Alles"
            " andere läuft weiter."
        ),
        A.REGULATION_REFUSED: (
            "Die Phasen lassen sich hier nicht einzeln regeln, deshalb halten die Batterien die Summe des "
            "Hauses."
        ),
        A.PHASE_OVERLOAD: (
            "{subject} ist weiter außerhalb der Grenzen, als die Batterien dort ausgleichen können. Schalten"
            " Sie auf dieser Phase etwas ab, bevor die Sicherung es tut."
        ),
        A.PHASE_LOST: (
            "Der Stromzähler sagt nichts mehr von {subject}, deshalb gehen die Batterien dort auf 0 W. Die"
            " anderen Phasen laufen weiter; {subject} macht von selbst wieder mit."
        ),
        A.FUSE_WARM: (
            "Die Sicherung von {subject} trägt seit einiger Zeit zu viel. Schalten Sie auf dieser Phase etwas"
            " ab; die Sicherung braucht Minuten, um abzukühlen."
        ),
        A.MAPPING_DOUBTFUL: (
            "Was der Zähler zeigt, passt nicht zur eingestellten Phase von Batterie {subject}. Nichts wurde"
            " geändert; prüfen Sie, an welcher Phase sie hängt."
        ),
        A.PHASE_TOLD_OTHERWISE: (
            "Für Batterie {subject} ist dort, woher ihre Messwerte kommen, eine andere Phase gewählt, etwa in"
            " Home Assistant. Es gilt die hier eingestellte Phase; stellen Sie beide gleich ein."
        ),
    },
    facts={
        F.IMPORT_OVER_W: "Es werden {value} zu viel bezogen.",
        F.EXPORT_OVER_W: "Es werden {value} zu viel eingespeist.",
        F.NO_BATTERY: "Keine Batterie ist auf diese Phase eingestellt.",
        F.USED_PCT: "{value} dessen, was sie verträgt, sind aufgebraucht.",
        F.DELTA: (
            "Ohne Neutralleiter (3 x 230 V Dreieck) sagt der Zähler von einer Phase nicht, was ihre Sicherung"
            " trägt."
        ),
        F.SILENT_S: "Er hat seit mehr als {value} nichts Neues gesagt.",
        F.CADENCE_S: "Der Zähler sendet alle {value}; eine Phase braucht 10 s oder weniger.",
        F.NO_PHASE_POWER: "Der Zähler nennt die Leistung der einzelnen Phasen nicht.",
        F.SEEN_ON: "Ihre Leistung zeigt sich auf {value}.",
        F.TOLD_PHASE: "Dort ist es {value}.",
    },
    difference="Das macht {power} aus.",
    detail="Einzelheit: {detail}",
    own_phase="ihrer Phase",
    nameless="ohne Namen",
    thousands=".",
)
