// Where the gaps of the log stand among its calls.
import type { Call, Gap } from "../api/types";

/** between are the gaps that began between two calls of a list that is newest first. */
export function between(gaps: Gap[], newer: Started | undefined, older: Started | undefined): Gap[] {
  const at = (c: Started | undefined, none: number) => (c ? Date.parse(c.started_at) : none);
  return gaps.filter((g) => {
    const from = Date.parse(g.from);
    return from < at(newer, Number.POSITIVE_INFINITY) && from >= at(older, Number.NEGATIVE_INFINITY);
  });
}

type Started = Pick<Call, "started_at">;
