// The filters of the follow-ups, as they stand in their address. Days are ISO days of the business time zone.
import type { FollowUp, FollowUpKind, FollowUpQuery } from "../api/types";
import { dayStart } from "../calls/search";
import type { Format } from "../text/format";

export const owners = ["mine", "team", "anyone", "all"] as const;
export const states = ["open", "overdue", "today", "later", "closed"] as const;
export const kinds: FollowUpKind[] = ["callback", "task"];

export interface FollowUpSearch {
  /** Left out: what is somebody's first concern, see homeOwner. */
  owner?: (typeof owners)[number];
  /** Left out: open. */
  state?: (typeof states)[number];
  kind?: FollowUpKind;
  /** The day on which they are due; of closed ones: were closed. */
  day?: string;
  assignee?: string;
  team?: string;
  customer?: string;
  q?: string;
  /** The one that is looked at. */
  id?: string;
}

const isDay = (v: unknown): v is string =>
  typeof v === "string" && /^\d{4}-\d\d-\d\d$/.test(v) && !Number.isNaN(Date.parse(v));
const isID = (v: unknown): v is string =>
  typeof v === "string" && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(v);

/** readFollowUpSearch takes what an address says and drops what it does not understand. */
export function readFollowUpSearch(s: Record<string, unknown>): FollowUpSearch {
  const out: FollowUpSearch = {};
  const owner = owners.find((x) => x === s.owner);
  const state = states.find((x) => x === s.state);
  const kind = kinds.find((x) => x === s.kind);
  if (owner) out.owner = owner;
  if (state && state !== "open") out.state = state;
  if (kind) out.kind = kind;
  if (isDay(s.day)) out.day = s.day;
  if (isID(s.assignee)) out.assignee = s.assignee;
  if (isID(s.team)) out.team = s.team;
  if (isID(s.customer)) out.customer = s.customer;
  if (typeof s.q === "string" && s.q !== "" && s.q.length <= 200) out.q = s.q;
  if (isID(s.id)) out.id = s.id;
  return out;
}

/** homeOwner is whose follow-ups somebody sees first, by how far their permission goes. */
export function homeOwner(scope: string | null): NonNullable<FollowUpSearch["owner"]> {
  return scope === "all" ? "all" : scope === "team" ? "team" : "mine";
}

/** query turns the address's filters into the API's. */
export function query(
  { id: _, day, ...rest }: FollowUpSearch,
  home: NonNullable<FollowUpSearch["owner"]>,
): FollowUpQuery {
  const q: FollowUpQuery = { owner: home, ...rest };
  if (day) {
    q.from = dayStart(day, 0).toISOString();
    q.to = dayStart(day, 1).toISOString();
  }
  return q;
}

/** Section is under which heading a follow-up stands. */
export type Section = "overdue" | "today" | "later" | "closed";

/** sectionOf needs the server's now. */
export function sectionOf(f: FollowUp, now: Date, format: Format): Section {
  if (f.closed_at) return "closed";
  const due = new Date(f.due_at);
  if (due <= now) return "overdue";
  return format.dayKey(due) === format.dayKey(now) ? "today" : "later";
}
