import { expect, test } from "vitest";
import type { Gap } from "../api/types";
import { Format } from "../text/format";
import { stretch } from "../text/stretch";
import { between } from "./gaps";

const t0 = Date.parse("2026-11-22T08:30:00Z");
const at = (s: number) => new Date(t0 + s * 1000).toISOString();
const gap = (from: number, to: number | null): Gap => ({
  pbx: "main",
  from: at(from),
  to: to === null ? null : at(to),
  reason: "disconnected",
});

test("every gap stands in one place, before the calls that are older than it", () => {
  const calls = [{ started_at: at(300) }, { started_at: at(200) }, { started_at: at(200) }, { started_at: at(100) }];
  const gaps = [gap(400, null), gap(250, 280), gap(200, 210), gap(50, 60)];
  const places = [...calls, undefined].map((c, i) => between(gaps, calls[i - 1], c).map((g) => g.from));
  expect(places).toEqual([[at(400)], [at(250), at(200)], [], [], [at(50)]]);
  expect(between(gaps, undefined, undefined)).toEqual(gaps);
});

test("a gap is told to the second, with the day where it is not today's", () => {
  const f = new Format({ language: "en", digits: "language", timeZone: "Asia/Tehran" });
  const now = new Date(at(3600));
  const bare = (s: string) => s.replaceAll(/[\u2068\u2069]/g, "");
  const today = stretch(gap(11, 58), now, f);
  expect([today.from, today.to].map(bare)).toEqual(["12:00:11", "12:00:58"]);
  const before = stretch(gap(-86_400, -86_390), now, f);
  expect([before.from, before.to].map(bare)).toEqual(["21 Nov 2026 12:00:00", "12:00:10"]);
  expect(stretch(gap(0, null), now, f).to).toBe("");
});
