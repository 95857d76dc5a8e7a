// Making known that a follow-up is due: politely to a screen reader, and by a desktop notification where no tab is looked at.
import { type RefObject, useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import type { Desk, DeskFollowUp } from "../api/types";
import { offered, offerID, told } from "../desk/to-do";
import type { Speaker } from "../push/leader";
import { spaced } from "../text/digits";
import type { Format } from "../text/format";
import { useFormat } from "../text/use-format";
import { announce } from "./announce";
import { now } from "./clock";

/** nameOf is what a follow-up is called in one line. */
function nameOf(f: DeskFollowUp, fmt: Format): string {
  const words = [f.title, f.customer?.name].filter(Boolean);
  return words.join(" · ") || fmt.digits(spaced(f.number));
}

/** useOfferNotice tells of each offer once: in this tab by voice, and in all of them together by one notification. */
export function useOfferNotice(desk: Desk | null, speaker: RefObject<Speaker | null>, notify: boolean): void {
  const { t } = useTranslation();
  const fmt = useFormat();
  const heard = useRef(new Set<string>());
  const shown = useRef(new Map<string, Notification>());

  useEffect(() => {
    if (!desk) return;
    const offers = offered(desk, now());
    const ids = new Set(offers.map(offerID));
    const fresh = offers.filter((f) => !heard.current.has(offerID(f)) && !told.has(offerID(f)));
    heard.current = ids;
    for (const [id, n] of shown.current) {
      if (ids.has(id)) continue;
      n.close();
      shown.current.delete(id);
    }
    const [first] = fresh;
    if (!first) return;
    announce(t("notify.followUpIs", { who: nameOf(first, fmt) }));
    const show = async () => {
      const s = speaker.current;
      const seen = await s?.anyVisible();
      if (!s || !(await s.claim(offerID(first)))) return;
      told.add(...fresh.map(offerID));
      if (seen || !notify || !("Notification" in window) || Notification.permission !== "granted") return;
      const n = new Notification(t("notify.followUp"), {
        body: nameOf(first, fmt),
        tag: offerID(first),
        lang: fmt.language,
        dir: fmt.language === "fa" ? "rtl" : "ltr",
        icon: "/icon.svg",
      });
      n.onclick = () => {
        window.focus();
        n.close();
      };
      shown.current.set(offerID(first), n);
    };
    void show();
  }, [desk, t, fmt, notify, speaker]);
}
