// The geometry of a call's time line: who rang, talked and waited when, as parts of the whole. Pure; times in ms.
import type { Call, Leg } from "../api/types";

/** Span is one coloured bar: from and width are parts of the whole line, 0 to 1. */
export interface Span {
  kind: "wait" | "ring" | "talk";
  from: number;
  width: number;
  /** Milliseconds that it stands for. */
  ms: number;
}

export interface Lane {
  id: string;
  leg: Leg;
  spans: Span[];
  /** Whether this party ended the call. */
  ended: boolean;
}

export interface Timeline {
  /** When the line begins, and how long it is. */
  start: number;
  ms: number;
  lanes: Lane[];
  /** Whole-second marks under the line: where (0 to 1) and how long after the start. */
  ticks: { at: number; ms: number }[];
}

const least = 1000;

/** timeline lays out a call; one that goes on reaches until now. */
export function timeline(call: Call, now: number): Timeline {
  const start = Date.parse(call.started_at);
  const times = call.legs
    .flatMap((l) => [l.offered_at, l.answered_at, l.ended_at])
    .filter((x): x is string => x !== null);
  const end = call.ended_at ? Date.parse(call.ended_at) : now;
  const first = Math.min(start, ...times.map(Date.parse));
  const last = Math.max(end, ...times.map(Date.parse), first + least);
  const ms = last - first;
  const span = (kind: Span["kind"], from: number, to: number): Span => {
    const a = Math.min(Math.max(from, first), last);
    const b = Math.min(Math.max(to, a), last);
    return { kind, from: (a - first) / ms, width: (b - a) / ms, ms: b - a };
  };
  const firstAnswer = Math.min(
    ...call.legs.filter((l) => l.role === "agent" && l.answered_at).map((l) => Date.parse(l.answered_at ?? "")),
    Number.POSITIVE_INFINITY,
  );
  const lanes = [...call.legs].sort(byStart).map((leg): Lane => {
    const offered = Date.parse(leg.offered_at);
    const left = leg.ended_at ? Date.parse(leg.ended_at) : end;
    const answered = leg.answered_at ? Date.parse(leg.answered_at) : null;
    const spans: Span[] = [];
    if (leg.role === "customer" && call.direction !== "outbound") {
      // The caller's line is "up" from the start; until an agent answers, the caller waits.
      const until = Math.min(firstAnswer, left);
      spans.push(span("wait", offered, until));
      if (firstAnswer < left) spans.push(span("talk", firstAnswer, left));
    } else if (answered === null) spans.push(span("ring", offered, left));
    else spans.push(span("ring", offered, answered), span("talk", answered, left));
    return {
      id: leg.id,
      leg,
      spans: spans.filter((s) => s.width > 0 || spans.length === 1),
      ended: endedBy(call, leg),
    };
  });
  return { start: first, ms, lanes, ticks: ticks(ms) };
}

function byStart(a: Leg, b: Leg): number {
  if (a.role !== b.role) return a.role === "customer" ? -1 : 1;
  return a.offered_at.localeCompare(b.offered_at);
}

function endedBy(call: Call, leg: Leg): boolean {
  if (!call.hangup || leg.end !== "hung_up" || !leg.answered_at) return false;
  const calls = call.direction === "outbound" ? leg.role === "agent" : leg.role === "customer";
  if (call.hangup.by === "caller") return calls;
  return call.hangup.by === "agent" && leg.role === "agent";
}

/** ticks are at most seven marks at round distances. */
function ticks(ms: number): { at: number; ms: number }[] {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600].map((s) => s * 1000);
  const step = steps.find((s) => ms / s <= 6) ?? Math.ceil(ms / 6 / 3_600_000) * 3_600_000;
  const out: { at: number; ms: number }[] = [];
  for (let x = 0; x <= ms; x += step) out.push({ at: x / ms, ms: x });
  return out;
}
