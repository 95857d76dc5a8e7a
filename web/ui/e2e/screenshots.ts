// Makes docs/screenshots: every page of the demo, in both languages, wide and narrow. `npm run screenshots`.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, test } from "vitest";
import { desktop, type Look, launch, logIn, open, phone, repository, type Server, startDemo } from "./harness";

const folder = join(repository, "docs/screenshots");
let server: Server;
let browser: Browser;

beforeAll(async () => {
  await mkdir(folder, { recursive: true });
  server = await startDemo({ pause: "3s" });
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

const languages = ["fa", "en"] as const;
const sizes = { wide: desktop, narrow: phone };

async function shoot(page: Page, name: string): Promise<void> {
  await page.evaluate(() => document.fonts.ready);
  await page.waitForFunction(() => !document.querySelector('[aria-label="در حال بارگیری…"], [aria-label="Loading…"]'));
  await page.screenshot({ path: join(folder, `${name}.png`), animations: "disabled" });
}

/** ringing waits for a call of a known customer that has a history, with the page on the desk. */
async function aCall(page: Page): Promise<void> {
  await page.locator('[data-phase="ringing"], [data-phase="talking"]').first().waitFor({ timeout: 60_000 });
}

for (const language of languages) {
  for (const [size, viewport] of Object.entries(sizes)) {
    test(`pages ${language} ${size}`, async () => {
      const look: Look = { language, size: viewport };
      const tag = `${language}-${size}`;
      const { context, page } = await open(browser, server, look);
      await page.goto("/login");
      await shoot(page, `login-${tag}`);
      await logIn(page, "neda", look);
      await aCall(page);
      await shoot(page, `desk-${tag}`);
      await page.goto("/customers");
      await page.locator("tbody tr").first().waitFor();
      await shoot(page, `customers-${tag}`);
      await context.close();

      const admin = await open(browser, server, look);
      await logIn(admin.page, "admin", look);
      await admin.page.goto("/calls");
      await admin.page.locator("tbody tr").first().waitFor();
      await shoot(admin.page, `calls-${tag}`);
      await admin.page.goto("/calls?outcome=answered&direction=inbound");
      await admin.page.locator("tbody tr a").first().click();
      await admin.page.locator("#note").waitFor();
      await shoot(admin.page, `call-${tag}`);
      const who = admin.page.locator('a[href^="/customers/"]').first();
      if (await who.count()) {
        await who.click();
        await admin.page.waitForURL("**/customers/*");
        await admin.page.locator("tbody tr").first().waitFor();
        await shoot(admin.page, `customer-${tag}`);
        await admin.page.goto(`${new URL(admin.page.url()).pathname}/edit`);
        await admin.page.locator("form").waitFor();
        await shoot(admin.page, `customer-edit-${tag}`);
      }
      await admin.page.goto("/settings/agents");
      await admin.page.locator("tbody tr").first().waitFor();
      await shoot(admin.page, `settings-agents-${tag}`);
      await admin.page.goto("/settings/me");
      await admin.page.locator("form").waitFor();
      await shoot(admin.page, `settings-me-${tag}`);
      await admin.context.close();
    });
  }
  test(`desk dark ${language}`, async () => {
    for (const [size, viewport] of Object.entries(sizes)) {
      const look: Look = { language, theme: "dark", size: viewport };
      const { context, page } = await open(browser, server, look);
      await logIn(page, "neda", look);
      await page.evaluate(() => {
        const saved = JSON.parse(localStorage.getItem("ringbook.preferences") ?? "{}");
        localStorage.setItem("ringbook.preferences", JSON.stringify({ ...saved, theme: "dark" }));
      });
      await page.reload();
      await aCall(page);
      await shoot(page, `desk-dark-${language}-${size}`);
      await context.close();
    }
  });
}
