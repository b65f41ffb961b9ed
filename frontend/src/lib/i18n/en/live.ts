/** The live view: status, flow of power, phases. */

import type { Direction } from "../../format";
import { plural } from "../locale.svelte";

/** Within a sentence. */
const DIRECTIONS: Record<Direction, string> = {
  import: "importing",
  export: "exporting",
  none: "balanced",
  unknown: "of unknown direction",
};

export const live = {
  title: "Live",
  status: {
    label: "Status",
    ok: "Everything is all right.",
    fullStop: "Full stop: all batteries are kept idle.",
    overFuse: (phase: string, now: string, fuse: string) => `${phase} carries ${now}, more than its ${fuse} fuse.`,
    overLimit: (phase: string, now: string, limit: string) =>
      `${phase} carries ${now}, more than its limit of ${limit}.`,
    near: (phase: string, now: string, limit: string) => `${phase} is near its limit: ${now} of ${limit}.`,
    meterSilent: "The meter is silent.",
    noReading: (phase: string) => `The meter gives no reading of ${phase}.`,
    unreachable: (names: string) => `${names} can't be reached.`,
    alarms: (n: number) =>
      plural(n, "Something is wrong: see the alarm above.", "Something is wrong: see the alarms above."),
    warnings: (n: number) =>
      plural(
        n,
        "Something needs attention: see the warning above.",
        "Something needs attention: see the warnings above.",
      ),
  },
  doing: {
    none: "There are no batteries.",
    idle: "idle",
    charging: (power: string) => `charging with ${power}`,
    discharging: (power: string) => `discharging with ${power}`,
    one: (name: string, doing: string) => `${name}: ${doing}.`,
    together: (n: number, doing: string) => `${n} batteries together: ${doing}.`,
    unknown: (names: string) => `${names}: power unknown.`,
  },
  flow: {
    label: "Power now",
    grid: "Grid",
    house: "House",
    solar: "Solar",
    car: "Car",
    batteries: "Batteries",
    producing: "Producing",
    charging: "Charging",
    feeding: "Feeding in",
    stateOfCharge: (soc: string) => `${soc} full`,
    meterSilent: (age: string) => `Meter silent, last heard ${age} ago`,
    meterLate: (age: string) => `Meter late, last heard ${age} ago`,
    solarIncluded: "Solar power is part of the house: no meter shows it by itself.",
  },
  strategy: {
    label: "Strategy",
    change: "Change strategy",
    fullStop: "Full stop",
    stopped: "Stopped",
    goal: "Goal",
  },
  phases: {
    label: "Phases",
    freshness: { fresh: "Live", aging: "Late", lost: "Lost", absent: "Not measured" },
    near: "Near limit",
    overLimit: "Over limit",
    overFuse: "Over fuse",
    ofFuse: (fuse: string) => `of ${fuse} fuse`,
    limitAt: (limit: string) => `limit ${limit}`,
    importEnd: "import",
    exportEnd: "export",
    lastSeen: (text: string) => `last seen ${text}`,
    spoken: (phase: string, now: string, direction: Direction, limit: string, fuse: string) =>
      `${phase}: ${now} ${DIRECTIONS[direction]}, operating limit ${limit}, fuse ${fuse}`,
    room: "Room",
    roomImport: (amps: string) => `${amps} import`,
    roomExport: (amps: string) => `${amps} export`,
    overImport: (amps: string) => `${amps} over the import limit`,
    overExport: (amps: string) => `${amps} over the export limit`,
    lower: (power: string) => `Needs to be lowered by ${power}`,
    raise: (power: string) => `Needs to be raised by ${power}`,
    holding: "Limit holds batteries back",
    missing: (power: string) => `${power} more than batteries can do`,
    without: (power: string, direction: Direction) => `Without its batteries: ${power} ${DIRECTIONS[direction]}`,
    fuseHeat: "Fuse heat",
    fuseHeatHelp: "How much of what the fuse can bear has been used up by overcurrent. It cools down by itself.",
    batteriesOn: (phase: string) => `Batteries on ${phase}`,
    noBattery: "No battery",
    elsewhere: "Batteries that are on no single phase",
  },
  protection: {
    on: "Phase protection is on.",
    noPhases: "Phase protection is on, but can't act yet: no battery has a phase.",
    refused: "Phase protection is on, but can't work here: see the alarm.",
    begins: "Phase protection begins with the first battery that has a phase.",
    beginsOthers: (names: string, n: number) =>
      n === 1
        ? `Phase protection begins with the first battery that has a phase. Until ${names} has one too, it does only what is safe on every phase, which can be little.`
        : `Phase protection begins with the first battery that has a phase. Until ${names} have one too, they do only what is safe on every phase, which can be little.`,
  },
  groups: {
    on: (phase: string) => `On ${phase}`,
    threePhase: "On all three phases",
    threePhaseHint: "A third of the power on each.",
    unassigned: "Unassigned",
    unassignedHint: "Phasewise has not been told which phase these feed. You can say so on each battery.",
    elsewhere: "On a phase that the meter does not show",
  },
  support: {
    lower: (phase: string, by: string) => `Can lower ${phase} by ${by}.`,
    raise: (phase: string, by: string) => `Can raise ${phase} by ${by}.`,
    both: (phase: string, down: string, up: string) => `Can lower ${phase} by ${down} or raise it by ${up}.`,
    order: (power: string, names: string[]) => `${power} (first ${names.join(", then ")})`,
  },
};
