import { expect, test } from "vitest";
import type { Desk, DeskFrame, Pop } from "../api/types";
import { initial, reduce, selection } from "./store";

function pop(id: string, state: Pop["state"], offered = "2026-11-22T10:00:00Z"): Pop {
  return { state, offered_at: offered, call: { id } } as unknown as Pop;
}
const desk = (...calls: Pop[]) => ({ calls }) as unknown as Desk;
const frame = (seq: number, ...calls: Pop[]) => ({ type: "desk", seq, desk: desk(...calls) }) as unknown as DeskFrame;

test("L3 a picture replaces the one before, whole", () => {
  let s = reduce(initial(), {
    type: "frame",
    frame: frame(1, pop("a", "ringing"), pop("b", "ringing")),
    writing: false,
  });
  s = reduce(s, { type: "frame", frame: frame(5, pop("b", "talking")), writing: false });
  expect(s.desk?.calls.map((p) => p.call.id)).toEqual(["b"]);
  expect(s.selected).toBe("b");
  expect(s.seq).toBe(5);
});

test("the next ring does not take the page from a talk, nor from a note that is being written", () => {
  expect(selection("a", desk(pop("b", "ringing"), pop("a", "talking")), false)).toBe("a");
  expect(selection("a", desk(pop("b", "ringing"), pop("a", "ended")), true)).toBe("a");
  expect(selection("a", desk(pop("b", "ringing"), pop("a", "ended")), false)).toBe("b");
});

test("an ended call stays in sight until something rings", () => {
  expect(selection("a", desk(pop("b", "ended", "2026-11-22T11:00:00Z"), pop("a", "ended")), false)).toBe("a");
  expect(selection(null, desk(), false)).toBe(null);
});

test("what is talked on comes before what rings, and the newest ring first", () => {
  const d = desk(pop("old", "ringing", "2026-11-22T10:00:00Z"), pop("new", "ringing", "2026-11-22T10:00:05Z"));
  expect(selection(null, d, false)).toBe("new");
  expect(selection(null, desk(...d.calls, pop("t", "talking")), false)).toBe("t");
});

test("a call that leaves the desk under a note stays until the writing is over", () => {
  let s = reduce(initial(), { type: "frame", frame: frame(1, pop("a", "answered_elsewhere")), writing: false });
  s = reduce(s, { type: "frame", frame: frame(2), writing: true });
  expect(s.desk?.calls.map((p) => p.call.id)).toEqual(["a"]);
  s = reduce(s, { type: "frame", frame: frame(3), writing: false });
  expect(s.desk?.calls).toEqual([]);
});
