// What a desk goes through beside the plain ring, in both languages: a database that hangs, a customer named by keys alone,
// a ring while a note is being written, two tabs of one agent, another one who answers.
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type Demo, launch, logIn, open, startDemo } from "./harness";
import { en, fa } from "./words";

let demo: Demo;
let browser: Browser;
let neda: { context: BrowserContext; page: Page };
let sara: { context: BrowserContext; page: Page };
beforeAll(async () => {
  [demo, browser] = await Promise.all([startDemo({ conduct: true }), launch()]);
  neda = await open(browser, demo, { language: "fa" });
  sara = await open(browser, demo, { language: "en" });
  // What a tab plays is counted.
  await neda.context.addInitScript(() => {
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (this: OscillatorNode, when) {
      document.documentElement.dataset.sounds = String(Number(document.documentElement.dataset.sounds ?? 0) + 1);
      start.call(this, when);
    };
  });
  await logIn(neda.page, "neda", { language: "fa" });
  await logIn(sara.page, "sara", { language: "en" });
});
afterAll(async () => {
  await browser?.close();
  await demo?.stop();
});

// Every test begins with empty desks.
beforeEach(async () => {
  for (const { page } of [neda, sara]) {
    await page.goto("/desk");
    await page.locator(".empty, section[data-phase]").first().waitFor();
    const left = page.locator('section[data-phase="ended"], section[data-phase="missed"]');
    await expect
      .poll(
        async () => {
          if ((await left.count()) > 0) await page.keyboard.press("KeyD");
          return page.locator(".empty").count();
        },
        { timeout: 70_000, interval: 300 },
      )
      .toBe(1);
  }
}, 80_000);

const card = (page: Page, phase: string, text = "") =>
  page.locator(`section[data-phase="${phase}"]`).filter({ hasText: text });
const why = (page: Page) => page.getByTestId("why");

async function newCustomer(name: string, number: string): Promise<void> {
  const made = await neda.page.request.post("/api/v1/customers", { data: { name, numbers: [{ number }] } });
  expect(made.status()).toBeLessThan(300);
}

for (const [language, words, extension] of [
  ["fa", fa, "1001"],
  ["en", en, "1002"],
] as const) {
  const desk = () => (language === "fa" ? neda.page : sara.page);

  test(`while the database hangs a caller is unchecked, not unknown, and known when it is back, ${language}`, async () => {
    const number = language === "fa" ? "09161112201" : "09161112202";
    await newCustomer(`Waits ${language}`, number);
    const goOn = await demo.hangDatabase();
    try {
      demo.call(`direct-no-answer ${number} ${extension}`);
      await card(desk(), "ringing").waitFor();
      await why(desk()).filter({ hasText: words.desk.uncheckedBody }).waitFor();
      expect(await card(desk(), "ringing").textContent()).not.toContain(words.desk.unknown);
    } finally {
      goOn();
    }
    await why(desk()).filter({ hasText: words.rule.exact }).waitFor();
    await card(desk(), "ringing", `Waits ${language}`).waitFor();
  });

  test(`M15 an unknown number is given to an existing customer by keys alone, ${language}`, async () => {
    const page = desk();
    const number = language === "fa" ? "09161112203" : "09161112204";
    const name = language === "fa" ? "بهنام پیوندی" : "Attached Ann";
    const made = await page.request.post("/api/v1/customers", { data: { name, numbers: [] } });
    const { id } = (await made.json()) as { id: string };
    demo.call(`direct-no-answer ${number} ${extension}`);
    await card(page, "ringing", words.desk.unknown).waitFor();
    await page.keyboard.press("KeyA");
    await page.getByRole("dialog").waitFor();
    await page.waitForFunction(() => document.activeElement?.tagName === "INPUT");
    await page.keyboard.type(name);
    await page.getByRole("option", { name }).waitFor();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.locator("section[data-phase]").filter({ hasText: name }).waitFor();
    // Remembered: the number finds the customer from now on.
    const found = await page.request.get(`/api/v1/customers/lookup?number=${number}`);
    expect(await found.json()).toMatchObject({ rule: "linked", customer: { id } });
  });

  test(`a note that is being written stays, with its cursor, when the next call rings, ${language}`, async () => {
    const page = desk();
    const numbers = language === "fa" ? ["09161112205", "09161112206"] : ["09161112207", "09161112208"];
    demo.call(`direct-no-answer ${numbers[0]} ${extension}`);
    await card(page, "ringing").waitFor();
    const saved = page.waitForResponse((r) => r.request().method() === "PATCH" && r.url().includes("/calls/"));
    await page.keyboard.press("KeyN");
    await page.keyboard.type("first half");
    const first = new URL((await saved).url()).pathname;
    demo.call(`direct-caller-gives-up ${numbers[1]} ${extension}`);
    await page.locator("nav").getByRole("button").nth(1).waitFor();
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("note");
    await page.keyboard.type(", second half");
    expect(await page.locator("#note").inputValue()).toBe("first half, second half");
    const stored = async () => ((await (await page.request.get(first)).json()) as { note?: string }).note;
    await expect.poll(stored, { timeout: 20_000 }).toBe("first half, second half");
    // The other call's note is another one.
    await page.locator('nav button:not([aria-current="true"])').first().click();
    expect(await page.locator("#note").inputValue()).toBe("");
  });
}

test("two tabs of one agent show the same, one of them sounds, and both are cleared when another answers", async () => {
  const second = await neda.context.newPage();
  const tabs = [neda.page, second];
  for (const tab of tabs) {
    await tab.goto("/desk");
    await tab.evaluate(() => {
      const saved = JSON.parse(localStorage.getItem("ringbook.preferences") ?? "{}");
      localStorage.setItem("ringbook.preferences", JSON.stringify({ ...saved, sound: true }));
    });
  }
  for (const tab of tabs) {
    await tab.reload();
    await tab.locator('.dot[data-state="good"]').waitFor();
  }
  const locks = await second.evaluate(async () => {
    const { held = [], pending = [] } = await navigator.locks.query();
    return [held, pending].map((l) => l.filter((x) => x.name === "ringbook.leader").length);
  });
  expect(locks, "one leads, one waits to").toEqual([1, 1]);
  await newCustomer("نازنین دوگانه", "09161112209");
  demo.call("queue-ringall-answered 09161112209 1002 1001");
  for (const page of [...tabs, sara.page]) await card(page, "ringing", "نازنین دوگانه").waitFor();
  const sounds = () =>
    Promise.all(tabs.map((tab) => tab.evaluate(() => document.documentElement.dataset.sounds ?? "0")));
  await expect.poll(async () => (await sounds()).filter((n) => n !== "0").length).toBe(1);
  await card(sara.page, "talking", "نازنین دوگانه").waitFor({ timeout: 20_000 });
  for (const tab of tabs)
    await card(tab, "answered_elsewhere", "Sara")
      .or(card(tab, "answered_elsewhere", "سارا"))
      .waitFor();
  expect((await sounds()).filter((n) => n !== "0")).toHaveLength(1);
  await card(sara.page, "ended").waitFor({ timeout: 60_000 });
  for (const tab of tabs) await tab.locator(".empty").waitFor();
  await second.close();
});
