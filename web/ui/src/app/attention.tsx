// Making a ring known: to a screen reader, in the tab's title, by a desktop notification and by sound.
import { VisuallyHidden } from "@mantine/core";
import type { TFunction } from "i18next";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Desk, Pop } from "../api/types";
import { incoming, name, otherNumber } from "../desk/pop";
import { type Phase, useDesk } from "../desk/store";
import { newSpeaker, type Speaker } from "../push/leader";
import { chime } from "../push/sound";
import { spaced } from "../text/digits";
import type { Format } from "../text/format";
import { useFormat } from "../text/use-format";
import { useAnnounced } from "./announce";
import { useOfferNotice } from "./offer-notice";
import { usePreferences } from "./preferences";
import { setBadge } from "./title";

const ringEvery = 3000;

/** saidOf is how the other side is called in one line. */
export function saidOf(p: Pop, desk: Desk, t: TFunction, f: Format): string {
  const number = otherNumber(p, desk);
  return name(p, desk) || (number ? f.digits(spaced(number)) : t("desk.withheld"));
}

function announcement(p: Pop, desk: Desk, before: Phase | undefined, t: TFunction, f: Format): string {
  const who = saidOf(p, desk, t, f);
  const now = p.state;
  if (now === before) return "";
  switch (now) {
    case "ringing":
      if (!incoming(p, desk)) return "";
      return p.call.queue
        ? t("desk.ringAnnounceQueue", { who, queue: p.call.queue_label })
        : t("desk.ringAnnounce", { who });
    case "talking":
      return before === "held" ? "" : t("desk.answeredAnnounce", { who });
    case "answered_elsewhere":
      return before ? t("desk.elsewhereAnnounce", { who, name: p.answered_by?.name ?? "" }) : "";
    case "ended":
      return before ? t("desk.endedAnnounce", { who }) : "";
    default:
      return "";
  }
}

/** Attention shows nothing; it speaks. One per tab. */
export function Attention() {
  const { desk } = useDesk();
  const { t } = useTranslation();
  const f = useFormat();
  const { sound, notify } = usePreferences();
  const before = useRef(new Map<string, Phase>());
  const speaker = useRef<Speaker | null>(null);
  const shown = useRef(new Map<string, Notification>());
  const [said, setSaid] = useState("");
  const announced = useAnnounced();

  useEffect(() => {
    const s = newSpeaker();
    speaker.current = s;
    return () => s.stop();
  }, []);

  const ringing = desk?.calls.filter((p) => p.state === "ringing" && incoming(p, desk)) ?? [];
  const rings = ringing.length > 0;

  useEffect(() => {
    if (!desk) return;
    const now = new Map<string, Phase>();
    for (const p of desk.calls) {
      const was = before.current.get(p.call.id);
      const is = p.state;
      now.set(p.call.id, is);
      const text = announcement(p, desk, was, t, f);
      if (text) setSaid(text);
      if (is === "ringing" && was === undefined && incoming(p, desk) && notify) {
        void tell(p, desk, t, f, speaker.current, shown.current);
      }
    }
    for (const [id, n] of shown.current) {
      if (now.get(id) === "ringing") continue;
      n.close();
      shown.current.delete(id);
    }
    before.current = now;
    const first = desk.calls.find((p) => p.state === "ringing" && incoming(p, desk));
    const count = desk.calls.filter((p) => p.state === "ringing" && incoming(p, desk)).length;
    setBadge(first ? t("notify.tab", { n: f.number(count), who: saidOf(first, desk, t, f) }) : "");
  }, [desk, t, f, notify]);

  useOfferNotice(desk, speaker, notify);

  useEffect(() => () => setBadge(""), []);

  useEffect(() => {
    if (!rings || !sound) return;
    const ring = () => speaker.current?.leads() && chime();
    ring();
    const timer = setInterval(ring, ringEvery);
    return () => clearInterval(timer);
  }, [rings, sound]);

  return (
    <VisuallyHidden>
      <div role="alert" aria-live="assertive" aria-atomic="true" data-testid="announcer">
        {said}
      </div>
      <div role="status" aria-live="polite" aria-atomic="true" data-testid="polite">
        {announced}
      </div>
    </VisuallyHidden>
  );
}

async function tell(
  p: Pop,
  desk: Desk,
  t: TFunction,
  f: Format,
  speaker: Speaker | null,
  shown: Map<string, Notification>,
): Promise<void> {
  if (!speaker || !("Notification" in window) || Notification.permission !== "granted") return;
  if (await speaker.anyVisible()) return;
  if (!(await speaker.claim(p.call.id))) return;
  const n = new Notification(t("notify.title"), {
    body: [saidOf(p, desk, t, f), p.customer?.organization, p.call.queue_label].filter(Boolean).join(" · "),
    tag: p.call.id,
    lang: f.language,
    dir: f.language === "fa" ? "rtl" : "ltr",
    icon: "/icon.svg",
  });
  n.onclick = () => {
    window.focus();
    n.close();
  };
  shown.set(p.call.id, n);
}

/** askToNotify asks for the browser's permission; call it from a click. False when the browser refuses. */
export async function askToNotify(): Promise<boolean> {
  if (!("Notification" in window)) return false;
  return (await Notification.requestPermission()) === "granted";
}
