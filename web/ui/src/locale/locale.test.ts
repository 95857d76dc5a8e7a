import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { en } from "./en";
import { enLater } from "./en-later";
import { fa } from "./fa";
import { faLater } from "./fa-later";

function flat(words: object, path = ""): Map<string, string> {
  const out = new Map<string, string>();
  for (const [k, v] of Object.entries(words)) {
    if (typeof v === "string") out.set(path + k, v);
    else for (const [k2, v2] of flat(v as object, `${path}${k}.`)) out.set(k2, v2);
  }
  return out;
}

const english = new Map([...flat(en), ...flat(enLater)]);
const persian = new Map([...flat(fa), ...flat(faLater)]);

test("no key is among the first words and the later ones", () => {
  expect([...flat(en).keys()].filter((k) => flat(enLater).has(k))).toEqual([]);
});

/** loaded are a file and all that it loads at once; what it imports later is not among them. */
function loaded(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  for (const [, from] of readFileSync(file, "utf8").matchAll(/^(?:import|export) (?!type )[^;]*?from "(\.[^"]+)";/gm)) {
    const path = join(dirname(file), from as string);
    const source = [`${path}.ts`, `${path}.tsx`].find(existsSync);
    if (source) loaded(source, found);
  }
  return found;
}

test("the log-in page, the desk and the frame say only what is among the first words", () => {
  const src = join(import.meta.dirname, "..");
  const files = new Set<string>();
  for (const file of ["main.tsx", "app/shell.tsx", "desk/desk-page.tsx", "login/login-page.tsx"])
    loaded(join(src, file), files);
  expect(files.size).toBeGreaterThan(50);
  const later = flat(enLater);
  for (const file of files) {
    if (file.endsWith("api/fault.ts")) continue; // which looks whether it has a name for a field
    const said = [...readFileSync(file, "utf8").matchAll(/["`](\w+\.[\w.]+)["`]/g)].map((m) => m[1] as string);
    expect(
      said.filter((key) => later.has(key) || later.has(`${key}_other`)),
      file,
    ).toEqual([]);
  }
});

test("both languages have the same keys, and no empty words", () => {
  expect([...persian.keys()].sort()).toEqual([...english.keys()].sort());
  for (const [k, v] of [...english, ...persian]) expect(v.trim(), k).not.toBe("");
});

test("both languages fill in the same things", () => {
  const holes = (s: string) => [...s.matchAll(/\{\{(\w+)\}\}/g)].map((m) => m[1]).sort();
  for (const [k, v] of english) expect(holes(persian.get(k) ?? ""), k).toEqual(holes(v));
});

test("Persian words use Persian letters, not Arabic ones", () => {
  for (const [k, v] of persian) {
    // The list of spellings that make no difference names them on purpose.
    if (k !== "customers.noneBody") expect(v, k).not.toMatch(/[يك]/);
  }
});
