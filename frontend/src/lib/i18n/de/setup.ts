import type { setup as English } from "../en/setup";
import { plural } from "../locale.svelte";

export const setup: typeof English = {
  title: "Phasewise einrichten",
  stepOf: (n, of) => `Schritt ${n} von ${of}`,
  steps: {
    welcome: {
      title: "Willkommen bei Phasewise",
      intro:
        "Phasewise steuert Ihre Heimspeicher und weiß, an welcher Phase jeder hängt. Das Einrichten dauert ein paar Minuten.",
    },
    meter: {
      title: "Ihr Zähler",
      intro: "Phasewise liest Ihren Stromzähler und sieht so jede Sekunde, was durch jede Phase fließt.",
    },
    batteries: {
      title: "Ihre Batterien",
      intro: "Fügen Sie die Batterien hinzu, die Phasewise steuern soll. Weitere können jederzeit dazukommen.",
    },
    connection: {
      title: "Ihr Anschluss",
      intro:
        "Strom kommt über einen oder drei Leiter ins Haus, die Phasen. Jede hat eine Sicherung, die auslöst, wenn zu viel fließt. Phasewise muss wissen, was sie aushalten.",
    },
    summary: { title: "Alles zusammen", intro: "Das wird in die Konfigurationsdatei geschrieben." },
  },
  promises: [
    "Zuerst werden Zähler und Batterien gesucht. Gesucht wird erst, wenn Sie es starten, und auf kein Gerät wird etwas geschrieben.",
    "Dann sagen Sie, wie Ihr Anschluss ist: die Hauptsicherung, und eine oder drei Phasen.",
    "Sie sehen alles zusammen, bevor es gespeichert wird, und können es später ändern.",
  ],
  start: "Beginnen",
  needMeter: "Wählen Sie zuerst einen Zähler.",
  needConnection: "Beantworten Sie zuerst beide Fragen.",
  another: "Einen anderen wählen",
  scan: "Geräte suchen",
  scanAgain: "Noch einmal suchen",
  scanHelp: "Phasewise klopft bei den Adressen Ihres Heimnetzes an und hört zu; das dauert 10 bis 30 Sekunden.",
  scanning: "Geräte werden gesucht",
  stop: "Anhalten",
  where: "Wo gesucht wird",
  range: "Netz oder Adresse",
  rangeHelp: (usual) => `Leer: ${usual}`,
  ports: "Ports",
  portsHelp: "Leer: die üblichen von Zählern und Batterien.",
  found: { meter: "Gefundene Zähler", battery: "Gefundene Batterien" },
  foundNone: {
    meter:
      "Es wurde kein Zähler gefunden, den diese Version lesen kann. Viele bedienen nur ein Programm: Beenden Sie das andere, oder geben Sie die Adresse ein.",
    battery:
      "Es wurde keine Batterie gefunden, die diese Version steuern kann. Viele bedienen nur ein Programm: Beenden Sie das andere, oder geben Sie die Adresse ein.",
  },
  notSupported: (n) =>
    plural(n, "{n} weiteres Gerät, noch nicht unterstützt", "{n} weitere Geräte, noch nicht unterstützt"),
  inUse: "Hinzugefügt",
  byHand: "Adresse selbst eingeben",
  driver: "Art des Geräts",
  address: "Adresse",
  addressHelp: {
    meter: "Etwa 192.168.1.20:23 für einen P1-Konverter, /dev/ttyUSB0 für ein Kabel, oder 192.168.1.30.",
    battery: "Etwa 192.168.1.30, oder die Adresse der RS485-Brücke.",
  },
  model: "Modell",
  choose: "Wählen…",
  which: "Welches ist es?",
  whichHelp: "Von hier aus sind sie nicht zu unterscheiden: Sehen Sie auf das Typenschild.",
  test: "Testen",
  testAgain: "Noch einmal testen",
  testOf: (name) => `${name} testen`,
  testing: "Wird gelesen… das dauert höchstens eine halbe Minute.",
  use: "Dieses verwenden",
  useOf: (name) => `${name} verwenden`,
  useAnyway: "Trotzdem verwenden",
  useAnywayOf: (name) => `${name} trotzdem verwenden`,
  works: "Es funktioniert",
  silent: "Das Lesen gelang nicht",
  total: "Zusammen",
  charge: "Ladestand",
  power: "Leistung",
  canDo: "Kann",
  batteryName: (n) => `Name der Batterie ${n}`,
  removeBattery: (n) => `Batterie ${n} weglassen`,
  phasesAsk: "Wie viele Phasen hat Ihr Haus?",
  phasesHelp: "Drei Sicherungen oder ein dreifacher Automat beim Zähler: drei Phasen.",
  phasesSeen: (n) => plural(n, "Ihr Zähler zeigt {n} Phase.", "Ihr Zähler zeigt {n} Phasen."),
  phases: (n) => plural(n, "{n} Phase", "{n} Phasen"),
  fuseAsk: "Wie stark ist die Hauptsicherung?",
  fuseHelp:
    "Es steht auf den Sicherungen oder dem Automaten beim Zähler, je Phase: „C25“ oder „3 x 25 A“ heißt 25 A.",
  fuseOther: "Ein anderer Wert",
  phaseAsk: "An welcher Phase hängt jede Batterie?",
  phaseHelp:
    "Das hängt von der Verdrahtung Ihres Hauses ab: Kein Gerät weiß es. Wenn Sie nicht sicher sind, lassen Sie es offen. Die Batterie arbeitet trotzdem, und Phasewise kann es später herausfinden.",
  phaseUnknown: "Noch nicht bekannt (nicht zugeordnet)",
  drawing: (phases) =>
    phases === 1
      ? "Eine Phase führt durch ihre Sicherung ins Haus; daran hängt die Batterie."
      : "Drei Phasen führen je durch eine eigene Sicherung ins Haus; die Batterie hängt an einer davon.",
  drawn: { street: "Straße", fuse: "Sicherung", house: "Ihr Haus" },
  siteName: "Name Ihres Hauses",
  siteNameHelp: "Steht oben. Darf leer bleiben.",
  meter: "Zähler",
  fuse: "Anschluss",
  batteries: "Batterien",
  noBatteries: "Noch keine",
  untested: "Nicht getestet",
  unassignedFine:
    "Eine Batterie ohne Phase arbeitet. Ist ihre Phase bekannt, kann Phasewise auch diese Phase innerhalb der Sicherung halten.",
  write: "Speichern und starten",
  written: "Gespeichert.",
  starting: "Phasewise startet; diese Seite geht von selbst weiter.",
  notWritten: "Es wurde noch nichts gespeichert: Das muss zuerst stimmen.",
  alreadyTitle: "Phasewise ist eingerichtet",
  already: "Batterien hinzufügen, ändern und entfernen können Sie in den Einstellungen.",
  toBatteries: "Batterien in den Einstellungen",
};
