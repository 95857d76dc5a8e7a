// How long something has lasted, by the server's clock. One timer ticks for all of them, however many are on the page.
import { useSyncExternalStore } from "react";
import { now } from "../app/clock";
import { Duration } from "../parts/text";

const told = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function onSecond(tell: () => void): () => void {
  told.add(tell);
  timer ??= setInterval(() => {
    for (const t of told) t();
  }, 1000);
  return () => {
    told.delete(tell);
    if (told.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** useElapsed is the whole seconds since a moment. */
export function useElapsed(since: string): number {
  return useSyncExternalStore(onSecond, () => Math.max(0, Math.floor((now() - Date.parse(since)) / 1000)));
}

export function Elapsed({ since }: { since: string }) {
  return <Duration ms={useElapsed(since) * 1000} />;
}
