import { expect, test } from "vitest";
import type { Call, Leg } from "../api/types";
import { timeline } from "./timeline";

const t0 = Date.parse("2026-11-22T10:00:00Z");
const at = (s: number | null) => (s === null ? null : new Date(t0 + s * 1000).toISOString());

function leg(
  id: string,
  role: Leg["role"],
  offered: number,
  answered: number | null,
  ended: number | null,
  end: Leg["end"],
): Leg {
  return {
    id,
    role,
    pbx: "main",
    channel: `PJSIP/${id}`,
    extension: role === "agent" ? id : "",
    agent: "",
    agent_id: null,
    offered_at: at(offered) ?? "",
    answered_at: at(answered),
    ended_at: at(ended),
    end,
    talk_ms: 0,
    hold_ms: 0,
    number: "",
    parent: null,
    spans: [],
  };
}

function call(legs: Leg[], ended: number | null, by: "caller" | "agent" = "caller"): Call {
  return {
    direction: "inbound",
    started_at: at(0),
    ended_at: at(ended),
    hangup: ended === null ? null : { by, cause: 16, text: "" },
    legs,
  } as unknown as Call;
}

test("L1 a member who merely rang has a ring and no talk; the caller waits, then talks", () => {
  const line = timeline(
    call(
      [
        leg("caller", "customer", 0, 0, 20, "hung_up"),
        leg("1001", "agent", 2, null, 10, "answered_elsewhere"),
        leg("1002", "agent", 2, 10, 20, "hung_up"),
      ],
      20,
    ),
    0,
  );
  expect(line.ms).toBe(20_000);
  expect(line.lanes.map((l) => l.spans.map((s) => [s.kind, s.from, s.width]))).toEqual([
    [
      ["wait", 0, 0.5],
      ["talk", 0.5, 0.5],
    ],
    [["ring", 0.1, 0.4]],
    [
      ["ring", 0.1, 0.4],
      ["talk", 0.5, 0.5],
    ],
  ]);
  expect(line.lanes.map((l) => l.ended)).toEqual([true, false, false]);
});

test("a call that goes on reaches until now; nothing leaves the line", () => {
  const line = timeline(
    call([leg("caller", "customer", -1, null, null, null), leg("1001", "agent", 1, null, null, null)], null),
    t0 + 9000,
  );
  expect(line.ms).toBe(10_000);
  for (const lane of line.lanes) {
    for (const s of lane.spans) {
      expect(s.from).toBeGreaterThanOrEqual(0);
      expect(s.from + s.width).toBeLessThanOrEqual(1.000001);
    }
  }
});

test("a call without length has a line still, and few ticks however long it is", () => {
  expect(timeline(call([leg("c", "customer", 0, null, 0, "hung_up")], 0), 0).ms).toBe(1000);
  for (const s of [1, 59, 600, 86_400]) {
    const ticks = timeline(call([leg("c", "customer", 0, null, s, "hung_up")], s), 0).ticks;
    expect(ticks.length).toBeLessThanOrEqual(8);
    expect(ticks.length).toBeGreaterThan(1);
  }
});
