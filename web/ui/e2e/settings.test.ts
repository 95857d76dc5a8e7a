// The settings of acting and of states in a real browser against the real program: why one may pause, who may call what, and
// the states of the agents whom one leads.
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Dialling } from "../src/api/types";
import { axe, launch, logIn, open, type Server, startDemo } from "./harness";
import { en, fa } from "./words";

let server: Server;
let browser: Browser;
beforeAll(async () => {
  [server, browser] = await Promise.all([startDemo({ conduct: true }), launch()]);
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

const fill = (text: string, holes: Record<string, string>) =>
  text.replace(/\{\{(\w+)\}\}/g, (_, name: string) => holes[name] ?? "");

for (const [language, words] of [
  ["fa", fa as unknown as typeof en],
  ["en", en],
] as const) {
  describe(language, () => {
    let context: BrowserContext;
    let page: Page;
    const button = (name: string, exact = true) => page.getByRole("button", { name, exact });
    beforeAll(async () => {
      ({ context, page } = await open(browser, server, { language }));
      await logIn(page, "admin", { language });
    });
    afterAll(() => context?.close());

    test("a pause reason is added, renamed, archived, and taken back", async () => {
      const label = language === "fa" ? "نماز" : "Prayer time";
      await page.goto("/settings/pauses");
      await page.locator("tbody tr").nth(4).waitFor();
      expect(await axe(page)).toEqual([]);
      await button(words.pauses.create).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByRole("textbox").first().fill("ناهار");
      await dialog.getByRole("button", { name: words.action.create }).click();
      await dialog.getByText(words.fault.taken).waitFor();
      expect(await axe(page)).toEqual([]);
      await dialog.getByRole("textbox").first().fill(`${label}!`);
      await dialog.getByRole("button", { name: words.action.create }).click();
      await dialog.waitFor({ state: "detached" });
      await button(`${words.action.edit}: ${label}!`).click();
      await dialog.getByRole("textbox").first().fill(label);
      await dialog.getByRole("button", { name: words.action.save }).click();
      await dialog.waitFor({ state: "detached" });
      const row = page.locator("tbody tr").filter({ hasText: label });
      await button(`${words.action.archive}: ${label}`).click();
      await row.waitFor({ state: "detached" });
      await button(words.action.undo).click();
      await row.waitFor();
      await button(`${words.action.archive}: ${label}`).click();
      await row.waitFor({ state: "detached" });
      await page.goto("/settings/pauses?archived=1");
      await button(`${words.action.restore}: ${label}`).click();
      await page.locator(".empty").waitFor();
    });

    test("the dialling rules: a number is tried, a rule is added, a fault is said at its field, and saving is undone", async () => {
      const saved = async () => (await (await page.request.get("/api/v1/dialling")).json()) as Dialling;
      const before = await saved();
      await page.goto("/settings/dialling");
      await page
        .locator("ol > li")
        .nth(before.rules.length - 1)
        .waitFor();
      expect(await axe(page)).toEqual([]);

      const tried = page.locator("form").last();
      const verdict = page.getByTestId("verdict");
      await tried.getByRole("textbox").first().fill("۰۹۰۹۱۲۳۴۵۶۷");
      await tried.getByRole("button").click();
      await verdict.filter({ hasText: words.rules.testForbidden }).waitFor();
      await tried.getByRole("textbox").first().fill("09121234567");
      await tried.getByRole("button").click();
      await verdict.filter({ hasText: words.rules.testAllowed }).waitFor();
      await tried.getByRole("textbox").first().fill("115");
      await tried.getByRole("button").click();
      await verdict.filter({ hasText: words.rules.testEmergency }).waitFor();
      expect(await axe(page)).toEqual([]);

      await button(words.rules.add).click();
      const rule = page.locator("ol > li").last();
      const prefix = rule.locator('input[inputmode="tel"]');
      await prefix.fill("09x");
      await button(words.action.save).click();
      await rule.getByText(words.fault.noDigits).waitFor();
      expect(await axe(page)).toEqual([]);
      await prefix.fill(language === "fa" ? "۰۹۳۳" : "0933");
      await button(words.action.save).click();
      await page.getByText(words.rules.saved).waitFor();
      expect((await saved()).rules.at(-1)).toMatchObject({ prefix: "0933", allow: false });
      await button(words.action.undo).click();
      await page.getByText(words.rules.undone).waitFor();
      expect((await saved()).rules).toEqual(before.rules);

      // What somebody else has saved meanwhile is not overwritten.
      await button(words.rules.add).click();
      await prefix.fill("0934");
      const { rules, otherwise, per_minute, per_minute_pbx } = before;
      const put = async (perMinute: number) => {
        const data = { rules, otherwise, per_minute: perMinute, per_minute_pbx };
        expect((await page.request.put("/api/v1/dialling", { data })).status()).toBe(200);
      };
      await put(per_minute + 1);
      await button(words.action.save).click();
      await page.getByText(words.rules.conflict).waitFor();
      await button(words.rules.revert).click();
      await page.getByText(words.rules.changed).waitFor({ state: "detached" });
      expect(await page.locator("ol > li").count()).toBe(before.rules.length);
      await put(per_minute);
    });

    test("an agent's state is seen and changed in the list of agents, and the day tells of it", async () => {
      await page.goto("/settings/agents");
      const { items } = (await (await page.request.get("/api/v1/agents")).json()) as {
        items: { id: string; name: string; username: string }[];
      };
      const agent = items.find((a) => a.username === (language === "fa" ? "maryam" : "reza")) ?? items[0];
      if (!agent) throw new Error("the demo has no agents");
      const state = page.locator("tbody tr").filter({ hasText: agent.name }).locator(".agent-state");
      await state.click();
      const menu = page.getByRole("menu");
      await menu.waitFor();
      expect(await axe(page)).toEqual([]);
      const meeting = language === "fa" ? "جلسه" : "Meeting";
      await menu.getByRole("menuitem", { name: meeting }).click();
      await state.filter({ hasText: meeting }).waitFor();
      await page.getByTestId("polite").filter({ hasText: agent.name }).waitFor();
      await menu.waitFor({ state: "detached" });
      await state.click();
      await menu.getByText(words.states.by.supervisor).waitFor();
      await menu.getByRole("menuitem", { name: fill(words.states.dayOf, { name: agent.name }) }).click();
      await page.getByRole("heading", { name: fill(words.states.dayOf, { name: agent.name }) }).waitFor();
      await page.locator("tbody tr").filter({ hasText: meeting }).first().waitFor();
      expect(await axe(page)).toEqual([]);
      await page.goto(`/day?agent=${agent.id}&day=2020-01-01`);
      await page.getByText(words.states.emptyTitle).waitFor();
      const back = await page.request.put(`/api/v1/agents/${agent.id}/state`, { data: { state: "available" } });
      expect(back.status()).toBe(200);
    });
  });
}
