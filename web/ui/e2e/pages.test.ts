// The lists and settings in a real browser against the real program.
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { axe, launch, logIn, open, phone, type Server, startDemo } from "./harness";

let server: Server;
let browser: Browser;
beforeAll(async () => {
  server = await startDemo({ pause: "5s" });
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

const words = {
  fa: {
    save: "ذخیره",
    create: "ساختن",
    archive: "بایگانی",
    restore: "بازگرداندن",
    edit: "ویرایش",
    addNumber: "افزودن شماره",
    newAgent: "کارشناس تازه",
  },
  en: {
    save: "Save",
    create: "Create",
    archive: "Archive",
    restore: "Restore",
    edit: "Edit",
    addNumber: "Add a number",
    newAgent: "New agent",
  },
};

for (const language of ["fa", "en"] as const) {
  describe(language, () => {
    const w = words[language];
    let context: BrowserContext;
    let page: Page;
    beforeAll(async () => {
      ({ context, page } = await open(browser, server, { language }));
      await logIn(page, "admin", { language });
    });
    afterAll(() => context?.close());

    test("a filtered call list is a link", async () => {
      await page.goto("/calls?outcome=answered&direction=inbound");
      await page.locator("tbody tr").first().waitFor();
      const tones = await page
        .locator("tbody .outcome[data-tone]")
        .evaluateAll((all) => all.map((x) => x.getAttribute("data-tone")));
      expect(new Set(tones)).toEqual(new Set(["good"]));
      // Persian digits in the address's search mean the same as ASCII ones.
      await page.goto(`/calls?number=${encodeURIComponent("۰۹۹۹۹۹۹۹۹۹۹")}`);
      await page.locator(".empty").waitFor();
      await page.locator(".empty button").click();
      await page.locator("tbody tr").first().waitFor();
      expect(new URL(page.url()).search).toBe("");
    });

    test("a day is picked in the language's calendar, from Saturday on", async () => {
      await page.goto("/calls?from=2026-11-22");
      await page.locator('[role="spinbutton"]').first().waitFor();
      const segments = await page.locator('[role="spinbutton"]').allTextContents();
      const year = language === "fa" ? "۱۴۰۵" : "2026";
      expect(segments.join(" ")).toContain(year);
      await page
        .getByRole("button", { name: language === "fa" ? "انتخاب روز" : "Choose a day" })
        .first()
        .click();
      const first = await page.locator("table[role=grid] th").first().textContent();
      expect(first).toBe(language === "fa" ? "ش" : "S");
      expect(await axe(page)).toEqual([]);
      await page.keyboard.press("Escape");
    });

    test("a call shows its legs on a time line", async () => {
      await page.goto("/calls?outcome=answered");
      await page.locator("tbody tr a").first().click();
      await page.locator("#note").waitFor();
      expect(await page.locator("[data-kind=talk]").count()).toBeGreaterThan(0);
      expect(await axe(page)).toEqual([]);
    });

    test("M7 a customer is created with two numbers, found by either, changed, archived and restored", async () => {
      const name = `${language === "fa" ? "سارا آزمایشی" : "Sara Testing"} ${Date.now()}`;
      const mobile = `0912${String(Date.now()).slice(-7)}`;
      await page.goto("/customers/new");
      await page.locator("form input[required]").fill(name);
      await page.locator('input[inputmode="tel"]').first().fill(mobile);
      await page.getByRole("button", { name: w.addNumber }).click();
      await page.locator('input[inputmode="tel"]').nth(1).fill("۰۲۱ ۸۸۷۷ ۶۶۵۵");
      await page.getByRole("button", { name: w.create, exact: true }).click();
      await page.waitForURL(/\/customers\/[0-9a-f-]{36}$/);
      await page.locator(".num").nth(1).waitFor();
      const persian = mobile.replace(/\d/g, (d) => "۰۱۲۳۴۵۶۷۸۹"[Number(d)] ?? d);
      await page.goto(`/customers?q=${encodeURIComponent(persian)}`);
      await page.getByRole("link", { name }).waitFor();
      await page.getByRole("link", { name }).click();
      await page.getByRole("button", { name: w.edit }).click();
      await page.locator("form input[required]").fill(`${name} 2`);
      await page.getByRole("button", { name: w.save }).click();
      await page.waitForURL(/\/customers\/[0-9a-f-]{36}$/);
      await page.getByRole("heading", { name: `${name} 2` }).waitFor();
      await page.getByRole("button", { name: w.archive }).click();
      await page.getByRole("button", { name: w.restore }).click();
      await page.getByRole("button", { name: w.archive }).waitFor();
    });

    test("the server's complaint about a number is shown at that number", async () => {
      await page.goto("/customers/new");
      await page.locator("form input[required]").fill("x");
      await page.locator('input[inputmode="tel"]').first().fill("9".repeat(101));
      const answer = page.waitForResponse(
        (r) => r.url().endsWith("/api/v1/customers") && r.request().method() === "POST",
      );
      await page.getByRole("button", { name: w.create, exact: true }).click();
      expect((await answer).status()).toBe(422);
      await page.locator('input[inputmode="tel"][aria-invalid="true"]').waitFor();
      expect(await axe(page)).toEqual([]);
    });

    test("an agent is created with an extension", async () => {
      await page.goto("/settings/agents");
      await page.locator("tbody tr").first().waitFor();
      expect(await axe(page)).toEqual([]);
      await page.getByRole("button", { name: w.newAgent }).click();
      const dialog = page.getByRole("dialog");
      const username = `t${Date.now()}`;
      await dialog.locator("input[required]").nth(0).fill(`Tester ${username}`);
      await dialog.locator("input[required]").nth(1).fill(username);
      const extension = dialog.locator("input[placeholder]").filter({ visible: true }).first();
      await extension.fill(`7${String(Date.now()).slice(-4)}`);
      await extension.press("Enter");
      await dialog.locator('input[type="password"]').fill("a good password");
      expect(await axe(page)).toEqual([]);
      await dialog.getByRole("button", { name: w.create, exact: true }).click();
      await page.getByText(`Tester ${username}`).first().waitFor();
    });

    test("Ctrl+K finds a page and a customer; ? shows the keys", async () => {
      await page.goto("/settings/me");
      await page.locator("form").waitFor();
      await page.keyboard.press("Control+KeyK");
      await page.locator("input.mantine-Spotlight-search").fill(language === "fa" ? "مشتریان" : "Customers");
      await page.keyboard.press("Enter");
      await page.waitForURL("**/customers");
      await page.locator("body").click({ position: { x: 5, y: 400 } });
      await page.keyboard.press("Shift+Slash");
      await page.getByRole("dialog").waitFor();
      expect(await axe(page)).toEqual([]);
    });

    for (const theme of ["light", "dark"] as const) {
      test(`every list is axe clean, ${theme}`, async () => {
        await page.evaluate((theme) => {
          const saved = JSON.parse(localStorage.getItem("ringbook.preferences") ?? "{}");
          localStorage.setItem("ringbook.preferences", JSON.stringify({ ...saved, theme }));
        }, theme);
        for (const path of [
          "/calls",
          "/customers",
          "/customers/new",
          "/settings/me",
          "/settings/teams",
          "/settings/tokens",
          "/settings/agents",
        ]) {
          await page.goto(path);
          await page.locator("tbody tr, form, .empty").first().waitFor();
          expect(await axe(page), path).toEqual([]);
        }
      });
    }

    test("nothing is wider than a phone", async () => {
      await page.setViewportSize(phone);
      for (const path of ["/desk", "/calls", "/customers", "/customers/new", "/settings/agents", "/settings/me"]) {
        await page.goto(path);
        await page.locator("main").waitFor();
        const wider = await page.evaluate(
          () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
        expect(wider, path).toBe(0);
      }
    });
  });
}
