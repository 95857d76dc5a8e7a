import { expect, test } from "vitest";
import type { FollowUp } from "../api/types";
import { Format } from "../text/format";
import { query, readFollowUpSearch, sectionOf } from "./search";

test("an address keeps what it says and drops what nobody understands", () => {
  const id = "0192f3c4-0000-7000-8000-000000000001";
  const said = { owner: "team", state: "overdue", kind: "callback", day: "2026-11-24", assignee: id, q: "سارا", id };
  expect(readFollowUpSearch(said)).toEqual(said);
  expect(
    readFollowUpSearch({
      owner: "hers",
      state: "open",
      kind: "x",
      day: "tomorrow",
      assignee: "1",
      q: "",
      id: "x",
      z: "1",
    }),
  ).toEqual({});
});

test("a day is from midnight to midnight of the business time zone; the one looked at filters nothing", () => {
  expect(query({ day: "2026-11-24", id: "x", state: "today" }, "mine")).toEqual({
    owner: "mine",
    state: "today",
    from: "2026-11-23T20:30:00.000Z",
    to: "2026-11-24T20:30:00.000Z",
  });
  expect(query({ owner: "all" }, "mine")).toEqual({ owner: "all" });
});

test("overdue, today, later, closed", () => {
  const f = new Format({ language: "fa", digits: "language", timeZone: "Asia/Tehran" });
  const now = new Date("2026-11-23T08:00:00Z");
  const at = (due_at: string, closed_at: string | null = null) => sectionOf({ due_at, closed_at } as FollowUp, now, f);
  expect(at("2026-11-23T07:59:00Z")).toBe("overdue");
  expect(at("2026-11-23T20:29:00Z")).toBe("today");
  expect(at("2026-11-23T20:30:00Z")).toBe("later");
  expect(at("2026-11-20T07:59:00Z", "2026-11-21T07:59:00Z")).toBe("closed");
});
