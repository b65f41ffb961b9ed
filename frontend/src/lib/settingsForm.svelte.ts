/** The settings that are being edited: what the file says, what was changed, and what is wrong with it. */

import { get, send } from "./api";
import { t } from "./i18n";
import {
  agree,
  carried,
  changesOf,
  keyOf,
  lacking,
  same,
  valueAt,
  withValue,
  within,
  type Change,
  type FieldError,
  type Json,
  type Path,
  type Settings,
  type Table,
} from "./settings";

/** Long enough not to ask at every key, short enough to be told at once. */
const CHECK_AFTER_MS = 600;

interface Saved {
  detail: string | null;
  revision: string;
}

export class SettingsForm {
  loaded = $state.raw<Settings | null>(null);
  /** Why there is nothing to edit. */
  problem = $state<string | null>(null);
  draft = $state.raw<Table>({});
  busy = $state(false);
  /** What the daemon says of the changes, by path. */
  refused = $state.raw<FieldError[]>([]);
  /** What is wrong before the daemon is asked, such as text where a number is to be. */
  faults = $state.raw<Record<string, string>>({});
  /** Given in the file, and to be taken out of it. */
  resets = $state.raw<Record<string, Path>>({});
  /** Counts what throws away what was typed: the controls begin anew. */
  epoch = $state(0);
  /** Somebody else changed the file meanwhile: what was loaded is not what it says. */
  outdated = $state(false);
  #asked = 0;
  #answered = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  changes = $derived.by<Change[]>(() => {
    if (this.loaded === null) return [];
    const resets = Object.values(this.resets);
    const found = changesOf(this.loaded.values, this.draft, this.loaded.schema).filter(
      ({ path }) => !resets.some((reset) => within(path, reset)),
    );
    // What is written anew as a whole has its defaults left out already.
    const apart = resets.filter((reset) => !found.some(({ path }) => within(reset, path)));
    return [...found, ...apart.map((path) => ({ path, remove: true as const }))];
  });
  /** Text that is not what it should be is not in the draft: it keeps the rest from being saved. */
  wrong = $derived(Object.keys(this.faults).length + this.refused.length > 0);
  /** Paths of the file, sections included. */
  #given = $derived(new Set((this.loaded?.given ?? []).map(keyOf)));

  async load(): Promise<void> {
    const found = await this.#ask();
    if (found === null) return;
    this.loaded = found;
    this.outdated = false;
    this.discard();
  }

  /** A view begins to show it. What was changed in another view stays; text that is no value went with its control. */
  async open(): Promise<void> {
    this.faults = {};
    await this.again();
  }

  /** Reads the file again; what was changed here stays. */
  async again(): Promise<void> {
    await (this.changes.length > 0 ? this.refresh() : this.load());
  }

  /** What the file says now, with what was changed here on top of it, unless the same was changed there. */
  async refresh(): Promise<void> {
    const found = await this.#ask();
    if (found === null || this.busy) return;
    this.outdated = !this.#agrees(found);
    if (!this.outdated) this.#onto(found);
  }

  /** Whether nothing that is changed here was changed there. */
  #agrees(found: Settings): boolean {
    const { loaded } = this;
    return loaded === null || this.changes.every(({ path }) => agree(loaded.values, found.values, path));
  }

  #onto(found: Settings): void {
    const { loaded, draft } = this;
    const kept = loaded === null ? [] : changesOf(loaded.values, draft, loaded.schema);
    this.loaded = found;
    this.draft = kept.reduce((values, { path }) => carried(values, path, draft), found.values);
  }

  /** After a conflict: whether both can be kept. */
  async #reconciled(): Promise<boolean> {
    const found = await this.#ask();
    if (found === null || found.revision === this.loaded?.revision || !this.#agrees(found)) return false;
    this.#onto(found);
    return true;
  }

  /** Null where there is no answer, or one to a later question came before it. */
  async #ask(): Promise<Settings | null> {
    this.#asked += 1;
    const number = this.#asked;
    const answer = await get<Settings>("api/v1/settings");
    if (number < this.#answered) return null;
    this.#answered = number;
    this.problem = answer.ok ? null : answer.problem;
    return answer.ok ? answer.body : null;
  }

  discard(): void {
    clearTimeout(this.#timer);
    this.draft = this.loaded?.values ?? {};
    this.refused = [];
    this.faults = {};
    this.resets = {};
    this.epoch += 1;
  }

  /** Throws away what was changed; after a conflict what the file says now is shown. */
  async startOver(): Promise<void> {
    if (this.outdated) await this.load();
    else this.discard();
  }

  value(path: Path): Json | undefined {
    return valueAt(this.draft, path);
  }

  /** Whether the file itself says something here. */
  given(path: Path): boolean {
    return this.#given.has(keyOf(path)) && this.resets[keyOf(path)] === undefined;
  }

  changed(path: Path): boolean {
    const before = valueAt(this.loaded?.values ?? {}, path);
    return this.resets[keyOf(path)] !== undefined || !same(before ?? null, this.value(path) ?? null);
  }

  set(path: Path, value: Json): void {
    this.draft = withValue(this.draft, path, value) as Table;
    this.#forget(path);
    this.#touched(path);
  }

  /** Back to what counts when the file says nothing. */
  reset(path: Path, value: Json): void {
    this.draft = withValue(this.draft, path, value) as Table;
    this.#forget(path);
    if (this.#given.has(keyOf(path))) this.resets = { ...this.resets, [keyOf(path)]: path };
    this.#touched(path);
  }

  fault(path: Path, text: string | null): void {
    const { [keyOf(path)]: _gone, ...rest } = this.faults;
    this.faults = text === null ? rest : { ...rest, [keyOf(path)]: text };
  }

  /** What is wrong at this place. A goal without its number is said at that number. */
  error(path: Path): string | null {
    const fault = this.faults[keyOf(path)];
    if (fault !== undefined) return fault;
    const found = this.#refusal(path);
    if (found !== undefined) return lacking(this.value(path)).length > 0 ? null : told(found);
    const section = path.slice(0, -1);
    const lacks = lacking(this.value(section)).includes(String(path.at(-1)));
    return lacks && this.#refusal(section) !== undefined ? t.settings.needed : null;
  }

  /** Whether anything is wrong there or below. */
  wrongIn(path: Path): boolean {
    const faults = Object.keys(this.faults).map((key) => JSON.parse(key) as Path);
    return [...faults, ...this.refused.map((one) => one.path)].some((at) => within(at, path));
  }

  #refusal(path: Path): FieldError | undefined {
    return this.refused.find((one) => keyOf(one.path) === keyOf(path));
  }

  /** Whether all is saved. */
  async save(): Promise<{ ok: boolean; note: string }> {
    clearTimeout(this.#timer);
    this.busy = true;
    let answer = await this.#send(false);
    if (!answer.ok && answer.status === 409 && (await this.#reconciled())) answer = await this.#send(false);
    this.busy = false;
    if (answer.ok) {
      await this.load();
      return { ok: true, note: answer.body.detail === null ? t.settings.saved : t.settings.savedRestart };
    }
    this.refused = errorsIn(answer.body);
    this.outdated = answer.status === 409;
    const note = answer.status === 409 ? t.settings.conflict(answer.problem) : answer.problem;
    return { ok: false, note: this.refused.length > 0 ? t.settings.notSaved : note };
  }

  #send(dry: boolean) {
    const revision = this.loaded?.revision;
    return send<Saved>("PATCH", "api/v1/settings", { changes: this.changes, revision, dry_run: dry });
  }

  /** What was wrong here may be right now; the daemon is asked when the typing has stopped. */
  #touched(path: Path): void {
    this.refused = this.refused.filter((one) => !within(one.path, path));
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#check(), CHECK_AFTER_MS);
  }

  async #check(): Promise<void> {
    if (this.busy) return;
    const { draft } = this;
    if (this.changes.length === 0) {
      this.refused = [];
      return;
    }
    const answer = await this.#send(true);
    // An answer to what has changed since says nothing.
    if (this.draft !== draft || this.busy) return;
    if (answer.ok) this.refused = [];
    else if (answer.status === 422) this.refused = errorsIn(answer.body);
  }

  /** A new value ends what was said of the old one, and of what was inside it. */
  #forget(path: Path): void {
    const apart = ([, at]: [string, Path]) => !within(at, path);
    this.resets = Object.fromEntries(Object.entries(this.resets).filter(apart));
    this.faults = Object.fromEntries(
      Object.entries(this.faults).filter(([key]) => !within(JSON.parse(key) as Path, path)),
    );
  }
}

/** One for all views: what was changed in one of them is still there in the next. */
export const form = new SettingsForm();

function errorsIn(body: unknown): FieldError[] {
  return (body as { errors?: FieldError[] } | null)?.errors ?? [];
}

/** What the daemon says of a value, with what may stand there. */
export function told({ message, allowed }: FieldError): string {
  return allowed === null ? t.settings.wrong(message) : t.settings.wrongAllowed(message, allowed);
}
