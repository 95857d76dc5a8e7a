import { act, renderHook } from "@testing-library/react";
import { expect, test } from "vitest";
import { useChosen } from "./chosen";

const rows = (...ids: string[]) => ids.map((id) => ({ id }));

test("keys mean the first row, then the chosen one, wherever it moves to", () => {
  const { result, rerender } = renderHook(({ items }) => useChosen(items), { initialProps: { items: rows() } });
  expect(result.current.row).toBeUndefined();
  rerender({ items: rows("a", "b", "c") });
  expect([result.current.row?.id, result.current.beside(1)?.id, result.current.beside(-1)]).toEqual([
    "a",
    "b",
    undefined,
  ]);
  act(() => result.current.choose("b"));
  rerender({ items: rows("new", "a", "b", "c") });
  expect([result.current.row?.id, result.current.beside(1)?.id, result.current.beside(-1)?.id]).toEqual([
    "b",
    "c",
    "a",
  ]);
});

test("S4 keys mean nobody when the chosen row goes by itself, and a step goes on from its place", () => {
  const { result, rerender } = renderHook(({ items }) => useChosen(items), {
    initialProps: { items: rows("a", "b", "c") },
  });
  rerender({ items: rows("b", "c") }); // the first, that nobody chose, was handled elsewhere
  expect([result.current.row, result.current.beside(1)?.id]).toEqual([undefined, "b"]);
  act(() => result.current.choose("c"));
  rerender({ items: rows("b") });
  expect([result.current.row, result.current.beside(1)?.id, result.current.beside(-1)?.id]).toEqual([
    undefined,
    "b",
    "b",
  ]);
  rerender({ items: [] });
  expect([result.current.row, result.current.beside(1), result.current.beside(-1)]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});
