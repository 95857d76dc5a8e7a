import { expect, test } from "vitest";
import { fieldOf, Problem } from "./problem";

test("the server's places become the form's paths", () => {
  expect(fieldOf("body.numbers[1].number")).toBe("numbers.1.number");
  expect(fieldOf("body.name")).toBe("name");
  expect(fieldOf("query.limit")).toBe("limit");
});

test("a problem knows its fields and whether trying again may help", () => {
  const p = new Problem(422, {
    errors: [
      { location: "body.name", message: "too long" },
      { location: "body.name", message: "second" },
    ],
  });
  expect(p.fields).toEqual({ name: "too long" });
  expect([0, 429, 500, 503].map((s) => new Problem(s, {}).away)).toEqual([true, true, true, true]);
  expect([401, 404, 409, 422].map((s) => new Problem(s, {}).away)).toEqual([false, false, false, false]);
});
