// Settings → Queues in a real browser against the real program, and what is said there on the desk and in the log.
import type { APIRequestContext, Browser, BrowserContext, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Queue } from "../src/api/types";
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

const fill = (text: string, holes: Record<string, string>) =>
  text.replace(/\{\{(\w+)\}\}/g, (_, name: string) => holes[name] ?? "");
const overflow = (page: Page) =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

for (const [language, word, label, script] of [
  ["fa", fa as unknown as typeof en, "پشتیبانی فنی", "سلام، پشتیبانی.\nشمارهٔ قرارداد را بپرسید."],
  ["en", en, "Technical support", "Hello, this is support.\nAsk for the contract number."],
] as const) {
  describe(language, () => {
    let context: BrowserContext;
    let page: Page;
    let api: APIRequestContext;
    let before: Queue;
    beforeAll(async () => {
      ({ context, page } = await open(browser, demo, { language }));
      await logIn(page, "admin", { language });
      api = page.request;
      const { items } = (await (await api.get("/api/v1/queues?q=support")).json()) as { items: Queue[] };
      const [queue] = items;
      if (!queue) throw new Error("the past calls of the demo made no queue");
      const reset = { label: null, numbers: null, service_level_s: null, script: "", wrap_up_s: null };
      const changed = await api.patch(`/api/v1/queues/${queue.id}`, { data: reset });
      expect(changed.status(), await changed.text()).toBe(200);
      before = (await changed.json()) as Queue;
    });
    afterAll(() => context?.close());

    const row = (): Locator => page.locator('tr[data-queue="support"]');
    const dialog = () => page.getByRole("dialog");
    const field = (name: string) => dialog().getByRole("textbox", { name, exact: true });
    const now = async () => (await (await api.get(`/api/v1/queues/${before.id}`)).json()) as Queue;

    test("a queue is there by itself, and is named by keys alone; that is said, and taken back", async () => {
      await page.goto("/settings/queues");
      await row().getByText(word.queues.byCalls).waitFor();
      await row().getByText(word.queues.notKnown).waitFor();
      expect(before.numbers.length).toBeGreaterThan(0);
      expect(await axe(page)).toEqual([]);
      await row().getByRole("button").focus();
      await page.keyboard.press("Enter");
      await dialog().getByText(word.queues.why.ami_needed).waitFor();
      expect(await axe(page)).toEqual([]);
      await expect.poll(() => field(word.queues.field.label).evaluate((e) => e === document.activeElement)).toBe(true);
      await page.keyboard.press("Control+KeyA");
      await page.keyboard.type(label);
      await field(word.queues.field.numbers).fill("۰۲۱ ۹۱۰۰ ۵۶۷۸، 600");
      await field(word.queues.wrapUpSeconds).fill("۱۵");
      await field(word.queues.script).fill(script);
      await field(word.queues.wrapUpSeconds).press("Enter");
      await dialog().waitFor({ state: "detached" });
      await row().getByText(label).waitFor();
      await row()
        .getByText(fill(word.phones.corrected, { name: "admin" }))
        .waitFor();
      expect(await now()).toMatchObject({ label, numbers: ["+982191005678", "600"], wrap_up_s: 15, script });
      await page.getByRole("button", { name: word.action.undo }).click();
      await row().getByText(word.queues.byCalls).waitFor();
      expect(await now()).toMatchObject({
        label: "support",
        numbers: before.numbers,
        wrap_up_s: 0,
        script: "",
        said: [],
      });
    });

    test("a field that was said is given back to what was learned; what is wrong stands at its field", async () => {
      const said = await api.patch(`/api/v1/queues/${before.id}`, {
        data: { label, numbers: ["600"], service_level_s: 45 },
      });
      expect(said.status()).toBe(200);
      await page.goto("/settings/queues");
      await row().getByRole("button").click();
      for (const name of ["numbers", "service_level_s"] as const) {
        await dialog()
          .getByRole("button", { name: `${word.queues.asLearned}: ${word.queues.field[name]}` })
          .click();
      }
      expect(await field(word.queues.field.numbers).inputValue()).toBe(before.numbers.join(", "));
      await field(word.queues.percent).fill("500");
      await dialog().getByRole("button", { name: word.action.save }).click();
      const great = language === "fa" ? "۱۰۰" : "100";
      await dialog()
        .getByText(fill(word.fault.tooGreat, { n: great }))
        .waitFor();
      expect(await axe(page)).toEqual([]);
      await field(word.queues.percent).fill("90");
      await dialog().getByRole("button", { name: word.action.save }).click();
      await dialog().waitFor({ state: "detached" });
      const after = await now();
      expect(after).toMatchObject({ label, numbers: before.numbers, service_level_percent: 90 });
      expect(after.said.map((s) => s.field)).toEqual(["label"]);
    });

    test("P13 the desk shows the queue's label and its script, which folds; so does the log, and filters by it", async () => {
      const patched = await api.patch(`/api/v1/queues/${before.id}`, { data: { label, script } });
      expect(patched.status()).toBe(200);
      const desk = await open(browser, demo, { language, size: language === "fa" ? phoneSize : undefined });
      await logIn(desk.page, "neda", { language });
      await desk.page.goto("/desk");
      await desk.page.locator('.dot[data-state="good"]').waitFor();
      demo.call(`queue-ringall-answered 0912765${language === "fa" ? "1111" : "2222"} 1001 1002`);
      const card = desk.page.locator('section[data-phase="ringing"], section[data-phase="talking"]');
      await card.getByText(label).waitFor();
      const text = card.getByRole("group", { name: word.desk.script });
      await text.waitFor();
      expect(await text.innerText()).toBe(script);
      expect(await axe(desk.page)).toEqual([]);
      expect(await overflow(desk.page)).toBe(0);
      const fold = card.getByRole("button", { name: word.desk.script });
      await fold.focus();
      await desk.page.keyboard.press("Enter");
      await text.waitFor({ state: "detached" });
      expect(await fold.getAttribute("aria-expanded")).toBe("false");
      await desk.context.close();

      await page.goto("/calls");
      await page.locator("tbody tr").first().waitFor();
      const filter = page.getByRole("combobox", { name: word.calls.queue });
      await filter.click();
      await page.getByRole("option", { name: label }).click();
      await page.waitForURL(`**/calls?queue=${before.id}`);
      await page.locator("tbody tr").first().getByText(label).waitFor();
      // An address of before, by the exchange's name, means the same.
      await page.goto("/calls?queue=support");
      await expect.poll(() => filter.inputValue()).toBe(label);
      await page.locator("tbody tr").first().getByText(label).waitFor();
      expect(await axe(page)).toEqual([]);
    });

    test("who takes the calls is shown where the exchange tells it; on a phone, in the dark, too", async () => {
      const small = await open(browser, demo, { language, theme: "dark", size: phoneSize });
      await logIn(small.page, "admin", { language });
      const member = {
        interface: "PJSIP/1001",
        extension: "1001",
        agent_id: null,
        penalty: 0,
        in_call: false,
        dynamic: true,
      };
      const members = [
        { ...member, name: "Neda", paused: true, reason: "lunch", status: "free" },
        {
          ...member,
          interface: "PJSIP/1002",
          extension: "1002",
          name: "Reza",
          paused: false,
          reason: "",
          status: "free",
        },
      ];
      for (const p of [page, small.page]) {
        await p.route(/\/api\/v1\/queues(\?|$)/, async (route) => {
          const answer = await (await route.fetch()).json();
          for (const q of answer.items)
            Object.assign(q, { known: true, unknown: "", waiting: 3, members, strategy: "rrmemory" });
          await route.fulfill({ json: answer });
        });
        await p.goto("/settings/queues");
        await p.locator('tr[data-queue="support"]').getByRole("button").click();
        await p.locator('tr[data-member="PJSIP/1001"]').getByText(word.queues.paused).waitFor();
        await p.locator('tr[data-member="PJSIP/1002"]').getByText(word.queues.status.free).waitFor();
        expect(await axe(p)).toEqual([]);
        await p.keyboard.press("Escape");
        await p.getByRole("dialog").waitFor({ state: "detached" });
        expect(await axe(p)).toEqual([]);
        expect(await overflow(p)).toBe(0);
      }
      const [waiting, all] = language === "fa" ? ["۳", "۲"] : ["3", "2"];
      await row()
        .getByText(fill(word.queues.waiting, { n: waiting }))
        .waitFor();
      await row()
        .getByText(fill(word.queues.free, { free: language === "fa" ? "۱" : "1", n: all }))
        .waitFor();
      await page.unroute(/\/api\/v1\/queues(\?|$)/);
      await small.context.close();
    });

    test("what is not found, or not needed any more, is said", async () => {
      await page.goto("/settings/queues?q=no-such-queue");
      await page.getByText(word.queues.noneTitle).waitFor();
      await page.getByRole("button", { name: word.action.clear }).click();
      await row().getByRole("button").click();
      await dialog().getByRole("switch", { name: word.queues.archived }).check();
      await dialog().getByRole("button", { name: word.action.save }).click();
      await row().waitFor({ state: "detached" });
      await page.getByLabel(word.queues.showArchived).check();
      await row().waitFor();
      await page.getByRole("button", { name: word.action.undo }).click();
      await page.getByText(word.queues.noneArchived).waitFor();
      expect(await axe(page)).toEqual([]);
    });
  });
}
