/** Looking for devices and testing them, by the daemon. */

import { address, get, send, type Answer } from "./api";
import { i18n } from "./i18n";
import type { SetupState, Suggestion, Tested } from "./setup";

/** As often as the daemon's answer changes to the eye. */
const POLL_MS = 1_000;

/** A meter on a cable whose speed has to be found out takes 32 s; then the daemon answers by itself. */
const TEST_MS = 45_000;

export class SetupDesk {
  now = $state.raw<SetupState | null>(null);
  problem = $state<string | null>(null);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ended = false;

  scanning = $derived(this.now?.scan?.state === "running");

  async load(): Promise<void> {
    clearTimeout(this.#timer);
    const answer = await get<SetupState>("api/v1/setup", { lang: i18n.language });
    if (this.#ended) return;
    if (answer.ok) this.now = answer.body;
    this.problem = answer.ok ? null : answer.problem;
    if (this.scanning) this.#timer = setTimeout(() => void this.load(), POLL_MS);
  }

  async scan(range: string | null, ports: number[] | null): Promise<void> {
    const body = { ...(range === null ? {} : { range }), ...(ports === null ? {} : { ports }) };
    const answer = await send("POST", address("api/v1/setup/scan", { lang: i18n.language }), body);
    await this.load();
    if (!answer.ok) this.problem = answer.problem;
  }

  async abort(): Promise<void> {
    await send("DELETE", "api/v1/setup/scan");
    await this.load();
  }

  test({ kind, driver, options }: Suggestion): Promise<Answer<Tested>> {
    const path = address("api/v1/setup/test", { lang: i18n.language });
    return send<Tested>("POST", path, { kind, driver, options }, TEST_MS);
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }
}
