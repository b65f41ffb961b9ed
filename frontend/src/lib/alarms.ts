/** Alarms as a person hears of them. */

import type { AlarmState } from "./state";

export type Severity = "info" | "warning" | "alarm";

/** A severity that this page does not know yet is taken seriously. */
export function known(severity: string): Severity {
  return severity === "info" || severity === "alarm" ? severity : "warning";
}

/** Which alarm it is, also when it has changed its words: the same again after it had ended is another. */
export function identity({ code, subject, since }: AlarmState): string {
  return JSON.stringify([code, subject, since]);
}

/** The warnings and alarms that were not there before and that nobody has acknowledged. */
export function fresh(alarms: readonly AlarmState[], before: ReadonlySet<string>): AlarmState[] {
  return alarms.filter(
    (alarm) => !alarm.acknowledged && known(alarm.severity) !== "info" && !before.has(identity(alarm)),
  );
}
