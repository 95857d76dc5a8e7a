// Where the day begins: each role lands at its work; an administrator sets ringbook up, down to a test call.
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { axe, type Demo, launch, logIn, open, phone as phoneSize, startDemo } from "./harness";
import { en, fa } from "./words";

let demo: Demo;
let browser: Browser;
beforeAll(async () => {
  [demo, browser] = await Promise.all([startDemo({ conduct: true }), launch()]);
});
afterAll(async () => {
  await browser?.close();
  await demo?.stop();
});

for (const [language, word] of [
  ["fa", fa as unknown as typeof en],
  ["en", en],
] as const) {
  describe(language, () => {
    test("an administrator sees what is not set up, and a test call on its way into the log", async () => {
      const { context, page } = await open(browser, demo, {
        language,
        size: language === "fa" ? phoneSize : undefined,
      });
      await logIn(page, "admin", { language });
      // Nothing that is needed is missing in the demonstration.
      await page.waitForURL("**/floor");
      const without = { username: `temp-${language}`, name: "Temp", password: "a long enough one", extensions: [] };
      const made = await page.request.post("/api/v1/agents", { data: without });
      expect(made.status(), await made.text()).toBe(201);
      const { id } = (await made.json()) as { id: string };
      await page.goto("/");
      await page.waitForURL("**/settings/setup");
      const agents = page.locator('[data-step="agents"]');
      await agents.getByText(word.setup.needed).waitFor();
      expect(await axe(page)).toEqual([]);
      expect(
        await page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth),
      ).toBe(true);
      const gone = await page.request.delete(`/api/v1/agents/${id}`);
      expect(gone.status()).toBeLessThan(300);
      await page.locator('[data-step="agents"][data-done="true"]').waitFor();
      await page.getByText(word.setup.done).waitFor();

      const call = page.locator('[data-step="call"]');
      await call.getByRole("button").click();
      await call.getByText(word.setup.call.waits).waitFor();
      demo.call(`direct-caller-gives-up 0912765${language === "fa" ? "3331" : "3332"} 1001`);
      await call.getByText(word.setup.call.heard).waitFor();
      await call.getByText("1001").waitFor();
      const record = call.getByRole("link", { name: word.setup.call.open });
      await record.waitFor({ timeout: 60_000 });
      expect(await axe(page)).toEqual([]);
      await record.click();
      await page.waitForURL("**/calls/*");
      await context.close();
    });

    test("who calls lands at the desk, who sells at the follow-ups, who leads at the floor", async () => {
      const office = await open(browser, demo, { language });
      await logIn(office.page, "admin", { language });
      const sales = { username: `reza-${language}`, name: "Reza", role: "sales", password: "a long enough one" };
      const made = await office.page.request.post("/api/v1/agents", {
        data: { ...sales, extensions: [`19${language === "fa" ? 1 : 2}`] },
      });
      expect(made.status(), await made.text()).toBe(201);
      await office.context.close();
      for (const [user, place, password] of [
        ["neda", "/desk", undefined],
        [sales.username, "/follow-ups", sales.password],
        ["maryam", "/floor", undefined],
      ] as const) {
        const { context, page } = await open(browser, demo, { language });
        await logIn(page, user, { language }, password);
        await page.waitForURL(`**${place}`);
        await page.goto("/");
        await page.waitForURL(`**${place}`);
        await context.close();
      }
    });
  });
}
