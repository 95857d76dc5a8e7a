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

test("the words of later pages have sections of their own", () => {
  expect(Object.keys(en).filter((k) => k in enLater)).toEqual([]);
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
