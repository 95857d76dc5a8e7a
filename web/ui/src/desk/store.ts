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
  /** writing: a note of the selected call is being typed at this moment. */
  | { type: "frame"; frame: DeskFrame; writing: boolean }
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
      return { ...s, desk, seq: c.frame.seq, selected: selection(s.selected, desk, c.writing) };
    }
  }
}

/**
 * selection decides which call is looked at. A live one stays, so that the next ring does not take the page from under
 * an agent who talks; so does any call whose note is being written. Otherwise what rings comes to the front.
 */
export function selection(selected: string | null, desk: Desk, writing: boolean): string | null {
  const kept = desk.calls.find((p) => p.call.id === selected);
  if (kept && (writing || isLive(phase(kept, desk)))) return kept.call.id;
  const first = inOrder(desk)[0];
  if (!first) return null;
  if (kept && !isLive(phase(first, desk))) return kept.call.id;
  return first.call.id;
}

/** inOrder is the desk's calls, the one that needs the agent most first. */
export function inOrder(desk: Desk): Pop[] {
  const rank = { talking: 0, held: 1, ringing: 2, ended: 3, elsewhere: 4 };
  return [...desk.calls].sort(
    (a, b) => rank[phase(a, desk)] - rank[phase(b, desk)] || b.offered_at.localeCompare(a.offered_at),
  );
}

/** Phase is what a call means to this desk; "elsewhere" is a call that somebody else took. */
export type Phase = "ringing" | "talking" | "held" | "elsewhere" | "ended";

export function phase(p: Pop, desk: Desk): Phase {
  if (p.answered_by && p.answered_by.id !== desk.agent.id) return "elsewhere";
  switch (p.call.state) {
    case "talking":
    case "held":
    case "ended":
      return p.call.state;
    default:
      return "ringing";
  }
}

export function isLive(p: Phase): boolean {
  return p === "ringing" || p === "talking" || p === "held";
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
