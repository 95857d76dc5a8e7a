import { expect, test } from "vitest";
import type { Call, Leg } from "../api/types";
import { arrows, type Kind, lastTalker, rows, type Span, timeline } from "./timeline";

const t0 = Date.parse("2026-11-22T10:00:00Z");
const at = (s: number | null) => (s === null ? null : new Date(t0 + s * 1000).toISOString());

/** Seconds of the call: when it was offered, answered and ended; then what it did from when to when, and through whom. */
function leg(
  id: string,
  [offered, answered, ended]: [number, number | null, number | null],
  end: Leg["end"],
  spans: [Leg["spans"][number]["kind"], number, number | null][] = [],
  parent: string | null = null,
): Leg {
  const customer = id.startsWith("0");
  const [number = ""] = id.split("/");
  return {
    id,
    pbx: "main",
    role: customer ? "customer" : "agent",
    channel: `PJSIP/${id}`,
    extension: customer ? "" : number,
    number: customer ? number : "",
    agent: "",
    agent_id: null,
    offered_at: at(offered) ?? "",
    answered_at: at(answered),
    ended_at: at(ended),
    end,
    talk_ms: spans.reduce((n, [, from, to]) => n + ((to ?? from) - from) * 1000, 0),
    hold_ms: 0,
    parent,
    spans: spans.map(([kind, from, to]) => ({ kind, from: at(from) ?? "", to: at(to) })),
  };
}

interface More {
  by?: "caller" | "agent" | "system";
  direction?: Call["direction"];
  transfers?: [Call["transfers"][number]["kind"], number, string, string][];
}

function call(
  legs: Leg[],
  ended: number | null,
  { by = "caller", direction = "inbound", transfers = [] }: More = {},
): Call {
  return {
    direction,
    started_at: at(0),
    ended_at: at(ended),
    answered_at: legs.find((l) => l.role === "agent" && l.answered_at)?.answered_at ?? null,
    hangup: ended === null ? null : { by, cause: 16, text: "" },
    legs,
    transfers: transfers.map(([kind, when, by, to]) => ({ kind, at: at(when), pbx: "main", by, to })),
  } as unknown as Call;
}

/** Seconds of every bar. */
const seconds = (all: Span[]): [Kind, number, number][] =>
  all.map((s) => [s.kind, (s.at - t0) / 1000, (s.to - t0) / 1000]);
const drawn = (c: Call, now = 0) =>
  Object.fromEntries(timeline(c, t0 + now * 1000).lanes.map((l) => [l.id, seconds(l.spans)]));

const ringAll = call(
  [
    leg("0912", [0, 0, 20], "hung_up", [["talk", 10, 20]]),
    leg("1001", [2, null, 10], "answered_elsewhere"),
    leg("1002", [2, 10, 20], "hung_up", [["talk", 10, 20]]),
  ],
  20,
);

test("L1 a member who merely rang has a ring and no talk; the caller waits, then talks", () => {
  const line = timeline(ringAll, 0);
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
  expect(line.lanes.map((l) => [l.ended, l.stayed])).toEqual([
    [true, true],
    [false, false],
    [false, true],
  ]);
  expect(lastTalker(ringAll)?.id).toBe("1002");
});

const blind = call(
  [
    leg("0912", [0, 0, 60], "hung_up", [
      ["talk", 5, 12],
      ["held", 12, 18],
      ["talk", 18, 20],
      ["talk", 30, 60],
    ]),
    leg("1001", [1, 5, 20], "transferred", [
      ["talk", 5, 12],
      ["hold", 12, 18],
      ["talk", 18, 20],
    ]),
    leg("1002", [21, 30, 60], "hung_up", [["talk", 30, 60]], "1001"),
  ],
  60,
  { transfers: [["blind", 20, "1001", "1002"]] },
);

test("L5 after a blind transfer the customer waits again, and the first agent's part is over", () => {
  expect(drawn(blind)).toEqual({
    "0912": [
      ["wait", 0, 5],
      ["talk", 5, 12],
      ["held", 12, 18],
      ["talk", 18, 20],
      ["wait", 20, 30],
      ["talk", 30, 60],
    ],
    "1001": [
      ["ring", 1, 5],
      ["talk", 5, 12],
      ["hold", 12, 18],
      ["talk", 18, 20],
    ],
    "1002": [
      ["ring", 21, 30],
      ["talk", 30, 60],
    ],
  });
  expect(lastTalker(blind)?.id).toBe("1002");
});

test("L6 an arrow leads from who transferred to who took it, at its time", () => {
  const line = timeline(blind, 0);
  expect(arrows(line, rows(line, false))).toMatchObject([
    { from: 1, to: 2, x: 1 / 3, given: { kind: "blind", by: "1001", to: "1002", leg: { id: "1002" } } },
  ]);
});

