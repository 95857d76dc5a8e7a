// The one socket of this tab. It reconnects for ever with jitter; every frame is a whole picture that replaces the one
// before, so nothing is asked for again after a reconnect and a gap in the numbers does no harm (it is counted).
import type { DeskFrame, FloorFrame, FloorWish, MissedFrame } from "../api/types";

export type Link =
  | { state: "connecting"; since: number }
  | { state: "live"; since: number }
  /** away: since when there has been no live socket; retryAt: when the next attempt begins. */
  | { state: "away"; since: number; retryAt: number };

/** The close code by which the server says that the session has ended. */
export const sessionEnded = 4401;

export interface SocketOptions {
  url: string;
  onFrame: (frame: DeskFrame, gap: number) => void;
  onLink: (link: Link) => void;
  /** Called once when the server has ended the session; the socket then stays closed. */
  onSessionEnded: () => void;
  /** Stand-ins for tests. */
  open?: (url: string) => WebSocket;
  random?: () => number;
}

/** The first attempts of all browsers of a node that has died are spread over this time. */
const firstWait = 1000;
const longestWait = 5000;
/** An attempt that neither opens nor fails in this time is given up. */
const openTimeout = 5000;
/** The server says something every four seconds; one that says nothing for this long is lost. */
const silence = 10_000;

/** PushSocket keeps one WebSocket open. Make it, start it, stop it; it cannot be started twice. */
export class PushSocket {
  readonly #o: SocketOptions;
  #ws: WebSocket | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #quiet: ReturnType<typeof setTimeout> | undefined;
  #heard = 0;
  #attempt = 0;
  #awaySince = Date.now();
  #lastSeq = 0;
  #stopped = false;
  /** How many pictures of this tab were skipped (the server merges them when the browser is slow). */
  skipped = 0;
  /** Who draws the floor; null: nobody does, and it is not asked for. */
  onFloor: ((frame: FloorFrame) => void) | null = null;

  /** Is told that the list of missed calls has changed for this person. */
  onMissed: (() => void) | null = null;

  constructor(options: SocketOptions) {
    this.#o = options;
  }

  start(): void {
    window.addEventListener("online", this.#hurry);
    document.addEventListener("visibilitychange", this.#hurry);
    this.#o.onLink({ state: "connecting", since: this.#awaySince });
    this.#connect();
  }

  stop(): void {
    this.#stopped = true;
    window.removeEventListener("online", this.#hurry);
    document.removeEventListener("visibilitychange", this.#hurry);
    clearTimeout(this.#timer);
    clearTimeout(this.#quiet);
    this.#ws?.close(1000);
    this.#ws = null;
  }

  /** seen tells the server that a picture has been drawn. */
  seen(seq: number): void {
    if (this.#ws?.readyState === 1) this.#ws.send(JSON.stringify({ type: "seen", seq }));
  }

  /** wish asks for the floor, or for another part of it, or for no more of it. It holds for the socket that is open now. */
  wish(wish: Omit<FloorWish, "type">): void {
    if (this.#ws?.readyState === 1) this.#ws.send(JSON.stringify({ type: "floor", ...wish }));
  }

  /** suspect drops a socket that another sign (a failed request) says is dead, and connects anew. */
  suspect(): void {
    const ws = this.#ws;
    if (!ws || this.#stopped) return;
    this.#lost(ws);
    ws.close();
  }

  /** hurry does not sit out the wait: somebody asks for it, the network came back, or the tab is looked at again. */
  hurry(): void {
    if (this.#ws || this.#stopped) return;
    clearTimeout(this.#timer);
    this.#connect();
  }

  #hurry = () => {
    if (document.visibilityState !== "hidden") this.hurry();
  };

  #connect(): void {
    let ws: WebSocket;
    try {
      ws = (this.#o.open ?? ((url) => new WebSocket(url)))(this.#o.url);
    } catch {
      this.#retry();
      return;
    }
    this.#ws = ws;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#lost(ws), openTimeout);
    ws.onopen = () => {
      if (this.#ws !== ws) return;
      clearTimeout(this.#timer);
      this.#hear(ws);
    };
    ws.onmessage = (e) => {
      if (this.#ws !== ws || typeof e.data !== "string") return;
      this.#hear(ws);
      this.#take(e.data);
    };
    ws.onclose = (e) => {
      if (e.code === sessionEnded && this.#ws === ws) {
        this.stop();
        this.#o.onSessionEnded();
        return;
      }
      this.#lost(ws);
    };
    ws.onerror = () => this.#lost(ws);
  }

  /** hear notes a sign of life, and waits for the next. */
  #hear(ws: WebSocket): void {
    this.#heard = Date.now();
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => this.#lost(ws, this.#heard), silence);
  }

  #take(text: string): void {
    let frame: DeskFrame | FloorFrame | MissedFrame;
    try {
      frame = JSON.parse(text) as DeskFrame | FloorFrame | MissedFrame;
    } catch {
      return;
    }
    if (frame?.type === "floor") {
      this.onFloor?.(frame);
      return;
    }
    if (frame?.type === "missed") {
      this.onMissed?.();
      return;
    }
    if (frame?.type !== "desk" || typeof frame.seq !== "number" || !frame.desk) return;
    // A socket is live when it has brought a picture, not when it has opened.
    if (this.#lastSeq === 0) {
      this.#attempt = 0;
      this.#o.onLink({ state: "live", since: Date.now() });
    }
    const gap = this.#lastSeq > 0 ? Math.max(0, frame.seq - this.#lastSeq - 1) : 0;
    this.skipped += gap;
    this.#lastSeq = frame.seq;
    this.#o.onFrame(frame, gap);
  }

  /** lost gives a socket up. since: when it was last known to be there. */
  #lost(ws: WebSocket, since = Date.now()): void {
    if (this.#ws !== ws || this.#stopped) return;
    this.#ws = null;
    clearTimeout(this.#quiet);
    ws.onclose = ws.onerror = ws.onmessage = ws.onopen = null;
    if (this.#lastSeq > 0) this.#awaySince = since;
    this.#lastSeq = 0;
    if (ws.readyState < 2) ws.close();
    this.#retry();
  }

  #retry(): void {
    const wait = backoff(this.#attempt++, this.#o.random ?? Math.random);
    this.#o.onLink({ state: "away", since: this.#awaySince, retryAt: Date.now() + wait });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect(), wait);
  }
}

/**
 * backoff is how long to wait before attempt n (from 0), in ms. The first is soon and all random, so that the browsers of a
 * node that has died do not all come to the other at one moment; then it doubles, from half a second to 5 s, half of it random.
 */
export function backoff(attempt: number, random: () => number): number {
  if (attempt === 0) return firstWait * random();
  const top = Math.min(longestWait, firstWait * 2 ** Math.min(attempt - 1, 16));
  return top / 2 + (top / 2) * random();
}
