// Notes as they are typed. A draft is in this browser's storage before anything else happens to it, and leaves it only
// when the server has it; so it survives a reload, a dropped socket, the next ring and a server that is away.

/**
 * saved: the server has it. typing: it is sent as soon as the typing pauses. saving: on its way. unsaved: kept here, as the
 * server was out of reach; it will be tried again. refused: the server will not have it.
 */
export type DraftState = "saved" | "typing" | "saving" | "unsaved" | "refused";

export interface Draft {
  text: string;
  /** The server's note that the text grew from. */
  base: string;
  state: DraftState;
}

/** Save writes a note and says what became of it; it does not reject. "unsaved" may work later. */
export type Save = (callID: string, note: string) => Promise<"saved" | "unsaved" | "refused">;

export interface DraftOptions {
  /** Whose drafts: another person at the same browser does not see them. */
  owner: string;
  save: Save;
  storage?: Storage;
  /** Wait after the last key, in ms. */
  pause?: number;
  random?: () => number;
}

interface Stored {
  text: string;
  base: string;
  at: number;
}

const prefix = "ringbook.draft.";
const longestWait = 30_000;

/** Drafts keeps the drafts of one person. One per tab; tabs see each other's through the storage. */
export class Drafts {
  readonly #o: Required<Omit<DraftOptions, "storage">> & { storage: Storage };
  readonly #drafts = new Map<string, Draft>();
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #attempts = new Map<string, number>();
  /** Calls whose note is on its way: never two requests for one call at once, so that they cannot overtake. */
  readonly #inFlight = new Set<string>();
  readonly #listeners = new Set<() => void>();

  constructor(o: DraftOptions) {
    this.#o = { pause: 600, random: Math.random, storage: localStorage, ...o };
    for (let i = 0; i < this.#o.storage.length; i++) {
      const k = this.#o.storage.key(i);
      if (!k?.startsWith(this.#key(""))) continue;
      const stored = parse(this.#o.storage.getItem(k));
      if (!stored) continue;
      const id = k.slice(this.#key("").length);
      this.#drafts.set(id, { text: stored.text, base: stored.base, state: "unsaved" });
      this.#later(id, 0);
    }
  }

  /** close stops the timers; what is unsaved stays in the storage. */
  close(): void {
    for (const t of this.#timers.values()) clearTimeout(t);
    this.#timers.clear();
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** get is the same object until the draft changes; undefined when nothing was typed about the call. */
  get(callID: string): Draft | undefined {
    return this.#drafts.get(callID);
  }

  /** write takes what the field holds now; base is the server's note at this moment. */
  write(callID: string, text: string, base: string): void {
    const before = this.#drafts.get(callID);
    this.#put(callID, {
      text,
      base: before && before.state !== "saved" ? before.base : base,
      state: before?.state === "unsaved" ? "unsaved" : "typing",
    });
    this.#attempts.delete(callID);
    this.#later(callID, this.#o.pause);
  }

  /** flush saves now what waits: on leaving the field, and when the server is back. */
  flush(callID?: string): void {
    for (const [id, d] of this.#drafts) {
      if ((callID === undefined || id === callID) && (d.state === "unsaved" || d.state === "typing")) {
        this.#attempts.delete(id);
        this.#later(id, 0);
      }
    }
  }

  /**
   * heard takes the server's note of a call. Without a draft of ours it simply holds. With one, nothing of either side
   * is lost: see merge.
   */
  heard(callID: string, note: string): void {
    const d = this.#drafts.get(callID);
    if (!d) return;
    if (d.state === "saved") {
      if (d.text !== note) {
        this.#drafts.delete(callID);
        this.#tell();
      }
      return;
    }
    if (note === d.base || note === d.text || d.state === "saving") return;
    this.#put(callID, { text: merge(d.base, d.text, note), base: note, state: "typing" });
    this.#later(callID, this.#o.pause);
  }

  /** unsaved counts the drafts that the server does not have. */
  unsaved(): number {
    let n = 0;
    for (const d of this.#drafts.values()) if (d.state !== "saved") n++;
    return n;
  }

  async #save(callID: string): Promise<void> {
    this.#timers.delete(callID);
    const d = this.#drafts.get(callID);
    if (!d || d.state === "saved" || this.#inFlight.has(callID)) return;
    this.#inFlight.add(callID);
    const sent = d.text;
    this.#put(callID, { ...d, state: "saving" });
    const state = await this.#o.save(callID, sent);
    this.#inFlight.delete(callID);
    const now = this.#drafts.get(callID);
    if (!now) return;
    if (now.text !== sent) {
      // Typed on meanwhile: what was sent is the new base.
      const saved = state === "saved";
      this.#put(callID, { text: now.text, base: saved ? sent : now.base, state: saved ? "typing" : "unsaved" });
      this.#later(callID, this.#o.pause);
      return;
    }
    this.#put(callID, { text: now.text, base: state === "saved" ? sent : now.base, state });
    if (state === "unsaved") {
      const n = (this.#attempts.get(callID) ?? 0) + 1;
      this.#attempts.set(callID, n);
      const top = Math.min(longestWait, 1000 * 2 ** Math.min(n, 10));
      this.#later(callID, top / 2 + (top / 2) * this.#o.random());
    } else {
      this.#attempts.delete(callID);
    }
  }

  #later(callID: string, ms: number): void {
    clearTimeout(this.#timers.get(callID));
    this.#timers.set(
      callID,
      setTimeout(() => void this.#save(callID), ms),
    );
  }

  #put(callID: string, d: Draft): void {
    this.#drafts.set(callID, d);
    try {
      if (d.state === "saved") this.#o.storage.removeItem(this.#key(callID));
      else {
        const stored: Stored = { text: d.text, base: d.base, at: Date.now() };
        this.#o.storage.setItem(this.#key(callID), JSON.stringify(stored));
      }
    } catch {
      // A full storage must not stop the typing; the server still gets the note.
    }
    this.#tell();
  }

  #key(callID: string): string {
    return `${prefix}${this.#o.owner}.${callID}`;
  }

  #tell(): void {
    for (const l of this.#listeners) l();
  }
}

function parse(text: string | null): Stored | null {
  try {
    const v = JSON.parse(text ?? "null") as Partial<Stored> | null;
    return v && typeof v.text === "string" && typeof v.base === "string"
      ? { text: v.text, base: v.base, at: v.at ?? 0 }
      : null;
  } catch {
    return null;
  }
}

/**
 * merge joins two notes that grew from base, so that no typed word is lost: mine keeps what it added, after theirs.
 */
export function merge(base: string, mine: string, theirs: string): string {
  if (mine === base || theirs.includes(mine)) return theirs;
  if (theirs === base || mine.includes(theirs)) return mine;
  const added = base !== "" && mine.startsWith(base) ? mine.slice(base.length).replace(/^\n/, "") : mine;
  return theirs === "" ? added : `${theirs}\n${added}`;
}
