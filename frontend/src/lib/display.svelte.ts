/** How the page looks on this device: colours and size. */

import { keep, recall } from "./storage";

export const THEMES = ["auto", "light", "dark"] as const;
export const DENSITIES = ["normal", "wall"] as const;
export type Theme = (typeof THEMES)[number];
export type Density = (typeof DENSITIES)[number];

const THEME = "phasewise.theme";
const DENSITY = "phasewise.density";

class Display {
  theme = $state<Theme>(oneOf(THEMES, recall(THEME)));
  density = $state<Density>(oneOf(DENSITIES, recall(DENSITY)));
  /** What is shown: the choice, or what the device asks for. Charts redraw when it changes. */
  dark = $state(false);

  /** Follow the device from now on. Called once, before anything is drawn. */
  start(): void {
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#apply());
    this.#apply();
  }

  chooseTheme(theme: Theme): void {
    this.theme = theme;
    keep(THEME, theme);
    this.#apply();
  }

  chooseDensity(density: Density): void {
    this.density = density;
    keep(DENSITY, density);
    this.#apply();
  }

  #apply(): void {
    const asked = matchMedia("(prefers-color-scheme: dark)").matches;
    this.dark = this.theme === "auto" ? asked : this.theme === "dark";
    const root = document.documentElement;
    root.dataset["theme"] = this.dark ? "dark" : "light";
    root.dataset["density"] = this.density;
  }
}

export const display = new Display();

function oneOf<T extends string>(choices: readonly [T, ...T[]], value: string | null): T {
  return choices.find((choice) => choice === value) ?? choices[0];
}
