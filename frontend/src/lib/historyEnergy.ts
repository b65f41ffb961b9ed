/** Energy and money by the day, added up and drawn. */

import type { Series } from "./chart";
import { energy, euros } from "./format";
import { i18n, t } from "./i18n";

export interface EnergyDay {
  /** Such as 2026-11-22. */
  date: string;
  start: string;
  end: string;
  measured_s: number;
  import_wh: number;
  export_wh: number;
  exchanged_wh: number;
  load_wh: number;
  pv_wh: number | null;
  ev_wh: number | null;
  batteries: Record<string, { charged_wh: number; discharged_wh: number }>;
  cost_eur: number | null;
  cost_without_eur: number | null;
  saved_eur: number | null;
}

export const DAY_COUNTS = [7, 31, 92] as const;
export type DayCount = (typeof DAY_COUNTS)[number];

export const BARS = ["grid", "batteries", "solar", "exchanged", "saved"] as const;
export type Bars = (typeof BARS)[number];

export interface Sums {
  days: number;
  import_wh: number;
  export_wh: number;
  exchanged_wh: number;
  /** Null without a meter, or prices, on any of the days. */
  pv_wh: number | null;
  cost_eur: number | null;
  saved_eur: number | null;
  batteries: Record<string, { charged_wh: number; discharged_wh: number }>;
}

/** All days together. Unknown is what is unknown on every day of them. */
export function added(days: readonly EnergyDay[]): Sums {
  const sum = (value: (day: EnergyDay) => number): number =>
    days.reduce((so, one) => so + value(one), 0);
  const known = (value: (day: EnergyDay) => number | null): number | null => {
    const values = days.map(value).filter((one) => one !== null);
    return values.length === 0 ? null : values.reduce((so, one) => so + one, 0);
  };
  const ids = [...new Set(days.flatMap((one) => Object.keys(one.batteries)))];
  return {
    days: seen(days).length,
    import_wh: sum((one) => one.import_wh),
    export_wh: sum((one) => one.export_wh),
    exchanged_wh: sum((one) => one.exchanged_wh),
    pv_wh: known((one) => one.pv_wh),
    cost_eur: known((one) => one.cost_eur),
    saved_eur: known((one) => one.saved_eur),
    batteries: Object.fromEntries(
      ids.map((id) => [
        id,
        {
          charged_wh: sum((one) => one.batteries[id]?.charged_wh ?? 0),
          discharged_wh: sum((one) => one.batteries[id]?.discharged_wh ?? 0),
        },
      ]),
    ),
  };
}

/** Days of which anything was measured. */
export const seen = (days: readonly EnergyDay[]): EnergyDay[] => days.filter((one) => one.measured_s > 0);

/** Bars up and down from zero, in kWh (euros for what was saved); a day that nobody saw has none. */
export function bars(kind: Bars, days: readonly EnergyDay[]): Series[] {
  const words = t.history.energy;
  const kwh = (value: (day: EnergyDay) => number | null): (number | null)[] =>
    days.map((one) => {
      const wh = one.measured_s > 0 ? value(one) : null;
      return wh === null ? null : wh / 1000;
    });
  const all = (one: EnergyDay, which: "charged_wh" | "discharged_wh"): number =>
    Object.values(one.batteries).reduce((so, battery) => so + battery[which], 0);
  const look = { shape: "bars", format: (v: number | null) => energy(v === null ? null : Math.abs(v) * 1000) } as const;
  switch (kind) {
    case "grid":
      return [
        { ...look, label: words.import, values: kwh((one) => one.import_wh), colour: "import" },
        { ...look, label: words.export, values: kwh((one) => -one.export_wh), colour: "export" },
      ];
    case "batteries":
      return [
        { ...look, label: words.charged, values: kwh((one) => all(one, "charged_wh")), colour: "battery" },
        { ...look, label: words.discharged, values: kwh((one) => -all(one, "discharged_wh")), colour: "house" },
      ];
    case "solar":
      return [{ ...look, label: words.solar, values: kwh((one) => one.pv_wh), colour: "pv" }];
    case "exchanged":
      return [{ ...look, label: words.exchanged, values: kwh((one) => one.exchanged_wh), colour: "warning" }];
    case "saved":
      return [
        { label: words.saved, values: days.map((one) => one.saved_eur), colour: "accent", shape: "bars", format: euros },
      ];
  }
}

/** "Mon 23 Nov", of the site's own day. */
export function dateText(date: string): string {
  return new Date(`${date}T12:00:00`).toLocaleDateString(i18n.locale, {
    weekday: "short",
    day: "numeric",
    month: "short",
  });
}
