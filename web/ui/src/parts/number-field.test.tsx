import { MantineProvider } from "@mantine/core";
import { fireEvent, render, screen } from "@testing-library/react";
import { useState } from "react";
import { expect, test } from "vitest";
import { NumberField, readNumber } from "./number-field";

test.each([
  ["24", 24],
  ["۲۴", 24],
  ["٢٤", 24],
  [" ۱٫۵ ", 1.5],
  ["1.5", 1.5],
  ["۱٬۲۰۰", 1200],
  ["", Number.NaN],
  ["1e3", Number.NaN],
  ["-1", Number.NaN],
  ["two", Number.NaN],
])("%j is read as %d", (text, n) => {
  expect(readNumber(text)).toBe(n);
});

function Form({ told }: { told: (n: number) => void }) {
  const [n, setN] = useState(6);
  const change = (v: number) => {
    told(v);
    setN(v);
  };
  return (
    <MantineProvider>
      <NumberField label="hours" value={n} min={1} max={120} onChange={change} />
      <button type="button" onClick={() => setN(60)}>
        sixty
      </button>
    </MantineProvider>
  );
}

test("numbers are typed in any digits, step by arrows and keep their bounds", () => {
  const told: number[] = [];
  render(<Form told={(n) => told.push(n)} />);
  const field = screen.getByLabelText<HTMLInputElement>("hours");
  fireEvent.change(field, { target: { value: "۱۱۹" } });
  expect(told.at(-1)).toBe(119);
  fireEvent.keyDown(field, { key: "ArrowUp" });
  fireEvent.keyDown(field, { key: "ArrowUp" });
  expect(told.at(-1)).toBe(120);
  for (const bad of ["121", "0", "1.5", "x", ""]) {
    fireEvent.change(field, { target: { value: bad } });
    expect(told.at(-1)).toBe(Number.NaN);
    expect(field.value).toBe(bad);
    expect(field.getAttribute("aria-invalid")).toBe("true");
  }
  fireEvent.click(screen.getByText("sixty"));
  expect(readNumber(field.value)).toBe(60);
});
