/** Short messages about something that was just done, at the edge of the page. */

export interface Toast {
  id: number;
  text: string;
  tone: "ok" | "alarm";
}

/** Long enough to read two lines; a problem stays until it is closed. */
const SHOWN_MS = 6_000;

class Toasts {
  list = $state<Toast[]>([]);
  #next = 0;

  show(text: string, tone: Toast["tone"] = "ok"): void {
    const id = this.#next++;
    this.list.push({ id, text, tone });
    if (tone === "ok") setTimeout(() => this.close(id), SHOWN_MS);
  }

  close(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id);
  }
}

export const toasts = new Toasts();
