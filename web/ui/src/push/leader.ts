// Which of several open tabs speaks: one shows the notification and makes the sound.

/** Speaker tells, for one happening, whether this tab is the one to make it known. */
export interface Speaker {
  /** claim is true in one tab only for one id. */
  claim(id: string): Promise<boolean>;
  /** leads is true in one tab at a time. */
  leads(): boolean;
  /** anyVisible says whether some ringbook tab is being looked at. */
  anyVisible(): Promise<boolean>;
  stop(): void;
}

const claims = "ringbook.told.";
const lookedAt = "ringbook.visible";

/** newSpeaker elects with Web Locks where there are some (secure contexts), and by first claim elsewhere. */
export function newSpeaker(storage: Storage = localStorage, locks: LockManager | undefined = navigator.locks): Speaker {
  let leader = false;
  const stopped = new AbortController();
  const until = new Promise<void>((r) => stopped.signal.addEventListener("abort", () => r()));
  let releaseVisible: (() => void) | null = null;

  if (locks) {
    locks
      .request("ringbook.leader", { signal: stopped.signal }, () => {
        leader = true;
        return until;
      })
      .catch(() => undefined);
  }
  const visibility = () => {
    if (!locks) return;
    if (document.visibilityState === "visible" && !releaseVisible) {
      const held = new Promise<void>((r) => {
        releaseVisible = r;
      });
      locks.request(lookedAt, { mode: "shared" }, () => held).catch(() => undefined);
    } else if (document.visibilityState === "hidden") {
      releaseVisible?.();
      releaseVisible = null;
    }
  };
  document.addEventListener("visibilitychange", visibility);
  visibility();

  return {
    leads: () => (locks ? leader : document.visibilityState === "visible"),
    async claim(id) {
      if (locks) return leader;
      if (storage.getItem(claims + id)) return false;
      storage.setItem(claims + id, String(Date.now()));
      setTimeout(() => storage.removeItem(claims + id), 600_000);
      return true;
    },
    async anyVisible() {
      if (document.visibilityState === "visible") return true;
      if (!locks) return false;
      const { held } = await locks.query();
      return held?.some((l) => l.name === lookedAt) ?? false;
    },
    stop() {
      document.removeEventListener("visibilitychange", visibility);
      releaseVisible?.();
      stopped.abort();
    },
  };
}
