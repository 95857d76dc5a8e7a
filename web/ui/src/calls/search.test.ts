import { expect, test } from "vitest";
import { dayStart, query, readCallSearch } from "./search";

test("L14 days begin and end at midnight in Tehran", () => {
  expect(query({ from: "2026-11-22", to: "2026-11-22" })).toEqual({
    from: "2026-11-21T20:30:00.000Z",
    to: "2026-11-22T20:30:00.000Z",
  });
});

test("days of years with summer time have their own offset", () => {
  expect(dayStart("2021-07-01", 0).toISOString()).toBe("2021-06-30T19:30:00.000Z");
});

test("an address is read leniently and numbers go out in ASCII", () => {
  expect(readCallSearch({ from: "yesterday", outcome: "answered", agent: "1", direction: "sideways", q: "" })).toEqual({
    outcome: "answered",
  });
  expect(query({ number: "۰۹۱۲" })).toEqual({ number: "0912" });
});
