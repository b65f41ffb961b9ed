/** Words that more than one view uses. */

import { plural } from "../locale.svelte";

export const common = {
  importing: "Importing",
  exporting: "Exporting",
  balanced: "Balanced",
  charging: "Charging",
  discharging: "Discharging",
  idle: "Idle",
  using: "Using",
  surplus: "Surplus",
  unknown: "Unknown",
  unassigned: "Unassigned",
  threePhase: "Three-phase",
  save: "Save",
  saving: "Saving…",
  cancel: "Cancel",
  close: "Close",
  back: "Back",
  next: "Next",
  change: "Change",
  retry: "Try again",
  loading: "Loading…",
  days: (n: number) => plural(n, "{n} day", "{n} days"),
  notChanged: (problem: string) => `Not changed: ${problem}`,
  untilRestart: "In effect, but only until Phasewise restarts.",
  noAnswer: "Phasewise did not answer, so it is not known whether this took effect.",
  silent: "Phasewise does not answer.",
  refused: (status: number) => `Phasewise refused this (HTTP ${status}).`,
  viewerHint: "You are logged in to look only. Log in as owner to change this.",
  lostHint: "Not possible while the connection to Phasewise is lost.",
};
