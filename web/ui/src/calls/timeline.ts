// The geometry of a call's time line: who rang, talked, held and waited when, as parts of the whole. Pure; times in ms.
import type { Call, Leg } from "../api/types";

/**
 * What a bar stands for. wait: hears no person. ring: is being called. talk: hears another. hold: has the other on hold.
 * held: is on hold. line: is in the call, which has no record of when it talked.
 */
export type Kind = "wait" | "ring" | "talk" | "hold" | "held" | "line";

/** Span is one bar: from and width are parts of the whole line, 0 to 1; at and to are milliseconds since 1970. */
export interface Span {
  kind: Kind;
  from: number;
  width: number;
  at: number;
  to: number;
}

/** Given says where a party sent the call that it gave away. */
export interface Given {
  /** forward: the phone asked for another one in its place, without having been answered. */
  kind: "blind" | "attended" | "forward";
  by: string;
  /** Extension, queue or number. */
  to: string;
  /** Whoever took it, or was asked first; null if nobody was called. */
  leg: Leg | null;
  at: number;
}

export interface Lane {
  id: string;
  leg: Leg;
  spans: Span[];
  /** Whether this party ended the call. */
  ended: boolean;
  /** Whether it is the second line of an agent who is in the call already, and asks somebody. */
  asks: boolean;
  /** Whether this party was in the call until its end. */
  stayed: boolean;
  given: Given | null;
}

/** Row is what is drawn in one line: a party, or those together who merely rang. */
export type Row =
  | { kind: "lane"; id: string; lane: Lane; member: boolean }
  | { kind: "rang"; id: string; lanes: Lane[]; spans: Span[] };

