// What is done to follow-ups from wherever they are shown, each with what takes it back.
import i18next from "i18next";
import { api, got } from "../api/client";
import { queryClient } from "../api/queries";
import type { FollowUp, FollowUpBulk } from "../api/types";
import { now } from "../app/clock";
import { preferences } from "../app/preferences";
import { complain, notice } from "../parts/notice";
import { offerUndo } from "../parts/undo";
import { Format } from "../text/format";
import { timeZone } from "../text/zone";

/** refreshFollowUps asks anew for all that is shown of follow-ups. */
export function refreshFollowUps(): Promise<void> {
  return queryClient.invalidateQueries({ queryKey: ["follow-ups"] });
}

/** Named is what a follow-up is known by, wherever it comes from. */
type Named = Pick<FollowUp, "id" | "title" | "customer" | "number">;

/** followUpName is what a follow-up is called in a sentence. */
export function followUpName(f: Named): string {
  return f.title || f.customer?.name || `\u2066${f.number}\u2069`;
}

const at = (f: Named) => ({ params: { path: { id: f.id } } });

/** doing does something to a follow-up, shows what came of it, and says whether it was done. */
async function doing(what: Promise<unknown>): Promise<boolean> {
  try {
    await what;
    return true;
  } catch (error) {
    complain(error);
    return false;
  } finally {
    void refreshFollowUps();
  }
}

const reopen = (f: Named) => doing(got(api.POST("/api/v1/follow-ups/{id}/reopen", at(f))));

/** finish closes one as done, and offers to take that back. */
export async function finish(f: Named): Promise<boolean> {
  const done = await doing(got(api.POST("/api/v1/follow-ups/{id}/done", at(f))));
  if (done) void offerUndo(i18next.t("followUps.doneDone", { name: followUpName(f) }), () => void reopen(f));
  return done;
}

/** cancel closes one as not needed, and offers to take that back. */
export async function cancel(f: Named): Promise<boolean> {
  const done = await doing(got(api.POST("/api/v1/follow-ups/{id}/cancel", at(f))));
  if (done) void offerUndo(i18next.t("followUps.cancelDone", { name: followUpName(f) }), () => void reopen(f));
  return done;
}

export const claim = (f: Named) => doing(got(api.POST("/api/v1/follow-ups/{id}/claim", at(f))));
export const release = (f: Named) => doing(got(api.POST("/api/v1/follow-ups/{id}/release", at(f))));
export const openAgain = (f: FollowUp) => reopen(f);

/** closed says that nothing more is to be done. */
export function closed(f: FollowUp): boolean {
  return f.closed_at !== null;
}

/** The most that the server changes at once. */
const atOnce = 500;

type Change = Omit<FollowUpBulk, "ids">;

/**
 * bulk does one change to many, says how many were changed and how many left, and offers to take it back. It throws what the
 * server refuses for all of them.
 */
export async function bulk(items: FollowUp[], change: Change): Promise<void> {
  const done: FollowUp[] = [];
  let left = 0;
  try {
    for (let i = 0; i < items.length; i += atOnce) {
      const some = items.slice(i, i + atOnce);
      const ids = some.map((f) => f.id);
      const { refused } = await got(api.POST("/api/v1/follow-ups/bulk", { body: { ids, ...change } }));
      const not = new Set(refused.map((r) => r.id));
      left += not.size;
      done.push(...some.filter((f) => !not.has(f.id)));
    }
  } catch (error) {
    if (done.length === 0) throw error;
    complain(error);
  } finally {
    void refreshFollowUps();
  }
  const { language, digits } = preferences();
  const n = (x: number) => new Format({ language, digits, timeZone }).number(x);
  const said = [
    done.length > 0 && i18next.t("followUps.bulkDone", { count: done.length, n: n(done.length) }),
    left > 0 && i18next.t("followUps.bulkLeft", { count: left, n: n(left) }),
  ].filter(Boolean);
  if (done.length === 0) notice(said.join(" "));
  else void offerUndo(said.join(" "), () => void back(done, change));
}

/** back makes follow-ups what they were before a change, each as far as that is possible: a time that is past by now is not. */
async function back(items: FollowUp[], change: Change): Promise<void> {
  let refused: unknown;
  for (const f of items) {
    try {
      await backOne(f, change);
    } catch (error) {
      refused = error;
    }
  }
  if (refused !== undefined) complain(refused);
  void refreshFollowUps();
}

function backOne(f: FollowUp, change: Change): Promise<unknown> {
  if (change.cancel) return got(api.POST("/api/v1/follow-ups/{id}/reopen", at(f)));
  if (change.due_at || change.later_ms) {
    const due_at = new Date(Math.max(Date.parse(f.due_at), now() + 60_000)).toISOString();
    return got(api.PATCH("/api/v1/follow-ups/{id}", { ...at(f), body: { due_at } }));
  }
  const body = f.assignee ? { assignee_id: f.assignee.id } : f.team ? { team_id: f.team.id } : { anyone: true };
  return got(api.PATCH("/api/v1/follow-ups/{id}", { ...at(f), body }));
}
