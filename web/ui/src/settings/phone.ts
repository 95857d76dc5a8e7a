// What the pages know about phones besides what the server says.
import type { Phone, PhonePatch } from "../api/types";

export interface PhoneSearch {
  q?: string;
  needy?: "1" | undefined;
}

export function readPhoneSearch(s: Record<string, unknown>): PhoneSearch {
  return {
    ...(typeof s.q === "string" && s.q !== "" ? { q: s.q.slice(0, 200) } : {}),
    ...(s.needy === "1" ? { needy: "1" as const } : {}),
  };
}

export function phoneKey(p: Phone): string {
  return `${p.pbx} ${p.endpoint}`;
}

/** phonePath is a phone's address in the API. */
export function phonePath(p: Phone): { pbx: string; technology: string; name: string } {
  const [technology = "", ...name] = p.endpoint.split("/");
  return { pbx: p.pbx, technology, name: name.join("/") };
}

/** needy says that calls are nobody's, or may be, because of this phone. */
export function needy(p: Phone): boolean {
  return p.last_seen !== null && (p.kind === "nobody" || p.kind === "unknown");
}

/** backTo is the change that makes a phone again what it was. */
export function backTo(before: Phone, after: Phone): PhonePatch {
  const change: PhonePatch = {};
  if (before.correction || after.correction) change.extension = before.correction ? before.extension : null;
  if (before.agent_id !== after.agent_id) change.agent_id = before.agent_id;
  // What is no agent's phone has no agent to take it from.
  if (change.agent_id === null && change.extension === "") delete change.agent_id;
  return change;
}
