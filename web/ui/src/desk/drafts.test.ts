import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Drafts, merge, type Save } from "./drafts";

const id = "0190a0b0-0000-7000-8000-000000000001";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function make(save: Save, owner = "neda"): Drafts {
  return new Drafts({ owner, save, random: () => 0 });
}

test("a note is saved once, a pause after the last key", async () => {
  const save = vi.fn<Save>().mockResolvedValue("saved");
  const d = make(save);
  d.write(id, "a", "");
  await vi.advanceTimersByTimeAsync(300);
  d.write(id, "ab", "");
  await vi.advanceTimersByTimeAsync(599);
  expect(save).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  expect(save.mock.calls).toEqual([[id, "ab"]]);
  expect(d.get(id)?.state).toBe("saved");
  expect(localStorage.length).toBe(0);
});

test("a note that waits for the typing to pause is not called unsent; one that could not be sent is, while typing on", async () => {
  let answer: "saved" | "unsaved" = "saved";
  const d = make(async () => answer);
  d.write(id, "a", "");
  expect(d.get(id)?.state).toBe("typing");
  await vi.advanceTimersByTimeAsync(600);
  d.write(id, "ab", "a");
  expect(d.get(id)?.state).toBe("typing");
  answer = "unsaved";
  await vi.advanceTimersByTimeAsync(600);
  expect(d.get(id)?.state).toBe("unsaved");
  d.write(id, "abc", "a");
  expect(d.get(id)?.state).toBe("unsaved");
  answer = "saved";
  await vi.advanceTimersByTimeAsync(600);
  expect(d.get(id)?.state).toBe("saved");
});

test("P1 a draft survives a reload and is sent then", async () => {
  const first = make(() => new Promise(() => undefined));
  first.write(id, "typed before the reload", "");
  first.close();
  const save = vi.fn<Save>().mockResolvedValue("saved");
  const second = make(save);
  expect(second.get(id)?.text).toBe("typed before the reload");
  await vi.advanceTimersByTimeAsync(0);
  expect(save).toHaveBeenCalledWith(id, "typed before the reload");
});

test("P10 while the server is away a draft waits and is tried again, and flush tries at once", async () => {
  let answer: "saved" | "unsaved" = "unsaved";
  const save = vi.fn<Save>(async () => answer);
  const d = make(save);
  d.write(id, "x", "");
  await vi.advanceTimersByTimeAsync(600);
  expect(d.get(id)?.state).toBe("unsaved");
  expect(localStorage.length).toBe(1);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(save.mock.calls.length).toBeGreaterThan(3);
  answer = "saved";
  d.flush();
  await vi.advanceTimersByTimeAsync(0);
  expect(d.get(id)?.state).toBe("saved");
  expect(d.unsaved()).toBe(0);
});

test("what is typed while a save is on its way is saved after it, never beside it", async () => {
  const done: (() => void)[] = [];
  let running = 0;
  let most = 0;
  const sent: string[] = [];
  const d = make((_, note) => {
    most = Math.max(most, ++running);
    sent.push(note);
    return new Promise((r) =>
      done.push(() => {
        running--;
        r("saved");
      }),
    );
  });
  d.write(id, "one", "");
  await vi.advanceTimersByTimeAsync(600);
  d.write(id, "one two", "");
  await vi.advanceTimersByTimeAsync(5000);
  expect(sent).toEqual(["one"]);
  done.shift()?.();
  await vi.advanceTimersByTimeAsync(600);
  done.shift()?.();
  await vi.advanceTimersByTimeAsync(0);
  expect(sent).toEqual(["one", "one two"]);
  expect(most).toBe(1);
  expect(d.get(id)?.state).toBe("saved");
});

test("a refused note is kept and said, not tried for ever", async () => {
  const save = vi.fn<Save>().mockResolvedValue("refused");
  const d = make(save);
  d.write(id, "x", "");
  await vi.advanceTimersByTimeAsync(120_000);
  expect(save).toHaveBeenCalledTimes(1);
  expect(d.get(id)).toMatchObject({ state: "refused", text: "x" });
  expect(localStorage.length).toBe(1);
});

test("drafts of another person at the same browser are not seen", () => {
  const d = make(async () => "unsaved", "neda");
  d.write(id, "neda's", "");
  d.close();
  expect(make(async () => "unsaved", "sara").get(id)).toBeUndefined();
});

test("another's note meanwhile joins the draft instead of replacing it or being replaced", async () => {
  const save = vi.fn<Save>().mockResolvedValue("saved");
  const d = make(save);
  d.write(id, "mine", "");
  d.heard(id, "theirs");
  expect(d.get(id)?.text).toBe("theirs\nmine");
  await vi.advanceTimersByTimeAsync(600);
  expect(save).toHaveBeenLastCalledWith(id, "theirs\nmine");
});

test("an untouched note simply follows the server", async () => {
  const d = make(async () => "saved");
  d.write(id, "mine", "");
  await vi.advanceTimersByTimeAsync(600);
  d.heard(id, "changed by another");
  expect(d.get(id)).toBeUndefined();
});

test.each([
  ["", "a", "", "a"],
  ["", "a", "b", "b\na"],
  ["x", "x", "y", "y"],
  ["x", "x and more", "x", "x and more"],
  ["x", "x\nmore", "x by them", "x by them\nmore"],
  ["", "same", "same", "same"],
  ["", "part", "part of it", "part of it"],
  ["gone", "gone too", "", "gone too"],
])("merge(%j, %j, %j)", (base, mine, theirs, want) => {
  expect(merge(base, mine, theirs).trim()).toBe(want);
});