test("L4 a transfer to a queue leads to who answered there, and not to those who merely rang", () => {
  const c = call(
    [
      leg("0912", [0, 0, 90], "hung_up", [
        ["talk", 5, 20],
        ["talk", 40, 90],
      ]),
      leg("1001", [1, 5, 20], "transferred", [["talk", 5, 20]]),
      leg("1002", [21, null, 40], "answered_elsewhere", [], "1001"),
      leg("1003", [21, 40, 90], "hung_up", [["talk", 40, 90]], "1001"),
    ],
    90,
    { transfers: [["blind", 20, "1001", "sales"]] },
  );
  const line = timeline(c, 0);
  expect(arrows(line, rows(line, false))).toMatchObject([
    { from: 1, to: 3, given: { to: "sales", leg: { id: "1003" } } },
  ]);
});

test("L5 while the agent asks a colleague by digits, the customer is on hold", () => {
  const c = call(
    [
      leg("0912", [0, 0, 90], "hung_up", [
        ["talk", 5, 20],
        ["talk", 40, 90],
      ]),
      leg("1001", [1, 5, 40], "transferred", [
        ["talk", 5, 20],
        ["hold", 30, 40],
      ]),
      leg("1002", [21, 30, 90], "hung_up", [["talk", 30, 90]], "1001"),
    ],
    90,
    { transfers: [["attended", 40, "1001", "1002"]] },
  );
  expect(drawn(c)["0912"]).toEqual([
    ["wait", 0, 5],
    ["talk", 5, 20],
    ["held", 20, 40],
    ["talk", 40, 90],
  ]);
  // Given away while the colleague's phone rings: from then on nobody has the customer on hold.
  const given = call(
    c.legs.map((l) => (l.id === "1001" ? { ...l, ended_at: at(25) } : l)),
    90,
  );
  expect(drawn(given)["0912"]?.slice(2, 4)).toEqual([
    ["held", 20, 25],
    ["wait", 25, 40],
  ]);
});

test("a question on a second line is said to be one, and the arrow leads from the first", () => {
  const line = timeline(
    call(
      [
        leg("0912", [0, 0, 90], "hung_up", [["talk", 5, 90]]),
        leg("1001", [1, 5, 40], "transferred", [["talk", 5, 40]]),
        leg("1001/2", [20, 30, 40], "transferred", [["talk", 30, 40]], "1001"),
        leg("1002", [21, 30, 90], "hung_up", [["talk", 30, 90]], "1001"),
      ],
      90,
      { transfers: [["attended", 40, "1001", "1002"]] },
    ),
    0,
  );
  expect(line.lanes.map((l) => l.asks)).toEqual([false, false, true, false]);
  expect(arrows(line, rows(line, false))).toMatchObject([{ from: 1, to: 3 }]);
});

test("L4 six transfers are six arrows, each to the next", () => {
  const hops = ["1001", "1002", "1003", "1001/2", "1002/2", "1003/2", "1001/3"];
  const legs = [leg("0912", [0, 0, 80], "hung_up", [["talk", 1, 80]])];
  for (const [i, id] of hops.entries()) {
    const over = i * 10 + 10;
    legs.push(
      leg(
        id,
        [i * 10, i * 10 + 1, over],
        i < 6 ? "transferred" : "hung_up",
        [["talk", i * 10 + 1, over]],
        hops[i - 1] ?? null,
      ),
    );
  }
  const transfers = hops
    .slice(0, 6)
    .map((id, i) => ["blind", i * 10 + 10, id.slice(0, 4), (hops[i + 1] ?? "").slice(0, 4)] as const);
  const c = call(legs, 80, { transfers: transfers.map((x) => [...x]) });
  const line = timeline(c, 0);
  expect(arrows(line, rows(line, false)).map((a) => [a.from, a.to])).toEqual(
    [0, 1, 2, 3, 4, 5].map((i) => [i + 1, i + 2]),
  );
  expect(lastTalker(c)?.id).toBe("1001/3");
});

test("a phone that forwards leads to who was called instead; that is no transfer", () => {
  const line = timeline(
    call(
      [
        leg("0912", [0, 0, 30], "hung_up", [["talk", 10, 30]]),
        leg("1001", [1, null, 3], "transferred"),
        leg("1002", [3, 10, 30], "hung_up", [["talk", 10, 30]], "1001"),
      ],
      30,
    ),
    0,
  );
  expect(arrows(line, rows(line, false))).toMatchObject([{ from: 1, to: 2, given: { kind: "forward" } }]);
});

