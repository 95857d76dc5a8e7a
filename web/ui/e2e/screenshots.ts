// Makes docs/screenshots: every page of the demo, in both languages, wide and narrow. `npm run screenshots`.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, test } from "vitest";
import type { Call } from "../src/api/types";
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

/** aCall waits for a live call of a known customer on the desk. */
async function aCall(page: Page): Promise<void> {
  const live = page.locator('section[data-phase="ringing"], section[data-phase="talking"]');
  await live.filter({ has: page.locator('a[href^="/customers/"]') }).waitFor({ timeout: 90_000 });
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
      // A queue call of a known customer shows most.
      const list = await admin.page.request.get("/api/v1/calls?outcome=answered&direction=inbound&limit=100");
      const { items } = (await list.json()) as { items: Call[] };
      const known = items.filter((c) => c.customer !== null && c.talk_ms > 30_000);
      const shown = known.sort((a, b) => b.legs.length - a.legs.length)[0];
      if (!shown?.customer) throw new Error("the demo has no answered call of a known customer");
      await admin.page.goto(`/calls/${shown.id}`);
      await admin.page.locator("#note").waitFor();
      await shoot(admin.page, `call-${tag}`);
      await admin.page.goto(`/customers/${shown.customer.id}`);
      await admin.page.locator("tbody tr").first().waitFor();
      await shoot(admin.page, `customer-${tag}`);
      await admin.page.goto(`/customers/${shown.customer.id}/edit`);
      await admin.page.locator("form").waitFor();
      await shoot(admin.page, `customer-edit-${tag}`);
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
