// What is done to follow-ups from wherever they are shown, each with what takes it back.
import i18next from "i18next";
import { api, got } from "../api/client";
import { queryClient } from "../api/queries";
import type { FollowUp } from "../api/types";
import { complain } from "../parts/notice";
import { offerUndo } from "../parts/undo";

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
