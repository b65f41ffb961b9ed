/** The picture of each group of settings. */

import type { IconName } from "../../components/Icon.svelte";
import type { Group } from "../../lib/settings";

export const GROUP_ICONS: Record<Group, IconName> = {
  site: "house",
  batteries: "battery",
  protection: "shield",
  peaks: "grid",
  control: "settings",
  strategies: "strategy",
  prices: "history",
  forecast: "sun",
  history: "why",
  mqtt: "house",
  alarms: "alarm",
  web: "display",
};
