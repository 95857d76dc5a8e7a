// The desk in a real browser against the real program: a ring, the talk, the end, and a note that survives it all.
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { axe, launch, logIn, open, type Server, startDemo } from "./harness";

let server: Server;
let browser: Browser;
beforeAll(async () => {
  server = await startDemo({ pause: "2s" });
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

const live = 'section[data-phase="ringing"], section[data-phase="talking"]';

/** firstCall waits until a live call is on the desk. */
async function firstCall(page: Page): Promise<void> {
  await page.locator(live).first().waitFor({ timeout: 60_000 });
}

for (const language of ["fa", "en"] as const) {
  describe(language, () => {
    let context: BrowserContext;
    let page: Page;
    beforeAll(async () => {
      ({ context, page } = await open(browser, server, { language }));
    });
    afterAll(() => context?.close());

    test("log in says what is wrong, in the language chosen there", async () => {
      await page.goto("/login");
      await page.locator('input[name="username"]').fill("neda");
      await page.locator('input[name="password"]').fill("not this one");
      await page.locator('button[type="submit"]').click();
      const alert = page.getByRole("alert");
      await alert.waitFor();
      expect(await alert.textContent()).toBe(
        language === "fa" ? "نام کاربری یا گذرواژه درست نیست." : "User name or password is not right.",
      );
      expect(await page.getAttribute("html", "dir")).toBe(language === "fa" ? "rtl" : "ltr");
      expect(await axe(page)).toEqual([]);
      await logIn(page, "neda", { language });
      expect(await page.getAttribute("html", "dir")).toBe(language === "fa" ? "rtl" : "ltr");
    });

    test("P1 a ring is on the desk, announced, and back after a reload with its note", async () => {
      await firstCall(page);
      await page.waitForFunction(() => document.querySelector('[data-testid="announcer"]')?.textContent !== "");
      const note = `${language} ${Date.now()}`;
      await page.keyboard.press("KeyN");
      const saved = page.waitForResponse((r) => r.request().method() === "PATCH" && r.url().includes("/calls/"));
      await page.keyboard.type(note);
      const response = await saved;
      expect(response.status()).toBe(200);
      const id = new URL(response.url()).pathname.split("/").at(-1) ?? "";
      await page.reload();
      await page.goto(`/calls/${id}`);
      await page.locator("#note").waitFor();
      expect(await page.locator("#note").inputValue()).toContain(note);
      await page.goto("/desk");
    });

    test("P10 a note typed while the server is away is kept over a reload and sent when it is back", async () => {
      await firstCall(page);
      const note = `away ${language} ${Date.now()}`;
      let blocked = true;
      await page.route("**/api/v1/calls/*", (route) => {
        if (route.request().method() !== "PATCH" || !blocked) return route.continue();
        return route.abort("connectionrefused");
      });
      const refused = page.waitForEvent("requestfailed", (r) => r.method() === "PATCH");
      await page.locator("#note").focus();
      await page.keyboard.press("Control+End");
      await page.keyboard.type(note);
      const id = new URL((await refused).url()).pathname.split("/").at(-1) ?? "";
      await page.locator('[data-testid="note-state"][data-state="unsaved"]').waitFor();
      await page.waitForFunction(() => Object.keys(localStorage).some((k) => k.startsWith("ringbook.draft.")));
      await page.reload();
      const sent = page.waitForResponse(
        (r) => r.request().method() === "PATCH" && r.url().includes("/calls/") && r.ok(),
      );
      blocked = false;
      await sent;
      await page.unroute("**/api/v1/calls/*");
      // The log has the call as soon as the recorder has written it.
      const stored = async () =>
        ((await (await page.request.get(`/api/v1/calls/${id}`)).json()) as { note?: string }).note ?? "";
      await expect.poll(stored, { timeout: 20_000 }).toContain(note);
    });

    test("a call ends, stays, and goes when it is put away", async () => {
      const ended = page.locator('section[data-phase="ended"]');
      const tab = page.locator('nav [data-phase="ended"]').first();
      await Promise.race([ended.waitFor({ timeout: 60_000 }), tab.waitFor({ timeout: 60_000 })]);
      if (!(await ended.count())) await tab.click();
      await ended.waitFor();
      const gone = page.waitForResponse((r) => r.url().endsWith("/desk/dismiss"));
      await page.locator("body").click({ position: { x: 5, y: 300 } });
      await page.keyboard.press("KeyD");
      expect((await gone).ok()).toBe(true);
    });

    test("says honestly when the connection is lost, and recovers by itself", async () => {
      await context.setOffline(true);
      await page.evaluate(() => window.dispatchEvent(new Event("offline")));
      server.pause();
      try {
        await page.locator('.dot[data-state="bad"]').waitFor({ timeout: 50_000 });
        await page.locator(".banner").waitFor();
      } finally {
        server.resume();
        await context.setOffline(false);
      }
      await page.locator('.dot[data-state="good"]').waitFor({ timeout: 30_000 });
    });

    for (const theme of ["light", "dark"] as const) {
      test(`desk is axe clean, ${theme}`, async () => {
        await page.evaluate((theme) => {
          const saved = JSON.parse(localStorage.getItem("ringbook.preferences") ?? "{}");
          localStorage.setItem("ringbook.preferences", JSON.stringify({ ...saved, theme }));
        }, theme);
        await page.reload();
        await firstCall(page);
        expect(await axe(page)).toEqual([]);
      });
    }
  });
}
