// A person's choices about how ringbook looks and sounds. They live in this browser, so that they hold before
// log-in and while the server is away.
import { useSyncExternalStore } from "react";

export type Language = "fa" | "en";
export type Digits = "persian" | "latin";
export type Theme = "auto" | "light" | "dark";

export interface Preferences {
  language: Language;
  /** Which digits numbers are shown with; by default those of the language. */
  digits: Digits | "language";
  theme: Theme;
  /** Whether a ring is heard. Off until chosen. */
  sound: boolean;
  /** Whether a ring in a hidden tab shows a desktop notification; asks the browser's permission when switched on. */
  notify: boolean;
  /** The extension whose phone calls are made with, for who has several; empty: the first. */
  phone: string;
}

const key = "ringbook.preferences";
const defaults: Preferences = {
  language: "fa",
  digits: "language",
  theme: "auto",
  sound: false,
  notify: false,
  phone: "",
};

function oneOf<T>(value: unknown, allowed: readonly T[], otherwise: T): T {
  return allowed.includes(value as T) ? (value as T) : otherwise;
}

/** parse reads stored preferences; anything it does not understand falls back to the default. */
export function parse(text: string | null): Preferences {
  let v: Partial<Preferences>;
  try {
    v = (JSON.parse(text ?? "{}") as Partial<Preferences> | null) ?? {};
  } catch {
    return defaults;
  }
  return {
    language: oneOf(v.language, ["fa", "en"], defaults.language),
    digits: oneOf(v.digits, ["persian", "latin", "language"], defaults.digits),
    theme: oneOf(v.theme, ["auto", "light", "dark"], defaults.theme),
    sound: v.sound === true,
    notify: v.notify === true,
    phone: typeof v.phone === "string" ? v.phone : "",
  };
}

let current = parse(localStorage.getItem(key));
const listeners = new Set<() => void>();

export function preferences(): Preferences {
  return current;
}

export function setPreferences(change: Partial<Preferences>): void {
  current = { ...current, ...change };
  localStorage.setItem(key, JSON.stringify(current));
  for (const l of listeners) l();
}

export function onPreferences(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

// Another tab's choice holds here too.
window.addEventListener("storage", (e) => {
  if (e.key !== key) return;
  current = parse(e.newValue);
  for (const l of listeners) l();
});

export function usePreferences(): Preferences {
  return useSyncExternalStore(onPreferences, preferences);
}
