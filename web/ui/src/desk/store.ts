// What this tab knows of its desk: the newest picture, the state of the link, and which call is looked at. The picture
// is the server's word and is never edited here.
import { useSyncExternalStore } from "react";
import type { Desk, DeskFrame, Pop } from "../api/types";
import { learn } from "../app/clock";
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
  /** The server says that a call is no longer on the desk. */
  | { type: "drop"; id: string }
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
    case "drop": {
      if (!s.desk) return s;
      const desk = { ...s.desk, calls: s.desk.calls.filter((p) => p.call.id !== c.id) };
      return { ...s, desk, selected: selection(s.selected, desk, false) };
    }
    case "forget":
      return initial();
    case "frame": {
      const desk = { ...c.frame.desk };
      // A note is being typed under a call that the desk no longer has: it stays until the typing is over.
      const gone = c.writing && !desk.calls.some((p) => p.call.id === s.selected);
      const kept = gone ? s.desk?.calls.find((p) => p.call.id === s.selected) : undefined;
      if (kept) desk.calls = [...desk.calls, kept];
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
  if (kept && (writing || isLive(kept.state))) return kept.call.id;
  const first = inOrder(desk)[0];
  if (!first) return null;
  if (kept && !isLive(first.state)) return kept.call.id;
  return first.call.id;
}

/** inOrder is the desk's calls, the one that needs the agent most first. */
export function inOrder(desk: Desk): Pop[] {
  const rank: Record<Phase, number> = {
    talking: 0,
    held: 1,
    ringing: 2,
    dialing: 2,
    ended: 3,
    missed: 4,
    answered_elsewhere: 5,
  };
  return [...desk.calls].sort((a, b) => rank[a.state] - rank[b.state] || b.offered_at.localeCompare(a.offered_at));
}

/** Phase is this desk's part in a call. */
export type Phase = Pop["state"];

export function isLive(p: Phase): boolean {
  return p === "ringing" || p === "dialing" || p === "talking" || p === "held";
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
