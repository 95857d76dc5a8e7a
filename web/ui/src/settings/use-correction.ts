import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, got } from "../api/client";
import { queryClient } from "../api/queries";
import type { Phone, PhonePatch } from "../api/types";
import { complain, notice } from "../parts/notice";
import { offerUndo } from "../parts/undo";
import { backTo, phoneKey, phonePath } from "./phone";

interface Change {
  phone: Phone;
  change: PhonePatch;
  /** Called when it is done. */
  done?: (() => void) | undefined;
  /** Whether it takes another change back. */
  undoes?: boolean;
}

/** useCorrection changes phones, offers to take that back, and asks about past calls that the change could name. */
export function useCorrection() {
  const { t } = useTranslation();
  const [nameless, setNameless] = useState<{ phone: Phone; calls: number } | null>(null);
  const [hide, setHide] = useState<Promise<() => void> | null>(null);
  const save = useMutation({
    mutationFn: ({ phone, change }: Change) =>
      got(
        api.PATCH("/api/v1/phones/{pbx}/{technology}/{name}", {
          params: { path: phonePath(phone) },
          body: change,
        }),
      ),
    onSuccess: ({ phone: after, nameless }, { phone: before, done, undoes }) => {
      void queryClient.invalidateQueries({ queryKey: ["phones"] });
      void queryClient.invalidateQueries({ queryKey: ["agents"] });
      done?.();
      if (undoes) {
        notice(t("phones.undone", { phone: after.endpoint }));
        return;
      }
      const undo = () => save.mutate({ phone: after, change: backTo(before, after), undoes: true });
      setHide(offerUndo(t(`phones.done.${after.kind}`, { phone: after.endpoint, name: after.agent }), undo));
      if (nameless > 0 && after.agent_id !== before.agent_id) setNameless({ phone: after, calls: nameless });
    },
    onError: (e, { done }) => {
      if (!done) complain(e);
    },
  });
  return {
    /** Changes a phone; with done, whoever asks shows the fault. */
    correct: (phone: Phone, change: PhonePatch, done?: () => void) => save.mutate({ phone, change, done }),
    busy: save.isPending ? phoneKey(save.variables.phone) : null,
    fault: save.error && save.variables?.done ? save.error : null,
    forget: save.reset,
    nameless,
    /** Ends the question about past calls; what was named cannot be taken back, nor then what led to it. */
    named: (done: boolean) => {
      setNameless(null);
      if (done) void hide?.then((h) => h());
    },
  };
}
