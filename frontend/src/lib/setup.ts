/** Set-up: what was found, what was chosen, and what is written. Nothing here knows a phase but from the user. */

import type { Language } from "./i18n";
import type { Json, Schema, Table } from "./settings";

export type DeviceKind = "meter" | "battery";

export interface Suggestion {
  kind: DeviceKind;
  driver: string;
  options: Table;
}

export interface Finding {
  kind: DeviceKind | "other";
  driver: string | null;
  url: string | null;
  name: string;
  detail: string;
  configured: boolean;
  suggestions: Suggestion[];
}

export interface Scan {
  state: "running" | "done" | "aborted";
  range: string;
  ports: number[];
  progress: number;
  text: string;
  problems: string[];
  findings: Finding[];
}

export interface Driver {
  kind: DeviceKind;
  name: string;
  options: Schema & { $defs?: Record<string, Schema> };
}

export interface SetupState {
  mode: "setup" | "running";
  file: string;
  ranges: string[];
  ports: number[];
  drivers: Driver[];
  scan: Scan | null;
}

export interface PhaseValues {
  power_w: number | null;
  current_a: number | null;
  voltage_v: number | null;
}

export interface Tested {
  ok: boolean;
  text: string;
  meter: { total_power_w: number; phases: Record<string, PhaseValues>; cadence_s: number | null } | null;
  battery: {
    power_w: number | null;
    soc_pct: number | null;
    temperature_c: number | null;
    name: string | null;
    max_charge_w: number;
    max_discharge_w: number;
  } | null;
}

/** A device that was chosen, with what its test brought. */
export interface Device extends Suggestion {
  tested: Tested | null;
}

/** A battery on its way into the file. */
export interface NewBattery {
  device: Device;
  name: string;
  /** As the user said; null: not known, which is fine. */
  phase: string | null;
}

export interface Answers {
  siteName: string;
  fuseA: number | null;
  phases: 1 | 3 | null;
  meter: Device | null;
  batteries: NewBattery[];
}

/** What can be chosen as this kind of device. */
export function usable(findings: Finding[], kind: DeviceKind): Finding[] {
  return findings.filter((one) => suggested(one, kind).length > 0 || (one.kind === kind && one.configured));
}

/** What was found as this kind, or as nothing known, and can't be used by this version. */
export function unusable(findings: Finding[], kind: DeviceKind): Finding[] {
  return findings.filter(
    (one) => one.suggestions.length === 0 && !one.configured && (one.kind === kind || one.kind === "other"),
  );
}

export function suggested(finding: Finding, kind: DeviceKind): Suggestion[] {
  return finding.suggestions.filter((one) => one.kind === kind);
}

/** What people type of an address, as the driver wants it: a bare name or address gets what comes before it. */
export function asUrl(driver: string, text: string): string {
  const address = text.trim();
  if (address === "" || address.includes("://")) return address;
  const serial = address.startsWith("/dev/");
  if (driver === "dsmr") return `${serial ? "serial" : "tcp"}://${address}`;
  if (driver === "marstek") return `${serial ? "modbus-rtu" : "modbus-tcp"}://${address}`;
  if (OVER_HTTP.has(driver)) return `http://${address}`;
  return address;
}

const OVER_HTTP = new Set(["home-assistant", "homewizard", "shelly", "zendure"]);

/** The keys to ask for by hand: those a driver can't do without, and those that some devices need. */
export function needs(driver: Driver): [string, Schema, boolean][] {
  const { properties = {}, required = [], $defs = {} } = driver.options;
  const needed = new Set(required);
  const keys = Object.keys(properties).filter((key) => needed.has(key) || properties[key]?.["x-asked"]);
  return keys.map((key) => {
    const part = properties[key] ?? {};
    const name = part.$ref?.split("/").at(-1);
    return [key, name === undefined ? part : { ...$defs[name], ...part }, needed.has(key)];
  });
}

/** How many phases the meter told of; null where it told of none. */
export function phasesSeen(meter: Device | null): number | null {
  const seen = Object.keys(meter?.tested?.meter?.phases ?? {}).length;
  return seen === 0 ? null : seen;
}

/**
 * What is written: what was said, and no more. A battery whose phase nobody said has none. `language`: in which
 * it was said; messages are to be in it too.
 */
export function firstFile(
  answers: Answers,
  language: Language,
): { site: Table; meter: Table; batteries: Table[] } {
  const { siteName, fuseA, phases, meter, batteries } = answers;
  const site: Table = {};
  if (siteName.trim() !== "") site["name"] = siteName.trim();
  if (fuseA !== null) site["main_fuse_a"] = fuseA;
  if (phases !== null) site["phases"] = phases;
  if (language !== "en") site["language"] = language;
  return {
    site,
    meter: meter === null ? {} : { driver: meter.driver, ...meter.options },
    batteries: batteries.map(({ device, name, phase }, at) => {
      const battery: Record<string, Json> = { id: `m${at + 1}` };
      if (name.trim() !== "") battery["name"] = name.trim();
      if (phase !== null) battery["phase"] = phase;
      return { ...battery, driver: device.driver, ...device.options };
    }),
  };
}

/** The phases a battery may be on, for the user to choose from. */
export function choices(phases: 1 | 3 | null): string[] {
  return phases === 1 ? ["L1"] : ["L1", "L2", "L3", "three-phase"];
}