test("L2 of twenty who ring, those who merely rang share a row that can be opened", () => {
  const members = Array.from({ length: 20 }, (_, i) =>
    i === 7
      ? leg("3007", [1, 10, 30], "hung_up", [["talk", 10, 30]])
      : leg(String(3000 + i), [i === 3 ? 5 : 1, null, i === 3 ? 6 : 10], "answered_elsewhere"),
  );
  const line = timeline(call([leg("0912", [0, 0, 30], "hung_up", [["talk", 10, 30]]), ...members], 30), 0);
  const shut = rows(line, false);
  expect(shut.map((r) => r.kind)).toEqual(["lane", "rang", "lane"]);
  const [, rang] = shut;
  if (rang?.kind !== "rang") throw new Error("no row of those who rang");
  expect(rang.lanes).toHaveLength(19);
  expect(seconds(rang.spans)).toEqual([["ring", 1, 10]]);
  expect(rows(line, true)).toHaveLength(2 + 1 + 19);
  const few = timeline(call([leg("0912", [0, 0, 30], "hung_up"), ...members.slice(0, 6)], 30), 0);
  expect(rows(few, false)).toHaveLength(7);
});

test("who hung up: in an outbound call the caller of the log is the customer", () => {
  const legs = [
    leg("1001", [0, 5, 30], "hung_up", [["talk", 5, 30]]),
    leg("0912", [1, 5, 30], "hung_up", [["talk", 5, 30]]),
  ];
  const ended = (by: More["by"], direction: Call["direction"], all = legs) =>
    timeline(call(all, 30, { by, direction }), 0)
      .lanes.filter((l) => l.ended)
      .map((l) => l.id);
  expect(ended("caller", "outbound")).toEqual(["0912"]);
  expect(ended("agent", "outbound")).toEqual(["1001"]);
  expect(ended("system", "outbound")).toEqual([]);
  const internal = [leg("1001", [0, 5, 30], "hung_up"), leg("1002", [1, 5, 30], "hung_up")];
  expect(ended("caller", "internal", internal)).toEqual(["1001"]);
  expect(ended("agent", "internal", internal)).toEqual(["1002"]);
  expect(
    ended("caller", "inbound", [leg("0912", [0, null, 30], "hung_up"), leg("1001", [1, null, 30], "cancelled")]),
  ).toEqual(["0912"]);
});

test("what was recorded without its stretches is in the call, and no more is said", () => {
  const old = [leg("0912", [0, 0, 20], "hung_up"), leg("1001", [2, 10, 20], "hung_up")].map((l) => ({
    ...l,
    talk_ms: 10_000,
  }));
  expect(drawn(call(old, 20))).toEqual({
    "0912": [
      ["wait", 0, 10],
      ["line", 10, 20],
    ],
    "1001": [
      ["ring", 2, 10],
      ["line", 10, 20],
    ],
  });
});

test("a call that goes on reaches until now; nothing leaves the line", () => {
  const c = call(
    [leg("0912", [-1, null, null], null, [["talk", 3, null]]), leg("1001", [1, 3, null], null, [["talk", 3, null]])],
    null,
  );
  const line = timeline(c, t0 + 9000);
  expect(line.ms).toBe(10_000);
  expect(drawn(c, 9)["1001"]).toEqual([
    ["ring", 1, 3],
    ["talk", 3, 9],
  ]);
  expect(drawn(c, 12)["1001"]?.[1]).toEqual(["talk", 3, 12]);
  for (const lane of line.lanes) {
    for (const s of lane.spans) {
      expect(s.from).toBeGreaterThanOrEqual(0);
      expect(s.from + s.width).toBeLessThanOrEqual(1.000001);
    }
  }
});

test("a short ring before an hour of talk is drawn; the moment that connecting takes is not", () => {
  const c = call(
    [
      leg("0912", [0, 0, 3600], "hung_up", [["talk", 4.1, 3600]]),
      leg("1001", [1, 4, 3600], "hung_up", [
        ["talk", 4.1, 900],
        ["talk", 900.2, 3600],
      ]),
    ],
    3600,
  );
  expect(drawn(c)["1001"]).toEqual([
    ["ring", 1, 4],
    ["talk", 4.1, 900],
    ["talk", 900.2, 3600],
  ]);
});

test("a call without length has a line still, and few ticks however long it is", () => {
  expect(timeline(call([leg("0912", [0, null, 0], "hung_up")], 0), 0).ms).toBe(1000);
  for (const s of [1, 59, 600, 86_400]) {
    const ticks = timeline(call([leg("0912", [0, null, s], "hung_up")], s), 0).ticks;
    expect(ticks.length).toBeLessThanOrEqual(8);
    expect(ticks.length).toBeGreaterThan(1);
  }
});
