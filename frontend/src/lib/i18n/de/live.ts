import type { Direction } from "../../format";
import type { live as English } from "../en/live";
import { plural } from "../locale.svelte";

const DIRECTIONS: Record<Direction, string> = {
  import: "Bezug",
  export: "Einspeisung",
  none: "ausgeglichen",
  unknown: "in unbekannter Richtung",
};

export const live: typeof English = {
  title: "Live",
  status: {
    label: "Status",
    ok: "Alles ist in Ordnung.",
    fullStop: "Vollstopp: Alle Batterien bleiben in Ruhe.",
    overFuse: (phase, now, fuse) => `${phase} führt ${now}, mehr als die Sicherung mit ${fuse}.`,
    overLimit: (phase, now, limit) => `${phase} führt ${now}, mehr als die Grenze von ${limit}.`,
    near: (phase, now, limit) => `${phase} ist nahe an der Grenze: ${now} von ${limit}.`,
    meterSilent: "Der Zähler ist stumm.",
    noReading: (phase) => `Der Zähler liefert keinen Messwert von ${phase}.`,
    unreachable: (names) => `Nicht erreichbar: ${names}.`,
    alarms: (n) =>
      plural(n, "Etwas stimmt nicht: siehe den Alarm oben.", "Etwas stimmt nicht: siehe die Alarme oben."),
    warnings: (n) =>
      plural(
        n,
        "Etwas braucht Aufmerksamkeit: siehe die Warnung oben.",
        "Etwas braucht Aufmerksamkeit: siehe die Warnungen oben.",
      ),
  },
  doing: {
    none: "Es gibt keine Batterien.",
    idle: "in Ruhe",
    charging: (power) => `Laden mit ${power}`,
    discharging: (power) => `Entladen mit ${power}`,
    one: (name, doing) => `${name}: ${doing}.`,
    together: (n, doing) => `${n} Batterien zusammen: ${doing}.`,
    unknown: (names) => `${names}: Leistung unbekannt.`,
  },
  flow: {
    label: "Leistung jetzt",
    grid: "Netz",
    house: "Haus",
    solar: "Solar",
    car: "Auto",
    batteries: "Batterien",
    producing: "Erzeugung",
    charging: "Lädt",
    feeding: "Speist ein",
    stateOfCharge: (soc) => `${soc} voll`,
    meterSilent: (age) => `Zähler stumm, zuletzt vor ${age}`,
    meterLate: (age) => `Zähler verspätet, zuletzt vor ${age}`,
    solarIncluded: "Solarstrom ist im Haus enthalten: Kein Zähler zeigt ihn einzeln.",
  },
  strategy: {
    label: "Strategie",
    change: "Strategie ändern",
    fullStop: "Vollstopp",
    stopped: "Gestoppt",
    goal: "Ziel",
  },
  phases: {
    label: "Phasen",
    freshness: { fresh: "Live", aging: "Verspätet", lost: "Verloren", absent: "Ohne Messung" },
    near: "Nahe Grenze",
    overLimit: "Über Grenze",
    overFuse: "Über Sicherung",
    ofFuse: (fuse) => `Sicherung ${fuse}`,
    limitAt: (limit) => `Grenze ${limit}`,
    importEnd: "Bezug",
    exportEnd: "Einsp.",
    lastSeen: (text) => `zuletzt gesehen ${text}`,
    spoken: (phase, now, direction, limit, fuse) =>
      `${phase}: ${now} ${DIRECTIONS[direction]}, Grenze ${limit}, Sicherung ${fuse}`,
    room: "Spielraum",
    roomImport: (amps) => `${amps} Bezug`,
    roomExport: (amps) => `${amps} Einspeisung`,
    overImport: (amps) => `${amps} über der Bezugsgrenze`,
    overExport: (amps) => `${amps} über der Einspeisegrenze`,
    lower: (power) => `Muss um ${power} sinken`,
    raise: (power) => `Muss um ${power} steigen`,
    holding: "Die Grenze bremst Batterien",
    missing: (power) => `${power} mehr, als Batterien leisten können`,
    without: (power, direction) => `Ohne ihre Batterien: ${power} ${DIRECTIONS[direction]}`,
    fuseHeat: "Sicherungs\u00adwärme",
    fuseHeatHelp:
      "Wie viel von dem, was die Sicherung aushält, durch Überstrom verbraucht ist. Sie kühlt von selbst ab.",
    batteriesOn: (phase) => `Batterien an ${phase}`,
    noBattery: "Keine Batterie",
    elsewhere: "Batterien, die an keiner einzelnen Phase sind",
  },
  protection: {
    on: "Der Phasenschutz ist an.",
    noPhases: "Der Phasenschutz ist an, kann aber noch nichts tun: Keine Batterie hat eine Phase.",
    refused: "Der Phasenschutz ist an, kann hier aber nicht arbeiten: siehe den Alarm.",
    begins: "Der Phasenschutz beginnt mit der ersten Batterie, die eine Phase hat.",
    beginsOthers: (names, n) =>
      n === 1
        ? `Der Phasenschutz beginnt mit der ersten Batterie, die eine Phase hat. Bis auch ${names} eine hat, tut diese nur, was auf jeder Phase sicher ist, und das kann wenig sein.`
        : `Der Phasenschutz beginnt mit der ersten Batterie, die eine Phase hat. Bis auch ${names} eine haben, tun diese nur, was auf jeder Phase sicher ist, und das kann wenig sein.`,
  },
  groups: {
    on: (phase) => `An ${phase}`,
    threePhase: "An allen drei Phasen",
    threePhaseHint: "Je ein Drittel der Leistung.",
    unassigned: "Nicht zugeordnet",
    unassignedHint: "Phasewise weiß nicht, an welcher Phase diese sind. Sie können es bei jeder Batterie angeben.",
    elsewhere: "An einer Phase, die der Zähler nicht zeigt",
  },
  support: {
    lower: (phase, by) => `Kann ${phase} um ${by} senken.`,
    raise: (phase, by) => `Kann ${phase} um ${by} anheben.`,
    both: (phase, down, up) => `Kann ${phase} um ${down} senken oder um ${up} anheben.`,
    order: (power, names) => `${power} (zuerst ${names.join(", dann ")})`,
  },
};
