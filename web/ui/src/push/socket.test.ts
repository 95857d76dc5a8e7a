import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { backoff, type Link, PushSocket, sessionEnded } from "./socket";

/** Wire stands in for the browser's WebSocket: the outside world of this package. */
class Wire {
  static all: Wire[] = [];
  readyState = 0;
  sent: string[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((e: { data: string }) => void) | null = null;
  onclose: ((e: { code: number }) => void) | null = null;
  onerror: (() => void) | null = null;
  constructor() {
    Wire.all.push(this);
  }
  send(s: string) {
    this.sent.push(s);
  }
  close() {
    this.readyState = 3;
  }
  opens() {
    this.readyState = 1;
    this.onopen?.();
  }
  picture(seq: number) {
    this.onmessage?.({
      data: JSON.stringify({ type: "desk", seq, sent_at: new Date().toISOString(), desk: { calls: [] } }),
    });
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  Wire.all = [];
});
afterEach(() => vi.useRealTimers());

function start() {
  const links: Link["state"][] = [];
  const since: number[] = [];
  const frames: number[] = [];
  const ended = vi.fn();
  const socket = new PushSocket({
    url: "ws://x",
    onFrame: (f) => frames.push(f.seq),
    onLink: (l) => {
      links.push(l.state);
      since.push(l.since);
    },
    onSessionEnded: ended,
    open: () => new Wire() as unknown as WebSocket,
    random: () => 0.5,
  });
  socket.start();
  return { socket, links, since, frames, ended, wire: () => Wire.all.at(-1) as Wire };
}

test("it is live with the first picture, not with the open socket", () => {
  const { links, wire, socket } = start();
  wire().opens();
  expect(links).toEqual(["connecting"]);
  wire().picture(1);
  expect(links).toEqual(["connecting", "live"]);
  socket.stop();
});

test("P10 gaps in the numbers are counted and harmless", () => {
  const { frames, wire, socket } = start();
  wire().opens();
  for (const seq of [1, 2, 5]) wire().picture(seq);
  expect(frames).toEqual([1, 2, 5]);
  expect(socket.skipped).toBe(2);
  socket.stop();
});

test("P10 it comes back for ever, ever slower, and starts anew with number 1", async () => {
  const { frames, links, wire, socket } = start();
  wire().opens();
  wire().picture(7);
  wire().onclose?.({ code: 1006 });
  for (let i = 0; i < 30; i++) {
    await vi.advanceTimersByTimeAsync(15_000);
    if (wire().readyState === 0) wire().onerror?.();
  }
  expect(Wire.all.length).toBeGreaterThan(20);
  await vi.advanceTimersByTimeAsync(15_000);
  wire().opens();
  wire().picture(1);
  expect(frames).toEqual([7, 1]);
  expect(links.at(-1)).toBe("live");
  socket.stop();
});

test("a clean close is come back from as well", async () => {
  const { wire, socket } = start();
  wire().opens();
  wire().picture(1);
  wire().onclose?.({ code: 1000 });
  await vi.advanceTimersByTimeAsync(1000);
  expect(Wire.all.length).toBe(2);
  socket.stop();
});

test("an ended session is not come back from", async () => {
  const { ended, wire } = start();
  wire().opens();
  wire().onclose?.({ code: sessionEnded });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(ended).toHaveBeenCalledTimes(1);
  expect(Wire.all.length).toBe(1);
});

test("an attempt that never opens is given up", async () => {
  const { links, socket } = start();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(links).toContain("away");
  await vi.advanceTimersByTimeAsync(1000);
  expect(Wire.all.length).toBe(2);
  socket.stop();
});

test("receipts are sent on an open socket only; nonsense is survived", () => {
  const { wire, socket, frames } = start();
  socket.seen(1);
  wire().opens();
  wire().onmessage?.({ data: "{" });
  wire().onmessage?.({ data: '{"type":"other"}' });
  wire().picture(3);
  socket.seen(3);
  expect(wire().sent).toEqual(['{"type":"seen","seq":3}']);
  expect(frames).toEqual([3]);
  socket.stop();
});

test("the first attempt comes any time within a second, then the wait doubles up to 5 s and is half random", () => {
  expect(backoff(0, () => 0)).toBe(0);
  expect(backoff(0, () => 1)).toBe(1000);
  expect(backoff(1, () => 0)).toBe(500);
  expect(backoff(2, () => 1)).toBe(2000);
  expect(backoff(50, () => 1)).toBe(5000);
  expect(backoff(50, () => 0)).toBe(2500);
});

test("P10 a server that falls silent is left, and it is said since when", async () => {
  const { links, since, wire, socket } = start();
  wire().opens();
  wire().picture(1);
  for (let i = 0; i < 5; i++) {
    await vi.advanceTimersByTimeAsync(4000);
    wire().onmessage?.({ data: '{"type":"beat"}' });
  }
  expect(Wire.all.length).toBe(1);
  const heard = Date.now();
  await vi.advanceTimersByTimeAsync(9999);
  expect(links.at(-1)).toBe("live");
  await vi.advanceTimersByTimeAsync(1);
  expect(links.at(-1)).toBe("away");
  expect(since.at(-1)).toBe(heard);
  await vi.advanceTimersByTimeAsync(1000);
  expect(Wire.all.length).toBe(2);
  socket.stop();
});
