// The server's clock, as well as this browser can know it. Live times tick by it, so that a wrong clock on an agent's
// computer does not show wrong waiting times.
import { useEffect, useState } from "react";

let offset = 0;

/** learn takes a moment of the server's clock that arrived just now. */
export function learn(serverTime: string | null | undefined): void {
  const t = serverTime ? Date.parse(serverTime) : Number.NaN;
  if (Number.isFinite(t)) offset = t - Date.now();
}

/** now is the server's time in milliseconds. */
export function now(): number {
  return Date.now() + offset;
}

/** useNow re-renders with the server's time, every second by default; a null interval stands still. */
export function useNow(everyMs: number | null = 1000): number {
  const [t, setT] = useState(now);
  useEffect(() => {
    if (everyMs === null) return;
    setT(now());
    const timer = setInterval(() => setT(now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return t;
}
