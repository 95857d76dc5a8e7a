// The filters of the floor, as they stand in its address.

export interface FloorSearch {
  team?: string;
  queue?: string;
}

const isID = (v: unknown): v is string =>
  typeof v === "string" && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(v);

/** readFloorSearch takes what an address says and drops what it does not understand. */
export function readFloorSearch(s: Record<string, unknown>): FloorSearch {
  return { ...(isID(s.team) ? { team: s.team } : {}), ...(isID(s.queue) ? { queue: s.queue } : {}) };
}
