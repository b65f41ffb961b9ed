/** First-run set-up, and looking for a device later. */

import { plural } from "../locale.svelte";

export const setup = {
  title: "Set up Phasewise",
  stepOf: (n: number, of: number) => `Step ${n} of ${of}`,
  steps: {
    welcome: {
      title: "Welcome to Phasewise",
      intro:
        "Phasewise steers your home batteries and knows which phase each is on. It takes a few minutes to set up.",
    },
    meter: {
      title: "Your meter",
      intro: "Phasewise reads your smart meter to see, second by second, what goes through each phase.",
    },
    batteries: {
      title: "Your batteries",
      intro: "Add the batteries that Phasewise is to steer. Others can be added at any time.",
    },
    connection: {
      title: "Your connection",
      intro:
        "Electricity comes into the house over one or three wires, the phases. Each has a fuse that blows when too much flows. Phasewise has to know what they can take.",
    },
    summary: { title: "All together", intro: "This is what will be written into the configuration file." },
  },
  promises: [
    "First it finds your meter and your batteries. Nothing is looked for until you start it, and nothing is written to a device.",
    "Then you say what your connection is: the main fuse, and one or three phases.",
    "You see everything together before it is saved, and can change it all later.",
  ],
  start: "Begin",
  needMeter: "Choose a meter first.",
  needConnection: "Answer both questions first.",
  another: "Choose another one",
  scan: "Look for devices",
  scanAgain: "Look again",
  scanHelp: "It knocks at the addresses of your home network and listens; that takes 10 to 30 seconds.",
  scanning: "Looking for devices",
  stop: "Stop",
  where: "Where to look",
  range: "Network or address",
  rangeHelp: (usual: string) => `Left empty: ${usual}`,
  ports: "Ports",
  portsHelp: "Left empty: those that meters and batteries usually have.",
  found: { meter: "Meters found", battery: "Batteries found" },
  foundNone: {
    meter:
      "No meter was found that this version can read. Many serve one program at a time: end the other one, or enter the address by hand.",
    battery:
      "No battery was found that this version can steer. Many serve one program at a time: end the other one, or enter the address by hand.",
  },
  notSupported: (n: number) =>
    plural(n, "{n} other thing found, not supported yet", "{n} other things found, not supported yet"),
  inUse: "Added",
  byHand: "Enter an address by hand",
  driver: "Kind of device",
  address: "Address",
  addressHelp: {
    meter: "Such as 192.168.1.20:23 for a P1 converter, /dev/ttyUSB0 for a cable, or 192.168.1.30.",
    battery: "Such as 192.168.1.30, or the address of its RS485 bridge.",
  },
  model: "Model",
  choose: "Choose…",
  which: "Which one is it?",
  whichHelp: "They can't be told apart from here: look at the type plate.",
  test: "Test",
  testAgain: "Test again",
  testOf: (name: string) => `Test ${name}`,
  testing: "Reading it… this takes up to half a minute.",
  use: "Use this one",
  useOf: (name: string) => `Use ${name}`,
  useAnyway: "Use it anyway",
  useAnywayOf: (name: string) => `Use ${name} anyway`,
  works: "It works",
  silent: "It could not be read",
  total: "Together",
  charge: "Charge",
  power: "Power",
  canDo: "Can do",
  batteryName: (n: number) => `Name of battery ${n}`,
  removeBattery: (n: number) => `Leave out battery ${n}`,
  phasesAsk: "How many phases does your home have?",
  phasesHelp: "Three fuses or a threefold breaker beside the meter: three phases.",
  phasesSeen: (n: number) => plural(n, "Your meter tells of {n} phase.", "Your meter tells of {n} phases."),
  phases: (n: number) => plural(n, "{n} phase", "{n} phases"),
  fuseAsk: "What is the rating of the main fuse?",
  fuseHelp:
    "It is printed on the fuses or the breaker beside the meter, for one phase: “C25” or “3 x 25 A” means 25 A.",
  fuseOther: "Another rating",
  phaseAsk: "Which phase is each battery on?",
  phaseHelp:
    "It depends on how your house is wired: no device knows. If you are not sure, leave it open. The battery works all the same, and Phasewise can find it out later.",
  phaseUnknown: "Not known yet (unassigned)",
  drawing: (phases: number): string =>
    phases === 1
      ? "One phase goes through its fuse into the house; the battery is on it."
      : "Three phases, each through a fuse of its own, go into the house; the battery is on one of them.",
  drawn: { street: "Street", fuse: "Main fuse", house: "Your house" },
  siteName: "Name of your home",
  siteNameHelp: "Shown at the top. May be left empty.",
  meter: "Meter",
  fuse: "Connection",
  batteries: "Batteries",
  noBatteries: "None yet",
  untested: "Not tested",
  unassignedFine:
    "A battery without a phase works. Once its phase is known, Phasewise can also keep that phase inside its fuse.",
  write: "Save and start",
  written: "Saved.",
  starting: "Phasewise starts; this page goes on by itself.",
  notWritten: "Nothing was written yet: this has to be put right first.",
  alreadyTitle: "Phasewise is set up",
  already: "Batteries can be added, changed and removed in the settings.",
  toBatteries: "Batteries in the settings",
};
