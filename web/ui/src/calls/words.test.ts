// The words of exported files are the pages': the server keeps a copy, which this holds to be the same.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { allWords } from "../locale/all";

const file = join(import.meta.dirname, "../../../../calllog/export_words.json");
const exported = JSON.parse(readFileSync(file, "utf8")) as Record<string, Record<string, string>>;

test.each(Object.entries(allWords))("files say in %s what the pages say", (language, words) => {
  const of = (key: string) =>
    key.split(".").reduce<unknown>((o, part) => (o as Record<string, unknown>)?.[part], words);
  const have = exported[language] ?? {};
  expect(Object.keys(have).length).toBeGreaterThan(30);
  expect(have).toEqual(Object.fromEntries(Object.keys(have).map((key) => [key, of(key)])));
});
