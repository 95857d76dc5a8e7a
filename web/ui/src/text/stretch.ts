import type { Gap } from "../api/types";
import type { Format } from "./format";

/** stretch writes from when to when a gap was, to the second, and the day where it is not today's. */
export function stretch(g: Gap, at: Date, f: Format): { from: string; to: string } {
  const from = new Date(g.from);
  const day = (x: Date, near: Date) => (f.dayKey(x) === f.dayKey(near) ? "" : `${f.date(x)} `);
  const write = (x: Date, near: Date) => `\u2068${day(x, near)}${f.timeWithSeconds(x)}\u2069`;
  return { from: write(from, at), to: g.to ? write(new Date(g.to), from) : "" };
}
