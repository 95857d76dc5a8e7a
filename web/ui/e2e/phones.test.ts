// Settings → Phones in a real browser against the real program: whose phone is it, and what if it is nobody's.
import type { APIRequestContext, Browser, BrowserContext, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Agent, Call } from "../src/api/types";
import { axe, type Demo, launch, logIn, open, phone as phoneSize, startDemo } from "./harness";
import { until } from "./sipp";
import { en, fa } from "./words";

let demo: Demo;
let browser: Browser;
beforeAll(async () => {
  demo = await startDemo({ conduct: true });
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
  await demo?.stop();
});

const fill = (text: string, holes: Record<string, string>) =>
  text.replace(/\{\{(\w+)\}\}/g, (_, name: string) => holes[name] ?? "");

async function agentOf(api: APIRequestContext, username: string): Promise<Agent> {
  const { items } = (await (await api.get(`/api/v1/agents?q=${username}`)).json()) as { items: Agent[] };
  const found = items.find((a) => a.username === username);
  if (!found) throw new Error(`no agent ${username}`);
  return found;
}

for (const [language, word] of [
  ["fa", fa as unknown as typeof en],
  ["en", en],
] as const) {
  describe(language, () => {
    let context: BrowserContext;
    let page: Page;
    let api: APIRequestContext;
    let reza: Agent;
    let neda: Agent;
    let amir: Agent;
    beforeAll(async () => {
      ({ context, page } = await open(browser, demo, { language }));
      await logIn(page, "admin", { language });
      api = page.request;
      [reza, neda, amir] = [await agentOf(api, "reza"), await agentOf(api, "neda"), await agentOf(api, "amir")];
      for (const [agent, extensions] of [
        [reza, []],
        [neda, ["1001"]],
      ] as const) {
        const changed = await api.patch(`/api/v1/agents/${agent.id}`, { data: { extensions } });
        expect(changed.status()).toBe(200);
      }
      const line = await api.patch("/api/v1/phones/demo/PJSIP/trunk", { data: { extension: null } });
      expect(line.status(), await line.text()).toBe(200);
    });
    afterAll(() => context?.close());

    const row = (endpoint: string): Locator => page.locator(`tr[data-phone="${endpoint}"]`);
    const assigning = () =>
      page.getByRole("combobox", { name: fill(word.phones.assignLabel, { phone: "PJSIP/1004" }) });

    test("a phone of nobody comes first, with its last calls, as soon as it rings", async () => {
      await page.goto("/settings/phones?needy=1");
      await row("PJSIP/1004").waitFor();
      const number = language === "fa" ? "09127654321" : "09127654322";
      const list = page.getByRole("list", { name: fill(word.phones.recent, { phone: "PJSIP/1004" }) });
      const first = list.getByRole("link").first();
      const before = await first.getAttribute("href");
      const called = Date.now();
      demo.call(`direct-caller-gives-up ${number} 1004`);
      await expect.poll(() => first.getAttribute("href"), { timeout: 10_000, interval: 20 }).not.toBe(before);
      expect(Date.now() - called, "milliseconds from the call to the page").toBeLessThan(3000);
      const rows = page.locator("tr[data-phone]");
      expect(await rows.first().getAttribute("data-phone")).toBe("PJSIP/1004");
      expect(await page.getByText("PJSIP/1001").count()).toBe(0);
      expect(await axe(page)).toEqual([]);
      const href = await first.getAttribute("href");
      const call = (await (await api.get(`/api/v1${href}`)).json()) as Call;
      expect(call.caller.number).toBe(`+98${number.slice(1)}`);
      await until(
        "the call to be over",
        async () => {
          const now = (await (await api.get(`/api/v1${href}`)).json()) as Call;
          return now.state === "ended";
        },
        60_000,
      );
    });

    test("it is given to an agent by keys alone, the past calls too, or taken back", async () => {
      await page.goto("/settings/phones?needy=1");
      await assigning().waitFor();
      await assigning().focus();
      await page.keyboard.type(neda.name);
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Enter");
      const asked = page.getByRole("dialog");
      await asked.getByText(word.phones.nameTitle, { exact: true }).waitFor();
      expect(await axe(page)).toEqual([]);
      await page.keyboard.press("Escape");
      expect((await agentOf(api, "neda")).extensions).toEqual(["1001", "1004"]);
      // Nothing needs an owner, and what was done can be taken back.
      await row("PJSIP/1004").waitFor({ state: "detached" });
      await page.getByRole("button", { name: word.action.undo }).click();
      await row("PJSIP/1004").waitFor();
      expect((await agentOf(api, "neda")).extensions).toEqual(["1001"]);

      await assigning().click();
      await page.getByRole("option", { name: reza.name }).click();
      await asked.getByRole("button", { name: word.phones.nameYes }).click();
      await asked.waitFor({ state: "detached" });
      const { items } = (await (await api.get(`/api/v1/calls?agent=${reza.id}&limit=1`)).json()) as { items: Call[] };
      expect(items[0]?.legs.find((l) => l.extension === "1004")).toMatchObject({ agent_id: reza.id });
      await until("no undo of what cannot be undone", async () => {
        return (await page.getByRole("button", { name: word.action.undo }).count()) === 0;
      });
    });

    test("an extension of somebody is refused with whose it is", async () => {
      await page.goto("/settings/phones?q=1002");
      const dialog = page.getByRole("dialog");
      const agent = dialog.getByRole("combobox", { name: word.phones.agent });
      await row("PJSIP/1002").getByRole("button").click();
      await dialog.getByLabel(word.phones.meaningExtension).check();
      const extension = dialog.getByRole("textbox", { name: word.phones.extension, exact: true });
      await extension.fill("۱۰۰۳");
      // Whose extension it is is known before it is saved.
      await expect.poll(() => agent.inputValue()).toBe(amir.name);
      await agent.click();
      await page.getByRole("option", { name: neda.name }).click();
      await dialog.getByRole("button", { name: word.action.save }).click();
      await dialog.getByText(fill(word.fault.takenBy, { n: "amir" })).waitFor();
      expect(await axe(page)).toEqual([]);
      await agent.click();
      await page.getByRole("option", { name: amir.name }).click();
      await dialog.getByRole("button", { name: word.action.save }).click();
      await dialog.waitFor({ state: "detached" });
      await row("PJSIP/1002").getByText(amir.name).waitFor();
      await page.getByRole("button", { name: word.action.undo }).click();
      await row("PJSIP/1002").getByText(word.phones.byName).waitFor();
      expect((await agentOf(api, "amir")).extensions).toEqual(["1003"]);
    });

    test("a line is known by its calls, is said to be one, and back", async () => {
      await page.goto("/settings/phones?needy=1");
      await page.getByText(word.phones.allOwned).waitFor();
      expect(await axe(page)).toEqual([]);
      await page.goto("/settings/phones");
      await row("PJSIP/trunk").getByText(word.phones.byCalls).waitFor();
      await row("PJSIP/trunk").getByRole("button").click();
      const dialog = page.getByRole("dialog");
      await dialog.getByLabel(word.phones.meaningLine).check();
      await dialog.getByRole("button", { name: word.action.save }).click();
      await row("PJSIP/trunk").getByText(word.phones.byCalls).waitFor({ state: "detached" });
      await page.getByRole("button", { name: word.action.undo }).click();
      await row("PJSIP/trunk").getByText(word.phones.byCalls).waitFor();
    });

    test("the table searches in any digits, and is axe clean in the dark and on a phone", async () => {
      await page.goto("/settings/phones");
      await page.getByRole("searchbox", { name: word.phones.search }).fill("۱۰۰۳");
      await row("PJSIP/1001").waitFor({ state: "detached" });
      await row("PJSIP/1003").waitFor();
      await page.getByRole("searchbox", { name: word.phones.search }).fill("99999");
      await page.getByText(word.phones.noneTitle).waitFor();
      await page.getByRole("button", { name: word.action.clear }).click();
      await row("PJSIP/1001").waitFor();
      await page.route(/\/api\/v1\/phones(\?|$)/, (route) => route.fulfill({ status: 503, json: {} }));
      await page.reload();
      await page.getByRole("button", { name: word.action.retry }).waitFor({ timeout: 20_000 });
      expect(await axe(page)).toEqual([]);
      await page.unroute(/\/api\/v1\/phones(\?|$)/);
      await page.getByRole("button", { name: word.action.retry }).click();
      await row("PJSIP/1001").waitFor();
      const dark = await open(browser, demo, { language, theme: "dark", size: phoneSize });
      await logIn(dark.page, "admin", { language });
      await dark.page.goto("/settings/phones");
      await dark.page.locator("tr[data-phone]").first().waitFor();
      expect(await axe(dark.page)).toEqual([]);
      const wider = await dark.page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect(wider).toBe(0);
      await dark.context.close();
    });
  });
}
