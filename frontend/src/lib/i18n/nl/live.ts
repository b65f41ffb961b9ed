import type { Direction } from "../../format";
import type { live as English } from "../en/live";
import { plural } from "../locale.svelte";

const DIRECTIONS: Record<Direction, string> = {
  import: "afname",
  export: "teruglevering",
  none: "in balans",
  unknown: "in onbekende richting",
};

export const live: typeof English = {
  title: "Live",
  status: {
    label: "Status",
    ok: "Alles is in orde.",
    fullStop: "Alles gestopt: alle batterijen staan stil.",
    overFuse: (phase, now, fuse) => `Op ${phase} loopt ${now}, meer dan de zekering van ${fuse}.`,
    overLimit: (phase, now, limit) => `Op ${phase} loopt ${now}, meer dan de grens van ${limit}.`,
    near: (phase, now, limit) => `${phase} zit dicht bij de grens: ${now} van ${limit}.`,
    meterSilent: "De meter is stil.",
    noReading: (phase) => `De meter geeft geen meting van ${phase}.`,
    unreachable: (names) => `Niet bereikbaar: ${names}.`,
    alarms: (n) =>
      plural(n, "Er is iets mis: zie het alarm hierboven.", "Er is iets mis: zie de alarmen hierboven."),
    warnings: (n) =>
      plural(
        n,
        "Er is iets dat aandacht vraagt: zie de waarschuwing hierboven.",
        "Er is iets dat aandacht vraagt: zie de waarschuwingen hierboven.",
      ),
  },
  doing: {
    none: "Er zijn geen batterijen.",
    idle: "in rust",
    charging: (power) => `laden met ${power}`,
    discharging: (power) => `ontladen met ${power}`,
    one: (name, doing) => `${name}: ${doing}.`,
    together: (n, doing) => `${n} batterijen samen: ${doing}.`,
    unknown: (names) => `${names}: vermogen onbekend.`,
  },
  flow: {
    label: "Vermogen nu",
    grid: "Net",
    house: "Huis",
    solar: "Zon",
    car: "Auto",
    batteries: "Batterijen",
    producing: "Opwek",
    charging: "Laadt",
    feeding: "Levert terug",
    stateOfCharge: (soc) => `${soc} vol`,
    meterSilent: (age) => `Meter stil, ${age} geleden gehoord`,
    meterLate: (age) => `Meter traag, ${age} geleden gehoord`,
    solarIncluded: "Zonnestroom zit in het huis: geen meter toont die apart.",
  },
  strategy: {
    label: "Strategie",
    change: "Strategie wijzigen",
    fullStop: "Alles stoppen",
    stopped: "Gestopt",
    goal: "Doel",
  },
  phases: {
    label: "Fasen",
    freshness: { fresh: "Live", aging: "Traag", lost: "Kwijt", absent: "Niet gemeten" },
    near: "Bijna vol",
    overLimit: "Boven grens",
    overFuse: "Boven zekering",
    ofFuse: (fuse) => `zekering ${fuse}`,
    limitAt: (limit) => `grens ${limit}`,
    importEnd: "afname",
    exportEnd: "terug",
    lastSeen: (text) => `laatst gezien ${text}`,
    spoken: (phase, now, direction, limit, fuse) => `${phase}: ${now} ${DIRECTIONS[direction]}, grens ${limit}, zekering ${fuse}`,
    room: "Ruimte",
    roomImport: (amps) => `${amps} afname`,
    roomExport: (amps) => `${amps} terug`,
    overImport: (amps) => `${amps} boven de grens voor afname`,
    overExport: (amps) => `${amps} boven de grens voor teruglevering`,
    lower: (power) => `Moet ${power} omlaag`,
    raise: (power) => `Moet ${power} omhoog`,
    holding: "De grens houdt batterijen tegen",
    missing: (power) => `${power} meer dan de batterijen kunnen`,
    without: (power, direction) => `Zonder zijn batterijen: ${power} ${DIRECTIONS[direction]}`,
    fuseHeat: "Warmte zekering",
    fuseHeatHelp:
      "Hoeveel van wat de zekering kan hebben door te veel stroom is opgebruikt. Hij koelt vanzelf af.",
    batteriesOn: (phase) => `Batterijen op ${phase}`,
    noBattery: "Geen batterij",
    elsewhere: "Batterijen die niet op één fase zitten",
  },
  protection: {
    on: "Fasebewaking staat aan.",
    noPhases: "Fasebewaking staat aan, maar kan nog niets doen: geen batterij heeft een fase.",
    refused: "Fasebewaking staat aan, maar kan hier niet werken: zie het alarm.",
    begins: "Fasebewaking begint met de eerste batterij die een fase heeft.",
    beginsOthers: (names, n) =>
      n === 1
        ? `Fasebewaking begint met de eerste batterij die een fase heeft. Tot ook ${names} er een heeft, doet die alleen wat op elke fase veilig is, en dat kan weinig zijn.`
        : `Fasebewaking begint met de eerste batterij die een fase heeft. Tot ook ${names} er een hebben, doen die alleen wat op elke fase veilig is, en dat kan weinig zijn.`,
  },
  groups: {
    on: (phase) => `Op ${phase}`,
    threePhase: "Op alle drie de fasen",
    threePhaseHint: "Op elke fase een derde van het vermogen.",
    unassigned: "Niet toegewezen",
    unassignedHint: "Phasewise weet niet op welke fase deze zitten. U kunt het bij elke batterij aangeven.",
    elsewhere: "Op een fase die de meter niet toont",
  },
  support: {
    lower: (phase, by) => `Kan ${phase} met ${by} verlagen.`,
    raise: (phase, by) => `Kan ${phase} met ${by} verhogen.`,
    both: (phase, down, up) => `Kan ${phase} met ${down} verlagen of met ${up} verhogen.`,
    order: (power, names) => `${power} (eerst ${names.join(", dan ")})`,
  },
};
