// What the pages know about queues besides what the server says.
import type { Queue, QueuePatch } from "../api/types";
import { ascii } from "../text/digits";

export interface QueueSearch {
  q?: string;
  archived?: "1" | undefined;
}

export function readQueueSearch(s: Record<string, unknown>): QueueSearch {
  return {
    ...(typeof s.q === "string" && s.q !== "" ? { q: s.q.slice(0, 200) } : {}),
    ...(s.archived === "1" ? { archived: "1" as const } : {}),
  };
}

export type Sayable = Queue["said"][number]["field"];

/** said tells whether somebody said a field of a queue, instead of what was learned. */
export const said = (q: Queue, field: Sayable): boolean => q.said.some((s) => s.field === field);

/** numbersOf reads what was typed: numbers between commas or line ends, with any spelling of digits. */
export function numbersOf(typed: string): string[] {
  return typed
    .split(/[,،;؛\n]/)
    .map((n) => ascii(n).trim())
    .filter((n) => n !== "");
}

/** backTo is the change that makes a queue again what it was, in the fields of another change. */
export function backTo(before: Queue, change: QueuePatch): QueuePatch {
  const back: QueuePatch = {};
  if ("label" in change) back.label = said(before, "label") ? before.label : null;
  if ("numbers" in change) back.numbers = said(before, "numbers") ? before.numbers : null;
  if ("service_level_s" in change)
    back.service_level_s = said(before, "service_level_s") ? before.service_level_s : null;
  if ("service_level_percent" in change) back.service_level_percent = before.service_level_percent;
  if ("wrap_up_s" in change) back.wrap_up_s = before.wrap_up_s;
  if ("script" in change) back.script = before.script;
  if ("team_id" in change) back.team_id = before.team_id;
  if ("archived" in change) back.archived = before.archived_at !== null;
  return back;
}

/** free are the members who could take a call now. */
export const free = (q: Queue): number => q.members.filter((m) => !m.paused && m.status === "free").length;
