// What is said to a screen reader when something changed by itself or on request, politely: after what it is saying.
import { useSyncExternalStore } from "react";

let said = "";
const listeners = new Set<() => void>();

/** announce says a sentence. The same one twice is said twice. */
export function announce(text: string): void {
  if (text === "") return;
  // A live region tells only what has changed.
  said = text === said ? `${text}\u00a0` : text;
  for (const l of listeners) l();
}

/** useAnnounced is the newest sentence. */
export function useAnnounced(): string {
  return useSyncExternalStore(
    (l) => {
      listeners.add(l);
      return () => listeners.delete(l);
    },
    () => said,
  );
}
