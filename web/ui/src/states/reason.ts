import type { Standing } from "../api/types";

/** reasonIn is a reason of a pause in the language of the page; most are worded in both. */
export function reasonIn(r: { label: string | null; label_en: string | null }, language: "fa" | "en"): string {
  return (language === "en" && r.label_en) || r.label || "";
}

/** reasonOf is why somebody is paused at this moment; empty while they are not. */
export function reasonOf(s: Standing, language: "fa" | "en"): string {
  return s.state === "paused" ? reasonIn({ label: s.state_reason, label_en: s.state_reason_en }, language) : "";
}

/** notFollowed says that calls may come against the chosen state, or not come. To be in no queue is no fault. */
export function notFollowed(s: Standing): boolean {
  return s.state_synced !== "" && s.state_synced !== "no_queue";
}
