// Calls that are asked for in this tab. There is one attempt at a time, known by an id that this browser makes, so that a
// double click, and a question that is asked again because no answer came, are one call.
import i18next from "i18next";
import { useSyncExternalStore } from "react";
import { api, got } from "../api/client";
import { Problem } from "../api/problem";
import { announce } from "../app/announce";
import { now } from "../app/clock";
import { preferences } from "../app/preferences";
import { ownPhoneRings } from "../desk/pop";
import { deskState, onDesk } from "../desk/store";

/** Wish is what is to be called, and what the call is to be linked to. */
export interface Wish {
  number: string;
  customer?: string | undefined;
  /** The call that it grew from. */
  call?: string | undefined;
  /** The follow-up that is done by it: the server takes it into this agent's hands first. */
  followUp?: string | undefined;
}

export type Attempt = {
  id: string;
  /** Where it was asked for: what becomes of it is shown there. */
  place: string;
  wish: Wish;
} & (
  | { state: "asking" }
  /** The exchange rings the agent's own phone first; at is the server's time. */
  | { state: "ringing"; call: string; extension: string; at: number }
  | { state: "refused"; error: unknown }
);

/** Longer, no phone rings: the picture of the desk is late, or the call has ended before it came. */
const longestRing = 90_000;

let attempt: Attempt | null = null;
const listeners = new Set<() => void>();

function set(a: Attempt | null): void {
  attempt = a;
  for (const l of listeners) l();
}

/** dial asks for a call. While an answer is awaited, and for the number whose phone rings already, it does nothing. */
export function dial(place: string, wish: Wish): void {
  if (attempt?.state === "asking") return;
  if (attempt?.state === "ringing" && attempt.wish.number === wish.number) return;
  void ask({ id: newID(), place, wish, state: "asking" });
}

/** again asks a second time. Where no answer came it is the same attempt, which the server may know; else a new one. */
export function again(): void {
  if (attempt?.state !== "refused") return;
  const { id, place, wish, error } = attempt;
  const answered = error instanceof Problem && error.status !== 0;
  void ask({ id: answered ? newID() : id, place, wish, state: "asking" });
}

/** forget puts away what became of the attempt. */
export function forget(): void {
  if (attempt?.state !== "asking") set(null);
}

async function ask(a: Attempt): Promise<void> {
  set(a);
  const { number, customer, call, followUp } = a.wish;
  const extension = chosenPhone();
  const base = { id: a.id, place: a.place, wish: a.wish };
  try {
    const phone = extension ? { extension } : {};
    const links = { ...(customer ? { customer_id: customer } : {}), ...(call ? { call_id: call } : {}) };
    const made = await got(
      followUp
        ? api.POST("/api/v1/follow-ups/{id}/dial", { params: { path: { id: followUp } }, body: { id: a.id, ...phone } })
        : api.POST("/api/v1/calls", { body: { id: a.id, number, ...links, ...phone } }),
    );
    set({ ...base, state: "ringing", call: made.call_id, extension: made.extension, at: now() });
    announce(i18next.t("dial.phoneFirst"));
    follow();
  } catch (error) {
    set({ ...base, state: "refused", error });
  }
}

/** chosenPhone is the one of my phones that calls are made with; empty: the server chooses. */
export function chosenPhone(): string {
  const mine = deskState().desk?.agent.extensions ?? [];
  const { phone } = preferences();
  return mine.length > 1 && mine.includes(phone) ? phone : "";
}

/** follow lets go of the attempt when the phone has been picked up, or when nothing came of it. */
function follow(): void {
  if (attempt?.state !== "ringing") return;
  const { call, at } = attempt;
  const pop = deskState().desk?.calls.find((p) => p.call.id === call);
  if (pop ? !ownPhoneRings(pop) : now() - at > longestRing) set(null);
}
onDesk(follow);

/** newID makes a random UUID, also where the page has no secure context. */
export function newID(): string {
  const b = crypto.getRandomValues(new Uint8Array(16));
  b[6] = ((b[6] ?? 0) & 0x0f) | 0x40;
  b[8] = ((b[8] ?? 0) & 0x3f) | 0x80;
  const hex = [...b].map((x) => x.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** useAttempt is what became of the attempt that was asked for at a place; null: nothing was, or it is over. */
export function useAttempt(place: string): Attempt | null {
  return useSyncExternalStore(
    (l) => {
      listeners.add(l);
      return () => listeners.delete(l);
    },
    () => (attempt?.place === place ? attempt : null),
  );
}
