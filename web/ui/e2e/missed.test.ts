// How a call ended, said by a key, and those who were not answered: in a real browser against the real program, in both
// languages at once. What becomes of those is in day.test.ts.
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Call, Disposition } from "../src/api/types";
import { axe, type Demo, launch, logIn, open, phone, startDemo } from "./harness";
import { en, fa } from "./words";

let demo: Demo;
let browser: Browser;
const desks: { page: Page; words: typeof en; language: "fa" | "en"; extension: string; digit: string }[] = [];
beforeAll(async () => {
  [demo, browser] = await Promise.all([startDemo({ conduct: true }), launch()]);
  for (const [language, words, user, extension] of [
    ["fa", fa as unknown as typeof en, "neda", "1001"],
    ["en", en, "sara", "1002"],
  ] as const) {
    const { page } = await open(browser, demo, { language });
    await logIn(page, user, { language });
    desks.push({ page, words, language, extension, digit: language === "fa" ? "5" : "6" });
  }
});
afterAll(async () => {
  await browser?.close();
  await demo?.stop();
});

test("an administrator begins with the usual dispositions, in both languages", async () => {
  for (const { words, language } of desks) {
    const { context, page } = await open(browser, demo, { language });
    await logIn(page, "admin", { language });
    await page.goto("/settings/dispositions");
    const usual = page.getByRole("button", { name: words.dispositions.addUsual });
    const rows = page.locator("tbody tr");
    if (language === "fa") {
      // The demo has them; a house that begins has none.
      await rows.nth(5).waitFor();
      const { items } = (await (await page.request.get("/api/v1/dispositions")).json()) as { items: Disposition[] };
      for (const d of items) expect((await page.request.delete(`/api/v1/dispositions/${d.id}`)).ok()).toBe(true);
      await page.reload();
      await usual.waitFor();
      expect(await axe(page)).toEqual([]);
      await usual.click();
    }
    await rows.nth(5).waitFor();
    expect(await axe(page)).toEqual([]);
    const first = fa.dispositions.usual.done;
    await page.getByRole("button", { name: `${words.action.archive}: ${first}` }).click();
    await rows.nth(5).waitFor({ state: "detached" });
    await page.getByRole("button", { name: words.action.undo }).click();
    await rows.nth(5).waitFor();
    await page.getByRole("button", { name: words.dispositions.create }).click();
    await page.getByRole("dialog").waitFor();
    expect(await axe(page)).toEqual([]);
    await context.close();
  }
});

test("a call is disposed of by a key, which is no key while one types; and by another, and by none", async () => {
  await Promise.all(
    desks.map(async ({ page, words, extension, digit }) => {
      const spoken = `0916555001${digit}`;
      demo.call(`direct-answered-caller-hangs-up ${spoken} ${extension}`);
      const group = page.getByRole("region", { name: words.desk.disposition });
      await group.waitFor();
      await page.locator("#note").click();
      await page.keyboard.type("4");
      await page.keyboard.press("Escape");
      expect(await group.locator("[aria-pressed=true]").count()).toBe(0); // it was typed
      await page.keyboard.press("4");
      const said = group.locator("[aria-pressed=true]");
      await said.getByText(fa.dispositions.usual.noInterest).waitFor();
      await group.getByText(words.desk.noteSaved).waitFor();
      expect(await axe(page)).toEqual([]);
      const calls = async () =>
        ((await (await page.request.get(`/api/v1/calls?number=${spoken}`)).json()) as { items: Call[] }).items;
      expect((await calls())[0]?.disposition?.name).toBe(fa.dispositions.usual.noInterest);
      await page.keyboard.press("3"); // another, which offers a callback
      await page.getByRole("dialog").waitFor();
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
      await said.getByText(fa.dispositions.usual.callBack).waitFor();
      await said.click();
      await said.waitFor({ state: "detached" });
    }),
  );
});

test("the list fits a telephone's screen", async () => {
  for (const { language, words } of desks) {
    const { context, page } = await open(browser, demo, { language, size: phone });
    await logIn(page, "admin", { language });
    await page.goto("/missed");
    await page.getByRole("button", { name: words.missed.done }).first().waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    await context.close();
  }
});