/** Arrow leads from one row to another, at a place of the line (0 to 1). */
export interface Arrow {
  id: string;
  given: Given;
  x: number;
  from: number;
  to: number;
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
/** So many who merely rang have a row each; more share one. */
const mostRang = 6;

const time = (s: string) => Date.parse(s);
const timeOr = (s: string | null, other: number) => (s === null ? other : Date.parse(s));

/** timeline lays out a call; one that goes on reaches until now. */
export function timeline(call: Call, now: number): Timeline {
  const times = call.legs
    .flatMap((l) => [l.offered_at, l.answered_at, l.ended_at])
    .filter((x): x is string => x !== null)
    .map(time);
  const end = timeOr(call.ended_at, now);
  const first = Math.min(time(call.started_at), ...times);
  const last = Math.max(end, ...times, first + least);
  const ms = last - first;
  const scale = { first, last, end: call.ended_at ? last : Math.max(end, first) };
  const main = mainParty(call);
  const ender = whoEnded(call);
  const given = handOvers(call);
  const lanes = [...call.legs]
    .sort((a, b) => Number(b === main) - Number(a === main) || a.offered_at.localeCompare(b.offered_at))
    .map(
      (leg): Lane => ({
        id: leg.id,
        leg,
        spans: spans(call, leg, leg === main, scale),
        ended: leg === ender,
        asks: asks(call, leg),
        stayed: leg.end === "hung_up" && timeOr(leg.ended_at, last) >= end - 1000,
        given: given.get(leg.id) ?? null,
      }),
    );
  return { start: first, ms, lanes, ticks: ticks(ms) };
}

/** mainParty is the customer whose call it is; who called, when no customer takes part. */
export function mainParty(call: Call): Leg | undefined {
  return call.legs.find((l) => l.role === "customer" && l.parent === null) ?? call.legs[0];
}

interface Scale {
  first: number;
  last: number;
  /** Until when a leg goes on that has not ended. */
  end: number;
}

function spans(call: Call, leg: Leg, main: boolean, { first, last, end }: Scale): Span[] {
  const all: Span[] = [];
  // A break as short as this is none that anybody noticed: the time that it takes to connect.
  const short = Math.min(500, (last - first) * 0.02);
  const add = (kind: Kind, from: number, to: number, whole = false) => {
    const a = Math.min(Math.max(from, first), last);
    const b = Math.min(Math.max(to, a), last);
    if (b - a > (whole ? 0 : short))
      all.push({ kind, from: (a - first) / (last - first), width: (b - a) / (last - first), at: a, to: b });
  };
  const offered = time(leg.offered_at);
  const left = timeOr(leg.ended_at, end);
  const answered = timeOr(leg.answered_at, left);
  const called = leg !== call.legs[0];
  if (called) add("ring", offered, answered, true);
  let at = called ? answered : offered;
  if (leg.spans.length === 0 && leg.talk_ms > 0) {
    const from = Math.max(at, timeOr(call.answered_at, at));
    add("wait", at, from);
    add("line", from, left, true);
    return all;
  }
  let talked = false;
  // Between two talks, or before the first.
  const alone = (to: number) => {
    const parked = main && talked ? Math.min(to, stillWith(call, leg, at, end)) : at;
    if (to - parked <= short && parked > at) add("held", at, to);
    else {
      add("held", at, parked);
      add("wait", parked, to);
    }
  };
  for (const s of leg.spans) {
    const from = time(s.from);
    const to = timeOr(s.to, left);
    alone(from);
    add(s.kind, from, to, true);
    talked = true;
    at = Math.max(at, to);
  }
  if (!called || leg.answered_at !== null) alone(left);
  if (all.length === 0)
    all.push({
      kind: called ? "ring" : "wait",
      from: (offered - first) / (last - first),
      width: 0,
      at: offered,
      to: left,
    });
  return all;
}

/**
 * stillWith is until when an agent has part in the call who had talked with this party before: the agent asks somebody
 * else meanwhile, and this party is on hold.
 */
function stillWith(call: Call, leg: Leg, at: number, end: number): number {
  const ends = call.legs
    .filter((l) => l !== leg && l.role === "agent" && l.spans.some((s) => time(s.from) < at))
    .map((l) => timeOr(l.ended_at, end));
  return Math.max(at, ...ends);
}

/** whoEnded is the leg of the party that hung up first, if the log says who it was. */
function whoEnded(call: Call): Leg | undefined {
  const by = call.hangup?.by;
  const could = call.legs.filter((l) => {
    if (l.end !== "hung_up") return false;
    if (by === "agent") return l.role === "agent" && (call.direction !== "internal" || l !== call.legs[0]);
    if (by !== "caller") return false;
    return call.direction === "internal" ? l === call.legs[0] : l.role === "customer";
  });
  return could.reduce<Leg | undefined>((a, b) => (a && (a.ended_at ?? "") > (b.ended_at ?? "") ? a : b), undefined);
}

function asks(call: Call, leg: Leg): boolean {
  const first = call.legs.find((l) => l.id === leg.parent);
  return (
    leg.extension !== "" && first?.extension === leg.extension && (!first.ended_at || first.ended_at > leg.offered_at)
  );
}

/** handOvers tells for each leg that gave the call away to whom. */
function handOvers(call: Call): Map<string, Given> {
  const found = new Map<string, Given>();
  const through = (id: string) => call.legs.filter((l) => l.parent === id);
  const taker = (id: string) => through(id).find((l) => l.answered_at !== null) ?? through(id)[0] ?? null;
  for (const x of call.transfers) {
    const at = time(x.at);
    const [from] = call.legs
      .filter(
        (l) => l.end === "transferred" && l.pbx === x.pbx && (l.extension || l.number) === x.by && !found.has(l.id),
      )
      .map((l) => ({ id: l.id, led: through(l.id).length > 0, off: Math.abs(timeOr(l.ended_at, at) - at) }))
      .sort((a, b) => Number(b.led) - Number(a.led) || a.off - b.off);
    if (!from) continue;
    const leg = through(from.id).find((l) => l.extension === x.to) ?? taker(from.id);
    found.set(from.id, { kind: x.kind, by: x.by, to: x.to, leg, at });
  }
  for (const l of call.legs) {
    if (l.end !== "transferred" || l.answered_at !== null || found.has(l.id)) continue;
    const leg = taker(l.id);
    if (!leg) continue;
    const by = l.extension || l.number;
    found.set(l.id, {
      kind: "forward",
      by,
      to: leg.extension || leg.number,
      leg,
      at: timeOr(l.ended_at, time(l.offered_at)),
    });
  }
  return found;
}

/** rows are the lanes in lines. Where many merely rang, they share one, unless they are asked for. */
export function rows(line: Timeline, open: boolean): Row[] {
  const merelyRang = (l: Lane) =>
    l.leg.role === "agent" &&
    l.leg.answered_at === null &&
    l.leg.end !== null &&
    l.given === null &&
    l.spans.every((s) => s.kind === "ring");
  const rang = line.lanes.filter(merelyRang);
  const lane = (l: Lane, member = false): Row => ({ kind: "lane", id: l.id, lane: l, member });
  if (rang.length <= mostRang) return line.lanes.map((l) => lane(l));
  return line.lanes.flatMap((l): Row[] => {
    if (l === rang[0]) {
      const all: Row = { kind: "rang", id: "rang", lanes: rang, spans: union(rang.flatMap((r) => r.spans)) };
      return open ? [all, ...rang.map((r) => lane(r, true))] : [all];
    }
    return rang.includes(l) ? [] : [lane(l)];
  });
}

/** union joins bars that overlap. */
function union(all: Span[]): Span[] {
  const joined: Span[] = [];
  for (const s of [...all].sort((a, b) => a.at - b.at)) {
    const last = joined.at(-1);
    if (!last || s.at > last.to) joined.push({ ...s });
    else if (s.to > last.to) {
      last.to = s.to;
      last.width = s.from + s.width - last.from;
    }
  }
  return joined;
}

/** arrows lead from each row that gave the call away to the row that took it. */
export function arrows(line: Timeline, all: Row[]): Arrow[] {
  const rowOf = (id: string) =>
    all.findIndex((r) =>
      r.kind === "lane" ? r.id === id : r.lanes.some((l) => l.id === id) && !all.some((o) => o.id === id),
    );
  return line.lanes.flatMap((l): Arrow[] => {
    if (!l.given?.leg) return [];
    const from = rowOf(l.id);
    const to = rowOf(l.given.leg.id);
    if (from < 0 || to < 0 || from === to) return [];
    const x = Math.min(1, Math.max(0, (l.given.at - line.start) / line.ms));
    return [{ id: l.id, given: l.given, x, from, to }];
  });
}

/** lastTalker is the agent who talked last; undefined if none has. */
export function lastTalker(call: Call): Leg | undefined {
  const called = call.direction === "internal" ? call.legs.slice(1) : call.legs;
  const talked = called.filter(
    (l) => l.role === "agent" && l.answered_at && (l.talk_ms > 0 || l.spans.length > 0 || !l.ended_at),
  );
  const until = (l: Leg) => (l.ended_at ? time(l.spans.at(-1)?.to ?? l.ended_at) : Number.POSITIVE_INFINITY);
  return talked.reduce<Leg | undefined>((a, b) => {
    if (!a) return b;
    const later = until(b) === until(a) ? (b.answered_at ?? "") >= (a.answered_at ?? "") : until(b) > until(a);
    return later ? b : a;
  }, undefined);
}

/** ticks are at most seven marks at round distances. */
function ticks(ms: number): { at: number; ms: number }[] {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600].map((s) => s * 1000);
  const step = steps.find((s) => ms / s <= 6) ?? Math.ceil(ms / 6 / 3_600_000) * 3_600_000;
  const out: { at: number; ms: number }[] = [];
  for (let x = 0; x <= ms; x += step) out.push({ at: x / ms, ms: x });
  return out;
}
