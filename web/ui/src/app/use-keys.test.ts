import { renderHook } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import { useKeys } from "./use-keys";

const press = (code: string, more: KeyboardEventInit = {}) =>
  document.body.dispatchEvent(new KeyboardEvent("keydown", { code, bubbles: true, cancelable: true, ...more }));

test("a key that is held down steps through a list, and does nothing else twice", () => {
  const handlers = { next: vi.fn(), doneFollowUp: vi.fn(), digit: vi.fn() };
  renderHook(() => useKeys(handlers));
  for (const repeat of [false, true, true]) {
    press("KeyJ", { repeat });
    press("KeyD", { repeat });
    press("Digit4", { repeat });
  }
  expect([handlers.next, handlers.doneFollowUp, handlers.digit].map((f) => f.mock.calls.length)).toEqual([3, 1, 1]);
});

test("keys mean the newest handlers, and nothing once their part of the page is gone", () => {
  const first = vi.fn();
  const second = vi.fn();
  const { rerender, unmount } = renderHook(({ open }) => useKeys({ open }), { initialProps: { open: first } });
  rerender({ open: second });
  press("KeyO");
  unmount();
  press("KeyO");
  expect([first.mock.calls.length, second.mock.calls.length]).toEqual([0, 1]);
});
