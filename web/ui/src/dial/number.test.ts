import { expect, test } from "vitest";
import { dialable, isDialable } from "./number";

test.each([
  ["09121234567", "09121234567"],
  ["۰۹۱۲ ۱۲۳ ۴۵۶۷", "09121234567"],
  ["٠٩١٢١٢٣٤٥٦٧", "09121234567"],
  ["+98 (912) 123-4567", "+989121234567"],
  ["(021) 9100–1234", "02191001234"],
  ["tel:+982191001234", "+982191001234"],
  ["\u202a+98 912 123 4567\u202c", "+989121234567"],
  ["تلفن: ۰۹۱۲۱۲۳۴۵۶۷ سارا", "09121234567"],
  ["*98", "*98"],
  ["1001", "1001"],
  ["0912 123 4567 ext 12", "09121234567"],
  ["sara", ""],
  ["+", ""],
  ["", ""],
])("dialable(%j)", (text, want) => {
  expect(dialable(text)).toBe(want);
});

test.each([
  ["+989121234567", true],
  ["1001", true],
  ["*98", true],
  ["anonymous", false],
  ["sip:1001@pbx", false],
  ["s", false],
  ["", false],
])("isDialable(%j)", (text, want) => {
  expect(isDialable(text)).toBe(want);
});
