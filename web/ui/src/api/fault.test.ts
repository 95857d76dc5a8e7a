import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import i18next from "i18next";
import { beforeAll, expect, test } from "vitest";
import { setPreferences } from "../app/preferences";
import { speak } from "../text/i18n";
import { faultOf, sayFault, sayField } from "./fault";
import { Problem, say } from "./problem";

const t = i18next.t.bind(i18next);
beforeAll(() => speak("fa"));

test.each([
  ["is required", "required", undefined],
  ["expected length >= 1", "required", undefined],
  ["expected length >= 8", "tooShort", "8"],
  ["expected length <= 200", "tooLong", "200"],
  ["is longer than 64 characters", "tooLong", "64"],
  ["must have at most 10000 characters", "tooLong", "10000"],
  ["expected array length <= 50", "tooMany", "50"],
  ["are more than 50 with the historic ones", "tooMany", "50"],
  ['expected value to be one of "person, organization"', "choice", undefined],
  ["expected number >= 1", "tooSmall", "1"],
  ["expected number <= 100", "tooGreat", "100"],
  ["must be from 1 to 100", "tooGreat", "100"],
  ["expected number", "noNumeral", undefined],
  ["expected string to be RFC 3339 date-time", "noTime", undefined],
  ["another agent has it", "taken", undefined],
  ["belongs to neda", "takenBy", "neda"],
  ["must be UTF-8 text without NUL", "characters", undefined],
  ["something that no release has said before", "other", undefined],
])("%s is %s", (message, kind, n) => {
  const fault = faultOf(message);
  expect([fault.kind, fault.n]).toEqual([kind, n]);
});

// The complaints themselves, out of the server's source: a new one has words here, or fails.
test("every complaint of the server about a field has words of its own", () => {
  const server = join(import.meta.dirname, "../../../..");
  const found = ["crm", "calllog", "web"].flatMap((folder) =>
    readdirSync(join(server, folder))
      .filter((name) => name.endsWith(".go") && !name.endsWith("_test.go"))
      .flatMap((name) => complaints(readFileSync(join(server, folder, name), "utf8"))),
  );
  expect(found.length).toBeGreaterThan(30);
  expect(found.filter((message) => faultOf(message).kind === "other")).toEqual([]);
});

function complaints(source: string): string[] {
  const calls = /(?:\b(?:f|faults)\.add\(|\bfault\(|FieldErrors\{\{(?:Field: )?|queryProblem\()(.*)$/gm;
  return [...source.matchAll(calls)].flatMap(([, rest = ""]) => {
    // The first text is the field's name, unless that is a variable; the last one that is a sentence is the complaint.
    const texts = [...rest.matchAll(/"((?:[^"\\]|\\.)*)"|`([^`]*)`/g)].map((m) => m[1] ?? m[2] ?? "");
    const complaint = texts.find((x) => x.includes(" "));
    return complaint
      ? [
          complaint
            .replaceAll("%d", "7")
            .replace(/(than|are) $/, "$1 7 ")
            .replace(/from $/, "from 1 to 7")
            .replace(/to $/, "to neda"),
        ]
      : [];
  });
}

test("complaints are in the reader's language and digits", async () => {
  setPreferences({ language: "fa" });
  expect(sayFault("expected length <= 200", t)).toBe("بیش از ۲۰۰ نویسه جا نمی‌شود.");
  expect(sayFault("no release said this before", t)).toBe("سرور این مقدار را نپذیرفت.");
  const refused = new Problem(422, { errors: [{ location: "body.numbers[1].number", message: "is not a number" }] });
  expect(say(refused, t)).toBe("شماره: شمارهٔ تلفن نیست.");
  expect(sayField("version", t)).toBe("یکی از فیلدها");
  setPreferences({ language: "en" });
  await speak("en");
  expect(sayFault("expected length <= 200", t)).toBe("At most 200 characters fit.");
});
