import { expect, test } from "vitest";
import { type Binding, type KeyID, keymap, label, matches, onFollowUps, onMissed, typing } from "./keymap";

const pressed = (code: string, mods: Partial<KeyboardEvent> = {}) => ({
  code,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  shiftKey: false,
  ...mods,
});

test("keys go by their place: on a Persian layout N types د and is still N", () => {
  const down = new KeyboardEvent("keydown", { code: "KeyN", key: "د" });
  expect(matches(down, keymap.note)).toBe(true);
});

test("a modifier too many or too few is another key", () => {
  expect(matches(pressed("KeyK"), keymap.find)).toBe(false);
  expect(matches(pressed("KeyK", { ctrlKey: true }), keymap.find)).toBe(true);
  expect(matches(pressed("KeyK", { metaKey: true }), keymap.find)).toBe(true);
  expect(matches(pressed("KeyK", { ctrlKey: true }), keymap.previous)).toBe(false);
  expect(matches(pressed("Slash", { shiftKey: true }), keymap.help)).toBe(true);
});

test("no two actions of a page share a key", () => {
  const own = onFollowUps.filter((id) => id.endsWith("FollowUp"));
  const others = (Object.keys(keymap) as KeyID[]).filter((id) => !own.some((x) => x === id));
  const everywhere = others.filter((id) => (keymap[id] as Binding).ctrl || (keymap[id] as Binding).alt);
  const offered: KeyID[] = ["offerTake", "offerDone", "offerLater"];
  for (const page of [others, [...onFollowUps, ...offered, ...everywhere], [...onMissed, ...offered, ...everywhere]]) {
    const labels = page.map(label);
    expect(new Set(labels).size).toBe(labels.length);
  }
});

test("keys inside a text belong to the text", () => {
  document.body.innerHTML =
    '<input id="a"><textarea id="b"></textarea><button id="c"></button><input id="d" type="checkbox"><div id="e" role="combobox"></div>';
  const at = (id: string) => typing(document.getElementById(id));
  expect([at("a"), at("b"), at("c"), at("d"), at("e"), typing(null)]).toEqual([true, true, false, false, true, false]);
});
