// What of a desk's follow-ups is offered to its agent now, and what this browser was told of already.
import { useMemo, useSyncExternalStore } from "react";
import type { Desk, DeskFollowUp } from "../api/types";
import { isLive } from "./store";

/** Offers that are older are in the list, but nobody is told of them any more. */
const longest = 12 * 3_600_000;
/** No more are remembered. */
const most = 300;

const rank = { low: 0, normal: 1, high: 2 };

/** offerID tells one offer of a follow-up from the next, after it was moved. */
export function offerID(f: DeskFollowUp): string {
  return `${f.id}@${f.offered_at}`;
}

/** overdue says that its time has come, by the server's clock. */
export function overdue(f: DeskFollowUp, now: number): boolean {
  return f.offered_at !== null || Date.parse(f.due_at) <= now;
}

/**
 * offered are those that are due and in nobody else's hands, the one that came due last first; of those that came due
 * together the one that matters most. An agent who is on the phone is offered nothing.
 */
export function offered(desk: Desk, now: number): DeskFollowUp[] {
  if (desk.calls.some((p) => isLive(p.state))) return [];
  const mine = (f: DeskFollowUp) => f.claimed_by === null || f.claimed_by.id === desk.agent.id;
  return desk.follow_ups.items
    .filter((f) => f.offered_at && f.state !== "dialling" && mine(f) && now - Date.parse(f.offered_at) < longest)
    .sort(
      (a, b) =>
        (b.offered_at ?? "").localeCompare(a.offered_at ?? "") ||
        rank[b.priority] - rank[a.priority] ||
        a.due_at.localeCompare(b.due_at),
    );
}

/** Marks is a set of offers that all tabs of this browser share, and that a reload does not forget. */
export class Marks {
  readonly #key: string;
  readonly #listeners = new Set<() => void>();

  constructor(key: string) {
    this.#key = key;
  }

  /** text is the set as it is kept: the same as long as nothing is added. */
  text = (): string => localStorage.getItem(this.#key) ?? "";

  has(id: string): boolean {
    return this.text().split(" ").includes(id);
  }

  /** add keeps the newest of many. */
  add(...ids: string[]): void {
    const rest = this.text()
      .split(" ")
      .filter((id) => id && !ids.includes(id));
    localStorage.setItem(this.#key, [...rest, ...ids].slice(-most).join(" "));
    for (const l of this.#listeners) l();
  }

  listen = (l: () => void): (() => void) => {
    const elsewhere = (e: StorageEvent) => e.key === this.#key && l();
    this.#listeners.add(l);
    window.addEventListener("storage", elsewhere);
    return () => {
      this.#listeners.delete(l);
      window.removeEventListener("storage", elsewhere);
    };
  };
}

/** aside are the offers that the agent has put aside: they stay in the list. */
export const aside = new Marks("ringbook.offers.aside");
/** told are the offers of which a notification was shown. */
export const told = new Marks("ringbook.offers.told");

/** useOffers are the offers that the agent has not put aside. */
export function useOffers(desk: Desk | null, now: number): DeskFollowUp[] {
  const text = useSyncExternalStore(aside.listen, aside.text);
  return useMemo(() => {
    const gone = new Set(text.split(" "));
    return desk ? offered(desk, now).filter((f) => !gone.has(offerID(f))) : [];
  }, [desk, now, text]);
}
