// The filters of the call list, as they stand in its address. Days are those of the business time zone: ISO days, or so many
// before today, "-6d", which a saved view keeps as that; "0d" is today.
import type { CallQuery, Direction, Outcome } from "../api/types";
import { ascii } from "../text/digits";
import { timeZone } from "../text/zone";

export const directions: Direction[] = ["inbound", "outbound", "internal"];
export const outcomes: Outcome[] = ["answered", "missed", "abandoned", "busy", "failed", "voicemail", "cancelled"];

export interface CallSearch {
  from?: string;
  /** The last day shown, included. */
  to?: string;
  direction?: Direction;
  outcome?: Outcome;
  agent?: string;
  queue?: string;
  number?: string;
  customer?: string;
  disposition?: string;
  q?: string;
  /** The saved view that was opened; "all": none, whatever the page opens with. */
  view?: string;
}

/** Periods are days that go on with the calendar; each has a word of its own. */
export const periods = {
  today: { from: "0d" },
  yesterday: { from: "-1d", to: "-1d" },
  week: { from: "-6d" },
  month: { from: "-29d" },
} satisfies Record<string, Pick<CallSearch, "from" | "to">>;

/** How many days each lasts. */
export const periodDays = { today: 1, yesterday: 1, week: 7, month: 30 };

/** periodOf is the period that a search is of; null: other days, or none. */
export function periodOf({ from, to }: CallSearch): keyof typeof periods | null {
  const all = Object.entries(periods) as [keyof typeof periods, Pick<CallSearch, "from" | "to">][];
  return all.find(([, p]) => p.from === from && p.to === to)?.[0] ?? null;
}

const isRelative = (v: unknown): v is string => typeof v === "string" && /^(0|-[1-9]\d{0,2})d$/.test(v);
const isDay = (v: unknown): v is string =>
  typeof v === "string" && /^\d{4}-\d\d-\d\d$/.test(v) && !Number.isNaN(Date.parse(v));
const isID = (v: unknown): v is string =>
  typeof v === "string" && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(v);
const isText = (v: unknown): v is string => typeof v === "string" && v !== "" && v.length <= 200;

/** readCallSearch takes what an address says and drops what it does not understand. */
export function readCallSearch(s: Record<string, unknown>): CallSearch {
  const out: CallSearch = {};
  if (isDay(s.from) || isRelative(s.from)) out.from = s.from;
  if (isDay(s.to) || isRelative(s.to)) out.to = s.to;
  if (directions.includes(s.direction as Direction)) out.direction = s.direction as Direction;
  if (outcomes.includes(s.outcome as Outcome)) out.outcome = s.outcome as Outcome;
  if (isID(s.agent)) out.agent = s.agent;
  if (isText(s.queue)) out.queue = s.queue;
  if (isText(s.number)) out.number = s.number;
  if (isID(s.customer)) out.customer = s.customer;
  if (isID(s.disposition)) out.disposition = s.disposition;
  if (isText(s.q)) out.q = s.q;
  if (s.view === "all" || isID(s.view)) out.view = s.view;
  return out;
}

/** filters are what a search filters by. */
export function filters({ view: _, ...rest }: CallSearch): Omit<CallSearch, "view"> {
  return rest;
}

/** written is a search's filters as a saved view keeps them: the same for the same filters. */
export function written(s: CallSearch): string {
  const p = new URLSearchParams(Object.entries(filters(s)) as [string, string][]);
  p.sort();
  return p.toString();
}

/** saved is what a saved view filters by, without the parameters named. */
export function saved(query: string, without: string[] = []): CallSearch {
  const given = Object.fromEntries(new URLSearchParams(query));
  for (const name of [...without, "view"]) delete given[name];
  return readCallSearch(given);
}

/** DaySearch is a day of an agent: today, and one's own, where nothing is said. */
export interface DaySearch {
  agent?: string;
  day?: string;
}

export function readDaySearch(s: Record<string, unknown>): DaySearch {
  return { ...(isID(s.agent) ? { agent: s.agent } : {}), ...(isDay(s.day) ? { day: s.day } : {}) };
}

/** query turns the address's filters into the API's: days become the moments at which they begin in the time zone. */
export function query(s: CallSearch): CallQuery {
  const { from, to, number, ...rest } = filters(s);
  const q: CallQuery = { ...rest };
  if (from) q.from = dayStart(isoDay(from), 0).toISOString();
  if (to) q.to = dayStart(isoDay(to), 1).toISOString();
  if (number) q.number = ascii(number);
  return q;
}

/** isoDay is the ISO day that a day of a search is now. */
export function isoDay(day: string, now = Date.now()): string {
  if (!isRelative(day)) return day;
  const today = new Date(now + offsetAt(now)).toISOString().slice(0, 10);
  return new Date(Date.parse(today) + Number.parseInt(day, 10) * 86_400_000).toISOString().slice(0, 10);
}

/** dayStart is the moment at which an ISO day, or the one so many days later, begins in the business time zone. */
export function dayStart(day: string, later: number): Date {
  return momentOf(day, later * 1440);
}

/** momentOf is the moment at which clocks in the business time zone show a minute of an ISO day. */
export function momentOf(day: string, minute: number): Date {
  const utc = Date.parse(`${day}T00:00:00Z`) + minute * 60_000;
  let at = utc;
  // Twice: the first guess may lie on the other side of a change of the zone's offset.
  for (let i = 0; i < 2; i++) at = utc - offsetAt(at);
  return new Date(at);
}

/** minuteOf is the minute of the day that clocks in the business time zone show at a moment. */
export function minuteOf(at: Date): number {
  const day = 86_400_000;
  return Math.floor((((at.getTime() + offsetAt(at.getTime())) % day) + day) / 60_000) % 1440;
}

let parts: Intl.DateTimeFormat | undefined;
let partsZone = "";

function offsetAt(at: number): number {
  if (!parts || partsZone !== timeZone) {
    const two = "2-digit";
    const time = { hour: two, minute: two, second: two } as const;
    parts = new Intl.DateTimeFormat("en-CA", {
      timeZone,
      hourCycle: "h23",
      year: "numeric",
      month: two,
      day: two,
      ...time,
    });
    partsZone = timeZone;
  }
  const p = Object.fromEntries(parts.formatToParts(at).map((x) => [x.type, x.value]));
  const local = Date.parse(`${p.year}-${p.month}-${p.day}T${p.hour}:${p.minute}:${p.second}Z`);
  return local - Math.floor(at / 1000) * 1000;
}
