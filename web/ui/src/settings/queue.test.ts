import { expect, test } from "vitest";
import type { Queue } from "../api/types";
import { backTo, free, numbersOf, readQueueSearch } from "./queue";

test("numbers are read between commas and lines, in any digits, and keep the blanks inside", () => {
  expect(numbersOf(" ۰۲۱ ۹۱۰۰ ۱۲۳۴، 600,٦٠١\n\n602 ; ")).toEqual(["021 9100 1234", "600", "601", "602"]);
  expect(numbersOf("  ,، \n")).toEqual([]);
});

const queue = {
  label: "پشتیبانی",
  numbers: ["600"],
  service_level_s: 20,
  service_level_percent: 80,
  wrap_up_s: 15,
  script: "سلام",
  team_id: "t",
  archived_at: null,
  said: [{ field: "label", by: "admin", at: "2026-11-22T08:00:00Z" }],
  members: [
    { paused: false, status: "free" },
    { paused: true, status: "free" },
    { paused: false, status: "in_use" },
  ],
} as unknown as Queue;

test("a change is taken back to what was said, or to what was learned", () => {
  expect(backTo(queue, { label: "x", numbers: ["1"], wrap_up_s: 5 })).toEqual({
    label: "پشتیبانی",
    numbers: null,
    wrap_up_s: 15,
  });
  expect(
    backTo(queue, {
      label: null,
      service_level_s: 5,
      service_level_percent: 1,
      script: "",
      team_id: null,
      archived: true,
    }),
  ).toEqual({
    label: "پشتیبانی",
    service_level_s: null,
    service_level_percent: 80,
    script: "سلام",
    team_id: "t",
    archived: false,
  });
  expect(backTo(queue, {})).toEqual({});
});

test("free is who is neither paused nor busy", () => {
  expect(free(queue)).toBe(1);
});

test("an address says what is searched", () => {
  expect(readQueueSearch({ q: "x".repeat(300), archived: "1" })).toEqual({ q: "x".repeat(200), archived: "1" });
  expect(readQueueSearch({ q: "", archived: "yes", other: 1 })).toEqual({});
});
