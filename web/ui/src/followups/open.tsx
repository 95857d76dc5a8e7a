// The follow-up dialog, loaded with its words when it is first opened: from the desk, a call, a customer and the list.
import { lazy } from "react";
import type { FollowUp, FollowUpKind } from "../api/types";
import { withWords } from "../text/i18n";

/** FollowUpStart is what a new follow-up begins with. All of it can be changed in the dialog, but the call. */
export interface FollowUpStart {
  /** Left out: a callback if there is a number, else a task. */
  kind?: FollowUpKind | undefined;
  title?: string | undefined;
  note?: string | undefined;
  number?: string | undefined;
  customer?: { id: string; name: string } | null | undefined;
  /** The call of which it comes, live or ended. */
  call?: string | undefined;
  /** As it would be typed: «فردا ساعت ۱۰». */
  due?: string | undefined;
}

export interface FollowUpDialogProps {
  /** The one to change; left out: a new one. */
  edit?: FollowUp | undefined;
  start?: FollowUpStart | undefined;
  onClose: () => void;
  /** It is saved, and the dialog closes. */
  onSaved?: ((f: FollowUp) => void) | undefined;
}

/** FollowUpDialog is shown as long as it is rendered, inside a Suspense. */
export const FollowUpDialog = lazy(withWords(() => import("./dialog")));
