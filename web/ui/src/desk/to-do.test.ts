import { expect, test, vi } from "vitest";
import type { Desk, DeskFollowUp, Pop } from "../api/types";
import { Marks, offered, offerID, overdue } from "./to-do";

const now = Date.parse("2026-11-22T10:00:00Z");
const at = (minutes: number) => new Date(now + minutes * 60_000).toISOString();

function due(id: string, more: Partial<DeskFollowUp> = {}): DeskFollowUp {
  const f = { id, state: "due", priority: "normal", due_at: at(-5), offered_at: at(-5), claimed_by: null };
  return { ...f, ...more } as DeskFollowUp;
}
const desk = (items: DeskFollowUp[], ...calls: Pop["state"][]) =>
  ({
    agent: { id: "neda" },
    calls: calls.map((state) => ({ state, call: { id: "c" } })),
    follow_ups: { items, overdue: 0, today: 0 },
  }) as unknown as Desk;
const ids = (d: Desk) => offered(d, now).map((f) => f.id);

test("what came due last is offered first, and of what came due together what matters most", () => {
  const items = [
    due("old", { due_at: at(-60), offered_at: at(-60) }),
    due("low", { priority: "low" }),
    due("later due", { due_at: at(-4) }),
    due("high", { priority: "high", due_at: at(-3) }),
    due("normal"),
  ];
  expect(ids(desk(items))).toEqual(["high", "normal", "later due", "low", "old"]);
});

test("not offered: what is not due, what others have, what is being dialled, what was due yesterday", () => {
  const items = [
    due("coming", { due_at: at(5), offered_at: null }),
    due("omid's", { state: "claimed", claimed_by: { id: "omid", name: "Omid" } }),
    due("rings", { state: "dialling", claimed_by: { id: "neda", name: "Neda" } }),
    due("yesterday", { due_at: at(-1440), offered_at: at(-1440) }),
    due("mine", { state: "claimed", claimed_by: { id: "neda", name: "Neda" } }),
  ];
  expect(ids(desk(items))).toEqual(["mine"]);
});

test("who is on the phone is offered nothing; who has ended a call is", () => {
  expect(ids(desk([due("a")], "talking"))).toEqual([]);
  expect(ids(desk([due("a")], "ringing", "ended"))).toEqual([]);
  expect(ids(desk([due("a")], "ended"))).toEqual(["a"]);
});

test("a follow-up that was moved is another offer", () => {
  expect(offerID(due("a"))).not.toBe(offerID(due("a", { offered_at: at(60) })));
  const coming = { due_at: at(1), offered_at: null };
  expect([overdue(due("a"), now), overdue(due("a", coming), now), overdue(due("a", coming), now + 60_000)]).toEqual([
    true,
    false,
    true,
  ]);
});

test("P8 marks are shared by tabs, survive a reload, and do not grow for ever", () => {
  const marks = new Marks("m");
  const heard = vi.fn();
  const stop = marks.listen(heard);
  marks.add("a", "b");
  expect(heard).toHaveBeenCalledTimes(1);
  expect([new Marks("m").has("a"), marks.has("c"), marks.has("")]).toEqual([true, false, false]);
  window.dispatchEvent(new StorageEvent("storage", { key: "m" }));
  expect(heard).toHaveBeenCalledTimes(2);
  stop();
  for (let i = 0; i < 1000; i++) marks.add(`x${i}`);
  expect(heard).toHaveBeenCalledTimes(2);
  expect([marks.has("a"), marks.has("x999"), marks.text().split(" ").length]).toEqual([false, true, 300]);
});
