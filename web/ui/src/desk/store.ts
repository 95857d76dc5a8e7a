// What this tab knows of its desk: the newest picture, the state of the link, and which call is looked at. The picture
// is the server's word and is never edited here.
import { useSyncExternalStore } from "react";
import { learn } from "../app/clock";
import type { Desk, DeskFrame, Pop } from "../api/types";
import type { Link } from "../push/socket";

export interface DeskState {
  desk: Desk | null;
  /** Number of the picture, for the receipt; 0 before the first. */
  seq: number;
  link: Link;
  /** The call that is looked at; null when there is none. */
  selected: string | null;
}

export type Change =
  | { type: "frame"; frame: DeskFrame }
  | { type: "link"; link: Link }
  | { type: "select"; id: string }
  | { type: "forget" };

export function initial(): DeskState {
  return { desk: null, seq: 0, link: { state: "connecting", since: Date.now() }, selected: null };
}

/** reduce is the whole logic of the desk. */
export function reduce(s: DeskState, c: Change): DeskState {
  switch (c.type) {
    case "link":
      return { ...s, link: c.link };
    case "select":
      return { ...s, selected: c.id };
    case "forget":
      return initial();
    case "frame": {
      const desk = c.frame.desk;
      return { ...s, desk, seq: c.frame.seq, selected: selection(s.selected, desk.calls) };
    }
  }
}

/**
 * selection keeps looking at the same call as long as it is on the desk, so that the next ring does not take the page
 * from under somebody who writes; an idle desk and one that only holds ended calls move on to what rings.
 */
export function selection(selected: string | null, calls: Pop[]): string | null {
  const first = [...calls].sort((a, b) => rank(a) - rank(b) || b.offered_at.localeCompare(a.offered_at))[0];
  const kept = calls.find((p) => p.call.id === selected);
  if (kept && (phase(kept) !== "ended" || !first || phase(first) === "ended" || first === kept)) return selected;
  return first?.call.id ?? null;
}

/** Phase is what a call means to this desk. */
export type Phase = "ringing" | "talking" | "held" | "elsewhere" | "ended";

/** phase reads it from the picture: "elsewhere" is a call that somebody else took. */
export function phase(p: Pop): Phase {
  if (p.answered_by) {
    // The server names the one who answered only to those who did not.
    return "elsewhere";
  }
  switch (p.call.state) {
    case "talking":
      return "talking";
    case "held":
      return "held";
    case "ended":
      return "ended";
    default:
      return "ringing";
  }
}

function rank(p: Pop): number {
  return { talking: 0, held: 1, ringing: 2, elsewhere: 4, ended: 3 }[phase(p)];
}

type Listener = () => void;
let state = initial();
const listeners = new Set<Listener>();

export function deskState(): DeskState {
  return state;
}

export function change(c: Change): void {
  if (c.type === "frame") learn(c.frame.sent_at);
  state = reduce(state, c);
  for (const l of listeners) l();
}

export function onDesk(l: Listener): () => void {
  listeners.add(l);
  return () => listeners.delete(l);
}

export function useDesk(): DeskState {
  return useSyncExternalStore(onDesk, deskState);
}
