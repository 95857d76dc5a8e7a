// Taking the call list out as a file, and saved views, in a real browser against the real program.
import { readFile } from "node:fs/promises";
import type { Browser, BrowserContext, Download, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Export } from "../src/api/types";
import { axe, launch, logIn, open, phone, type Server, startDemo } from "./harness";
import { en, fa } from "./words";

let server: Server;
let browser: Browser;
beforeAll(async () => {
  server = await startDemo({ pause: "60s" });
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

for (const language of ["fa", "en"] as const) {
  describe(language, () => {
    const w = { fa, en }[language];
    let context: BrowserContext;
    let page: Page;
    beforeAll(async () => {
      ({ context, page } = await open(browser, server, { language }));
      await logIn(page, "admin", { language });
      // The other language's may go on still, if a test of it has failed.
      const { items } = (await (await page.request.get("/api/v1/exports")).json()) as { items: Export[] };
      for (const e of items) if (!e.ended_at) await page.request.delete(`/api/v1/exports/${e.id}`);
    });
    afterAll(() => context?.close());

    /** take downloads what the dialog makes. */
    async function take(): Promise<[Download, string]> {
      const coming = page.waitForEvent("download");
      await page.getByRole("dialog").getByRole("button", { name: w.export.start }).click();
      const file = await coming;
      return [file, await file.path()];
    }

    test("L14 the filtered list goes out as CSV and as Excel, in the page's language", async () => {
      await page.goto("/calls?outcome=missed");
      await page.locator("tbody tr").first().waitFor();
      await page.getByRole("button", { name: w.export.button }).click();
      const dialog = page.getByRole("dialog");
      await dialog.waitFor();
      await dialog
        .getByTestId("export-size")
        .filter({ hasText: /[\d۰-۹]/ })
        .waitFor();
      const [book, bookPath] = await take();
      expect(book.suggestedFilename()).toMatch(
        language === "fa" ? /^ringbook-calls-14\d\d-\d\d-\d\d\.xlsx$/ : /^ringbook-calls-20\d\d-\d\d-\d\d\.xlsx$/,
      );
      expect((await readFile(bookPath)).subarray(0, 2).toString()).toBe("PK");

      await dialog.getByText(w.export.formats.csv, { exact: true }).first().click();
      const [, path] = await take();
      const lines = (await readFile(path, "utf8")).split("\r\n");
      const outcome = w.outcome.missed;
      expect(lines[0]).toBe(
        `\ufeff${[w.export.column.date, w.export.column.time, w.calls.direction, w.calls.outcome].map((x) => `"${x}"`).join()}` +
          `${lines[0]?.slice(lines[0].indexOf(`"${w.calls.outcome}"`) + w.calls.outcome.length + 2)}`,
      );
      expect(lines.length).toBeGreaterThan(3);
      for (const line of lines.slice(1).filter((x) => x.startsWith('"'))) expect(line).toContain(`"${outcome}"`);
      expect(lines[1]).toMatch(language === "fa" ? /^"14\d\d\/\d\d\/\d\d"/ : /^"20\d\d-\d\d-\d\d"/);

      // What became of them stays, also over a reload.
      const done = dialog.locator('[data-testid=export][data-state="done"]');
      await done.nth(1).waitFor();
      expect(await axe(page)).toEqual([]);
      await page.reload();
      await page.getByRole("button", { name: w.export.button }).click();
      await done.nth(1).waitFor();
      await page.setViewportSize(phone);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(phone.width);
      expect(await axe(page)).toEqual([]);
      await page.setViewportSize({ width: 1440, height: 900 });
      await page.keyboard.press("Escape");
    });

    test("an export that nobody fetches can be cancelled, and says so; too many are refused in words", async () => {
      for (let n = 0; n < 2; n++) {
        const made = await page.request.post("/api/v1/exports", { data: { format: "csv" } });
        expect(made.status()).toBe(201);
      }
      await page.goto("/calls");
      await page.getByRole("button", { name: w.export.button }).click();
      const dialog = page.getByRole("dialog");
      const waiting = dialog.locator('[data-testid=export][data-state="ready"]');
      await waiting.nth(1).waitFor();
      await dialog.getByRole("button", { name: w.export.start }).click();
      await dialog.getByRole("alert").getByText(w.export.tooMany).waitFor();
      expect(await axe(page)).toEqual([]);
      for (let n = 2; n > 0; n--) {
        await waiting.first().getByRole("button", { name: w.export.cancel }).click();
        await expect.poll(() => waiting.count()).toBe(n - 1);
      }
      const { items } = (await (await page.request.get("/api/v1/exports")).json()) as { items: Export[] };
      expect(items.slice(0, 2).map((e) => e.state)).toEqual(["cancelled", "cancelled"]);
      await page.keyboard.press("Escape");
    });

    test("a view is saved, changed, updated, renamed, made the default and deleted, by keyboard; each can be undone", async () => {
      const name = language === "fa" ? "بی‌پاسخ‌ها" : "The missed";
      await page.goto("/calls?outcome=missed");
      await page.locator("tbody tr").first().waitFor();
      await page.getByRole("button", { name: w.view.saveAs }).focus();
      await page.keyboard.press("Enter");
      await page.getByRole("dialog").waitFor();
      await page.keyboard.type(name);
      expect(await axe(page)).toEqual([]);
      await page.keyboard.press("Enter");
      const bar = page.getByRole("navigation", { name: w.view.label });
      const tab = bar.locator('[aria-current="page"]');
      await tab.filter({ hasText: name }).waitFor();
      expect(new URL(page.url()).searchParams.get("view")).toBeTruthy();

      /** choose opens the menu of the view and takes an item, by keyboard. */
      const choose = async (word: string) => {
        await page.getByRole("button", { name: w.view.menu, exact: true }).focus();
        await page.keyboard.press("Enter");
        const item = page.getByRole("menuitem", { name: word });
        await item.focus();
        await page.keyboard.press("Enter");
        await item.waitFor({ state: "hidden" });
      };

      // Another filter: changed, until it is saved.
      await page.goto(`${page.url()}&direction=inbound`);
      await tab.getByText(w.view.changed).waitFor();
      await choose(w.view.save);
      await tab.getByText(w.view.changed).waitFor({ state: "detached" });

      await choose(w.view.makeDefault);
      await expect.poll(() => tab.getAttribute("aria-label")).toContain(w.view.default);
      await page.goto("/calls");
      await tab.filter({ hasText: name }).waitFor();
      expect(new URL(page.url()).searchParams.get("outcome")).toBe("missed");
      expect(await axe(page)).toEqual([]);
      await bar.getByRole("link", { name: w.view.all }).click();
      await expect.poll(() => new URL(page.url()).search).toBe("?view=all");

      await bar.getByRole("button", { name }).click();
      await choose(w.view.rename);
      await page.getByRole("dialog").locator("input").fill(`${name} 2`);
      await page.keyboard.press("Enter");
      await tab.filter({ hasText: `${name} 2` }).waitFor();
      await page.getByRole("button", { name: w.action.undo }).first().click();
      await expect.poll(async () => (await tab.textContent())?.includes("2")).toBe(false);

      await choose(w.view.remove);
      await bar.getByRole("button", { name }).waitFor({ state: "detached" });
      await page.getByRole("button", { name: w.action.undo }).last().click();
      await bar.getByRole("button", { name }).waitFor();

      await page.setViewportSize(phone);
      await page.goto("/calls");
      await tab.filter({ hasText: name }).waitFor();
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(phone.width);
      expect(await axe(page)).toEqual([]);
      await page.setViewportSize({ width: 1440, height: 900 });
    });

    test("a view of the last days stays one, and shows which days these are today", async () => {
      const name = language === "fa" ? "هفته" : "The week";
      await page.goto("/calls?view=all");
      const days = page.getByRole("combobox", { name: w.calls.period });
      await days.focus();
      await page.keyboard.press("Enter");
      const week = w.calls.periods.week.replace("{{n}}", language === "fa" ? "۷" : "7");
      await page.getByRole("option", { name: week }).click();
      await expect.poll(() => new URL(page.url()).searchParams.get("from")).toBe("-6d");
      await page.getByRole("button", { name: w.view.saveAs }).click();
      await page.getByRole("dialog").waitFor();
      await page.keyboard.type(name);
      await page.keyboard.press("Enter");
      const bar = page.getByRole("navigation", { name: w.view.label });
      await bar.locator('[aria-current="page"]').filter({ hasText: name }).waitFor();
      await bar.getByRole("link", { name: w.view.all }).click();
      await expect.poll(() => days.inputValue()).toBe("");
      await bar.getByRole("button", { name }).click();
      await expect.poll(() => days.inputValue()).toBe(week);
      expect(new URL(page.url()).searchParams.get("from")).toBe("-6d");
      await page.locator("tbody tr").first().waitFor();
      expect(await axe(page)).toEqual([]);
      await page.getByRole("button", { name: w.action.clear }).first().click();
    });

    test("a view whose agent is gone opens with what is left, and says so", async () => {
      const made = await page.request.post("/api/v1/agents", { data: { username: `gone-${language}`, name: "Gone" } });
      const agent = ((await made.json()) as { id: string }).id;
      const view = await page.request.post("/api/v1/views", {
        data: { page: "calls", name: `Gone ${language}`, query: `agent=${agent}&outcome=answered` },
      });
      expect(view.status()).toBe(201);
      await page.request.delete(`/api/v1/agents/${agent}`);
      await page.goto("/calls?view=all");
      await page
        .getByRole("navigation", { name: w.view.label })
        .getByRole("button", { name: `Gone ${language}` })
        .click();
      await page
        .getByText(w.view.gone.replace("{{name}}", `Gone ${language}`).replace("{{what}}", w.view.goneWhat.agent))
        .waitFor();
      const at = new URL(page.url()).searchParams;
      expect([at.get("agent"), at.get("outcome")]).toEqual([null, "answered"]);
      await page.getByRole("navigation", { name: w.view.label }).getByText(w.view.changed).waitFor();
    });
  });
}
