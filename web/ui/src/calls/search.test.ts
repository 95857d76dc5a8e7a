import { expect, test } from "vitest";
import { setTimeZone } from "../text/zone";
import { dayStart, isoDay, minuteOf, momentOf, periodOf, query, readCallSearch, saved, written } from "./search";

test("L14 days begin and end at midnight in Tehran", () => {
  expect(query({ from: "2026-11-22", to: "2026-11-22" })).toEqual({
    from: "2026-11-21T20:30:00.000Z",
    to: "2026-11-22T20:30:00.000Z",
  });
});

test("days of years with summer time have their own offset", () => {
  expect(dayStart("2021-07-01", 0).toISOString()).toBe("2021-06-30T19:30:00.000Z");
});

test("days are those of the time zone that the server names", () => {
  setTimeZone("Europe/Berlin");
  try {
    // The day on which summer time ends there has 25 hours.
    expect(query({ from: "2026-10-25", to: "2026-10-25" })).toEqual({
      from: "2026-10-24T22:00:00.000Z",
      to: "2026-10-25T23:00:00.000Z",
    });
    expect(isoDay("0d", Date.parse("2026-11-22T22:59:59Z"))).toBe("2026-11-22");
    setTimeZone("Local"); // which no browser knows
    expect(dayStart("2026-11-22", 0).toISOString()).toBe("2026-11-21T23:00:00.000Z");
  } finally {
    setTimeZone("Asia/Tehran");
  }
});

test("a minute of a day is what the clocks show, also on days on which they are set", () => {
  setTimeZone("Europe/Berlin");
  try {
    for (const day of ["2026-03-29", "2026-10-25", "2026-11-22"]) {
      const shown = [0, 60, 600, 1439].map((m) => [m, momentOf(day, m)] as const);
      expect(shown.map(([, at]) => minuteOf(at))).toEqual(shown.map(([m]) => m));
    }
    expect(momentOf("2026-10-25", 600).toISOString()).toBe("2026-10-25T09:00:00.000Z");
    expect(momentOf("2026-03-29", 600).toISOString()).toBe("2026-03-29T08:00:00.000Z");
  } finally {
    setTimeZone("Asia/Tehran");
  }
  expect(minuteOf(new Date("2026-11-22T21:00:00Z"))).toBe(30);
});

test("an address is read leniently and numbers go out in ASCII", () => {
  expect(readCallSearch({ from: "yesterday", outcome: "answered", agent: "1", direction: "sideways", q: "" })).toEqual({
    outcome: "answered",
  });
  expect(query({ number: "۰۹۱۲" })).toEqual({ number: "0912" });
});

test("relative days are those of Tehran's today, whenever the view is opened", () => {
  const late = Date.parse("2026-11-22T20:29:59Z"); // one second to midnight in Tehran
  expect(["0d", "-1d", "-6d", "-29d"].map((day) => isoDay(day, late))).toEqual([
    "2026-11-22",
    "2026-11-21",
    "2026-11-16",
    "2026-10-24",
  ]);
  expect(isoDay("0d", late + 1000)).toBe("2026-11-23");
  expect(isoDay("2026-01-02", late)).toBe("2026-01-02");
  expect(query({ from: "0d", to: "0d" })).toEqual(query({ from: isoDay("0d"), to: isoDay("0d") }));
  expect(saved("from=-6d")).toEqual({ from: "-6d" });
  expect(written({ from: "-6d" })).toBe("from=-6d");
  expect(readCallSearch({ from: "6d", to: "-1000d" })).toEqual({});
  expect([{ from: "-6d" }, { from: "-1d", to: "-1d" }, { from: "-6d", to: "0d" }, {}].map(periodOf)).toEqual([
    "week",
    "yesterday",
    null,
    null,
  ]);
});

test("a saved view is written in one way, read leniently, and never asked of the server", () => {
  const view = "0193527f-0000-7000-8000-000000000001";
  const search = readCallSearch({ view, outcome: "missed", from: "2026-11-22", q: "سارا و مریم" });
  expect(written(search)).toBe(written({ q: "سارا و مریم", from: "2026-11-22", outcome: "missed" }));
  expect(saved(written(search))).toEqual({ outcome: "missed", from: "2026-11-22", q: "سارا و مریم" });
  expect(saved(`agent=${view}&outcome=missed&view=all&sort=x`, ["agent"])).toEqual({ outcome: "missed" });
  expect(query(search)).not.toHaveProperty("view");
  expect(readCallSearch({ view: "all" })).toEqual({ view: "all" });
  expect(readCallSearch({ view: "mine" })).toEqual({});
});
