/** Who looks: the owner may change things, a viewer only look. And whether Phasewise is set up yet. */

import { get, onLoggedOut } from "./api";
import { t } from "./i18n";
import { live } from "./live.svelte";

export interface SessionState {
  role: "owner" | "viewer";
  /** Whether there is a login to this dashboard at all. */
  login_needed: boolean;
}

/** A page that was just reloaded for the login and is here again would otherwise reload for ever. */
const RELOADED = "phasewise.reloaded";
const RELOAD_AGAIN_MS = 10_000;

class Session {
  /** Until the daemon has answered: its own checks hold anyway, and a flash of disabled controls helps nobody. */
  role = $state<SessionState["role"]>("owner");
  loginNeeded = $state(false);
  /** Null until it is known. */
  settingUp = $state<boolean | null>(null);

  /** Why nothing can be changed now, for the hint of a disabled control; null when it can. */
  get blocked(): string | null {
    if (live.lost && this.settingUp !== true) return t.common.lostHint;
    return this.role === "viewer" ? t.common.viewerHint : null;
  }

  /** At the start, from time to time, and when set-up has ended. */
  async load(): Promise<void> {
    onLoggedOut(showLogin);
    const [session, setup] = await Promise.all([
      get<SessionState>("api/v1/session"),
      get<{ mode: string }>("api/v1/setup"),
    ]);
    if (session.ok) {
      this.role = session.body.role;
      this.loginNeeded = session.body.login_needed;
    }
    this.settingUp = setup.ok && setup.body.mode === "setup";
  }
}

export const session = new Session();

/** The daemon serves its login page in place of this one to whoever is not logged in. */
function showLogin(): void {
  const last = Number(sessionStorage.getItem(RELOADED) ?? 0);
  if (Math.abs(Date.now() - last) < RELOAD_AGAIN_MS) return;
  sessionStorage.setItem(RELOADED, String(Date.now()));
  location.reload();
}
