/** Notifications of the browser about new warnings and alarms. Off until somebody asks for them on this device. */

import { fresh, identity, known } from "./alarms";
import { t } from "./i18n";
import type { SystemState } from "./state";
import { keep, recall } from "./storage";

const STORED = "phasewise.notify";
const WORKER = "./notifications.js";

/** Why this browser can't notify; null when it can. */
export type Obstacle = "insecure" | "unsupported" | "denied" | null;

class Notifier {
  on = $state(recall(STORED) === "on" && obstacle() === null && Notification.permission === "granted");
  obstacle = $state<Obstacle>(obstacle());
  /** What was there already; null before the first state, whose alarms the user sees on opening the page. */
  #before: Set<string> | null = null;

  /** Ask the browser for its permission; `on` then says whether it was given. */
  async enable(): Promise<void> {
    // On until it is refused, so that the switch moves back when it is.
    this.on = true;
    this.on = (await Notification.requestPermission()) === "granted";
    this.obstacle = obstacle();
    keep(STORED, this.on ? "on" : "off");
  }

  disable(): void {
    this.on = false;
    keep(STORED, "off");
  }

  /** Tell what is new, unless the user looks at the page anyway. Called with each state. */
  async hear({ site, alarms }: SystemState): Promise<void> {
    const news = fresh(alarms, this.#before ?? new Set(alarms.map(identity)));
    this.#before = new Set(alarms.map(identity));
    if (!this.on || news.length === 0 || document.hasFocus()) return;
    const worker = await navigator.serviceWorker.register(WORKER);
    for (const alarm of news) {
      await worker.showNotification(t.shell.alarms.notificationTitle(site), {
        body: `${t.shell.alarms[known(alarm.severity)]}: ${alarm.text}`,
        tag: identity(alarm),
        icon: "./favicon.svg",
      });
    }
  }
}

export const notifier = new Notifier();

function obstacle(): Obstacle {
  if (typeof window === "undefined") return "unsupported";
  if (!window.isSecureContext) return "insecure";
  if (!("Notification" in window) || !("serviceWorker" in navigator)) return "unsupported";
  return Notification.permission === "denied" ? "denied" : null;
}
