import type { setup as English } from "../en/setup";
import { plural } from "../locale.svelte";

export const setup: typeof English = {
  title: "Phasewise instellen",
  stepOf: (n, of) => `Stap ${n} van ${of}`,
  steps: {
    welcome: {
      title: "Welkom bij Phasewise",
      intro:
        "Phasewise stuurt uw thuisbatterijen aan en weet op welke fase elke batterij zit. Instellen kost een paar minuten.",
    },
    meter: {
      title: "Uw meter",
      intro: "Phasewise leest uw slimme meter uit en ziet zo van seconde tot seconde wat er door elke fase gaat.",
    },
    batteries: {
      title: "Uw batterijen",
      intro: "Voeg de batterijen toe die Phasewise moet aansturen. Later kunnen er altijd nog bij.",
    },
    connection: {
      title: "Uw aansluiting",
      intro:
        "Stroom komt het huis binnen over één of drie draden, de fasen. Elke fase heeft een zekering, die doorslaat als er te veel doorheen gaat. Phasewise moet weten wat ze aankunnen.",
    },
    summary: { title: "Alles bij elkaar", intro: "Dit komt in het configuratiebestand te staan." },
  },
  promises: [
    "Eerst worden uw meter en batterijen gezocht. Er wordt pas gezocht als u het start, en er wordt niets naar een apparaat geschreven.",
    "Daarna zegt u hoe uw aansluiting is: de hoofdzekering, en één of drie fasen.",
    "U ziet alles bij elkaar voor het wordt opgeslagen, en kunt het later allemaal wijzigen.",
  ],
  start: "Beginnen",
  needMeter: "Kies eerst een meter.",
  needConnection: "Beantwoord eerst beide vragen.",
  another: "Een andere kiezen",
  scan: "Apparaten zoeken",
  scanAgain: "Opnieuw zoeken",
  scanHelp: "Phasewise klopt aan bij de adressen van uw thuisnetwerk en luistert; dat duurt 10 tot 30 seconden.",
  scanning: "Apparaten zoeken",
  stop: "Stoppen",
  where: "Waar zoeken",
  range: "Netwerk of adres",
  rangeHelp: (usual) => `Leeg gelaten: ${usual}`,
  ports: "Poorten",
  portsHelp: "Leeg gelaten: die welke meters en batterijen meestal hebben.",
  found: { meter: "Gevonden meters", battery: "Gevonden batterijen" },
  foundNone: {
    meter:
      "Er is geen meter gevonden die deze versie kan uitlezen. Veel meters praten met één programma tegelijk: sluit het andere, of vul het adres zelf in.",
    battery:
      "Er is geen batterij gevonden die deze versie kan aansturen. Veel batterijen praten met één programma tegelijk: sluit het andere, of vul het adres zelf in.",
  },
  notSupported: (n) =>
    plural(n, "{n} ander apparaat gevonden, nog niet ondersteund", "{n} andere gevonden, nog niet ondersteund"),
  inUse: "Toegevoegd",
  byHand: "Zelf een adres invullen",
  driver: "Soort apparaat",
  address: "Adres",
  addressHelp: {
    meter: "Bijvoorbeeld 192.168.1.20:23 voor een P1-converter, /dev/ttyUSB0 voor een kabel, of 192.168.1.30.",
    battery: "Bijvoorbeeld 192.168.1.30, of het adres van de RS485-brug.",
  },
  model: "Model",
  choose: "Kies…",
  which: "Welke is het?",
  whichHelp: "Van hieruit zijn ze niet te onderscheiden: kijk op het typeplaatje.",
  test: "Testen",
  testAgain: "Opnieuw testen",
  testOf: (name) => `${name} testen`,
  testing: "Wordt uitgelezen… dit duurt hoogstens een halve minuut.",
  use: "Deze gebruiken",
  useOf: (name) => `${name} gebruiken`,
  useAnyway: "Toch gebruiken",
  useAnywayOf: (name) => `${name} toch gebruiken`,
  works: "Het werkt",
  silent: "Uitlezen lukte niet",
  total: "Samen",
  charge: "Lading",
  power: "Vermogen",
  canDo: "Kan",
  batteryName: (n) => `Naam van batterij ${n}`,
  removeBattery: (n) => `Batterij ${n} weglaten`,
  phasesAsk: "Hoeveel fasen heeft uw huis?",
  phasesHelp: "Drie zekeringen of een drievoudige automaat naast de meter: drie fasen.",
  phasesSeen: (n) => plural(n, "Uw meter laat {n} fase zien.", "Uw meter laat {n} fasen zien."),
  phases: (n) => plural(n, "{n} fase", "{n} fasen"),
  fuseAsk: "Hoe zwaar is de hoofdzekering?",
  fuseHelp:
    "Dat staat op de zekeringen of de automaat naast de meter, per fase: “C25” of “3 x 25 A” betekent 25 A.",
  fuseOther: "Een andere waarde",
  phaseAsk: "Op welke fase zit elke batterij?",
  phaseHelp:
    "Dat hangt af van de bedrading van uw huis: geen apparaat weet het. Weet u het niet zeker, laat het dan open. De batterij werkt evengoed, en Phasewise kan het later uitzoeken.",
  phaseUnknown: "Nog niet bekend (niet toegewezen)",
  drawing: (phases) =>
    phases === 1
      ? "Eén fase gaat door haar zekering het huis in; daar zit de batterij op."
      : "Drie fasen gaan elk door een eigen zekering het huis in; de batterij zit op één ervan.",
  drawn: { street: "Straat", fuse: "Hoofdzekering", house: "Uw huis" },
  siteName: "Naam van uw huis",
  siteNameHelp: "Staat bovenaan. Mag leeg blijven.",
  meter: "Meter",
  fuse: "Aansluiting",
  batteries: "Batterijen",
  noBatteries: "Nog geen",
  untested: "Niet getest",
  unassignedFine:
    "Een batterij zonder fase werkt. Is de fase bekend, dan kan Phasewise ook die fase binnen haar zekering houden.",
  write: "Opslaan en starten",
  written: "Opgeslagen.",
  starting: "Phasewise start; deze pagina gaat vanzelf verder.",
  notWritten: "Er is nog niets opgeslagen: dit moet eerst kloppen.",
  alreadyTitle: "Phasewise is ingesteld",
  already: "Batterijen toevoegen, wijzigen en verwijderen kan bij de instellingen.",
  toBatteries: "Batterijen bij de instellingen",
};
