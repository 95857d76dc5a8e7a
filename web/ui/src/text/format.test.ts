import { expect, test } from "vitest";
import { ascii, inPersian, spaced } from "./digits";
import { Format } from "./format";

const fa = new Format({ language: "fa", digits: "language", timeZone: "Asia/Tehran" });
const en = new Format({ language: "en", digits: "language", timeZone: "Asia/Tehran" });
const nowruz = new Date("2026-03-20T20:31:05Z"); // 21 March in Tehran, 1 Farvardin 1405

test("dates are Jalali in Persian, Gregorian in English, in the business time zone", () => {
  expect(fa.date(nowruz)).toBe("۱۴۰۵/۰۱/۰۱");
  expect(en.date(nowruz)).toBe("21 Mar 2026");
  expect(fa.longDate(nowruz)).toBe("شنبه ۱ فروردین ۱۴۰۵");
  expect(en.longDate(nowruz)).toBe("Saturday, 21 Mar 2026");
  expect(fa.time(nowruz)).toBe("۰۰:۰۱");
  expect(en.timeWithSeconds(nowruz)).toBe("00:01:05");
  expect(en.dayKey(nowruz)).toBe("2026-03-21");
});

test("the time alone stands for today", () => {
  expect(en.moment(nowruz, new Date("2026-03-21T10:00:00Z"))).toBe("00:01");
  expect(en.moment(nowruz, new Date("2026-03-22T10:00:00Z"))).toBe("21 Mar 00:01");
  expect(en.moment(nowruz, new Date("2027-06-22T10:00:00Z"))).toBe("21 Mar 2026 00:01");
  expect(fa.moment(nowruz, new Date("2026-03-22T10:00:00Z"))).toBe("۱ فروردین ۰۰:۰۱");
});

test("digits follow the choice, whatever the language", () => {
  expect(fa.number(1234567)).toBe("۱٬۲۳۴٬۵۶۷");
  expect(new Format({ language: "fa", digits: "latin", timeZone: "UTC" }).digits("0912")).toBe("0912");
  expect(new Format({ language: "en", digits: "persian", timeZone: "UTC" }).digits("0912")).toBe("۰۹۱۲");
});

test.each([
  [0, "0:00"],
  [-5000, "0:00"],
  [42_999, "0:42"],
  [725_000, "12:05"],
  [3_723_000, "1:02:03"],
])("duration of %i ms", (ms, want) => {
  expect(en.duration(ms)).toBe(want);
  expect(fa.duration(ms)).toBe(inPersian(want));
});

test.each([
  ["+989121234567", "0912 123 4567"],
  ["+982191001234", "021 9100 1234"],
  ["09121234567", "0912 123 4567"],
  ["1001", "1001"],
  ["+442079460958", "+44 207 946 0958"],
  ["anonymous", "anonymous"],
  ["", ""],
])("spaced(%j)", (number, want) => {
  expect(spaced(number)).toBe(want);
  if (number.startsWith("0")) expect(spaced(number).replaceAll(" ", "")).toBe(number);
});

test("Persian and Arabic digits become ASCII, and back", () => {
  expect(ascii("۰۹۱۲ ٣٤٥ abc")).toBe("0912 345 abc");
  expect(inPersian("0912 abc")).toBe("۰۹۱۲ abc");
});

test("a distance into the past is coarse", () => {
  const now = new Date("2026-11-22T12:00:00Z");
  expect(en.ago(new Date("2026-11-22T11:55:00Z"), now)).toBe("5 minutes ago");
  expect(en.ago(new Date("2026-11-20T11:55:00Z"), now)).toBe("2 days ago");
});
