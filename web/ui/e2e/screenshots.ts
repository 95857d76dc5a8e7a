// Makes docs/screenshots out of the demo: README.md's pictures and a look at every page. `npm run screenshots`.
// Their names: page, language, dark where it is, width.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { APIRequestContext, Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Call, Customer } from "../src/api/types";
import {
  type Demo,
  demoPassword,
  desktop,
  type Look,
  launch,
  logIn,
  open,
  phone,
  repository,
  startDemo,
} from "./harness";

const folder = join(repository, "docs/screenshots");
let demo: Demo;
let browser: Browser;
let story: { customer: Customer; number: string; moved: Call };

beforeAll(async () => {
  await mkdir(folder, { recursive: true });
  [demo, browser] = await Promise.all([startDemo({ conduct: true }), launch()]);
  const office = await browser.newContext({ baseURL: demo.url });
  story = await tell(office.request);
  await office.close();
});
afterAll(async () => {
  await browser?.close();
  await demo?.stop();
});

/** tell gives the person who called most often a past: what agents would have written. */
async function tell(api: APIRequestContext): Promise<typeof story> {
  const login = await api.post("/api/v1/session", { data: { username: "admin", password: demoPassword } });
  expect(login.ok()).toBe(true);
  const queues = (await (await api.get("/api/v1/queues")).json()) as { items: { id: string }[] };
  for (const q of queues.items) {
    const named = await api.patch(`/api/v1/queues/${q.id}`, { data: { label: "پشتیبانی", wrap_up_s: 15 } });
    expect(named.ok()).toBe(true);
  }
  const all: Call[] = [];
  for (let cursor: string | null = ""; cursor !== null && all.length < 600; ) {
    const next: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const page = (await (await api.get(`/api/v1/calls?limit=100${next}`)).json()) as {
      items: Call[];
      next: string | null;
    };
    all.push(...page.items);
    cursor = page.next;
  }
  const of = new Map<string, Call[]>();
  for (const c of all) if (c.customer) of.set(c.customer.id, [...(of.get(c.customer.id) ?? []), c]);
  const talked = (c: Call) => c.direction === "inbound" && c.outcome === "answered";
  const [id, calls] = [...of].filter(([, c]) => c.some(talked)).sort((a, b) => b[1].length - a[1].length)[0] ?? [];
  const call = calls?.find(talked);
  const moved = all.find(
    (c) => c.transfers[0]?.kind === "blind" && c.hold_ms > 20_000 && c.queue !== null && c.customer,
  );
  if (!id || !calls || !call || !moved) throw new Error("the demo has no past calls");
  const write = async (c: Call | undefined, note: string) => {
    if (c) expect((await api.patch(`/api/v1/calls/${c.id}`, { data: { note } })).ok()).toBe(true);
  };
  await write(calls[0], "پیش‌فاکتور دستگاه دوم را فرستادم؛ تا دوشنبه خبر می‌دهد.");
  await write(calls[1], "نصب انجام شد. از آموزش راضی بود.");
  await write(calls[2], "برای سرویس سالانه وقت گرفت.");
  await write(calls[3], "شمارهٔ حساب را پیامک کردم.");
  if (!calls.slice(0, 4).includes(call)) await write(call, "نشانی تازهٔ انبار را ثبت کردم.");
  await write(moved, "نشانی را عوض کرد؛ برای زمان ارسال به فروش وصل شد.");
  const others = all.filter((c) => c.outcome === "answered" && c.customer?.id !== id);
  await write(others[1], "قیمت خواست؛ فهرست را فرستادم.");
  await write(others[3], "پیگیری ارسال. فردا می‌رسد.");
  await write(others[6], "سند بیمه را خواست.");
  const changed = await api.patch(`/api/v1/customers/${id}`, {
    data: { tags: ["ویژه", "سرویس سالانه"], note: "عصرها تماس بگیرید. فاکتور به نام شرکت." },
  });
  expect(changed.ok()).toBe(true);
  const customer = (await changed.json()) as Customer;
  await promise(api, all, customer);
  for (const wall of [
    { name: "تالار پاسخ‌گویی", names: true },
    { name: "Meeting room", names: false },
  ]) {
    const made = await api.post("/api/v1/wallboards", { data: wall });
    expect(made.ok(), await made.text()).toBe(true);
  }
  const number = customer.numbers[0]?.number.replace("+98", "0") ?? "";
  return { customer, number, moved };
}

/** promise plans a day of follow-ups. */
async function promise(api: APIRequestContext, calls: Call[], first: Customer): Promise<void> {
  const whom = [...new Set(calls.flatMap((c) => (c.customer ? [c.customer.id] : [])))].filter((id) => id !== first.id);
  const plan: [minutes: number, title: string, more: object][] = [
    [35, "پیش‌فاکتور دستگاه دوم", { priority: "high", customer_id: first.id, note: "عصرها پاسخ می‌دهد." }],
    [90, "", { anyone: true, customer_id: whom[0] }],
    [150, "زمان نصب را هماهنگ کنم", { customer_id: whom[1] }],
    [1500, "تمدید سرویس سالانه", { customer_id: whom[2], note: "فهرست قیمت تازه را هم بفرستم." }],
    [4400, "", { customer_id: whom[3] }],
    [9000, "قرارداد را بفرستم", { kind: "task", customer_id: whom[4], priority: "low" }],
  ];
  for (const [minutes, title, more] of plan) {
    const due_at = new Date(Date.now() + minutes * 60_000).toISOString();
    const made = await api.post("/api/v1/follow-ups", { data: { kind: "callback", title, due_at, ...more } });
    expect(made.ok(), await made.text()).toBe(true);
  }
}

/** offer gives an agent a day of follow-ups, the first of which is due now. */
async function offer(username: string): Promise<void> {
  const office = await browser.newContext({ baseURL: demo.url });
  const api = office.request;
  const login = await api.post("/api/v1/session", { data: { username: "admin", password: demoPassword } });
  expect(login.ok()).toBe(true);
  const { items } = (await (await api.get(`/api/v1/agents?q=${username}`)).json()) as { items: { id: string }[] };
  const customers = (await (await api.get("/api/v1/customers?limit=4")).json()) as { items: Customer[] };
  const [, second, third] = customers.items.filter((c) => c.id !== story.customer.id);
  const plan: [minutes: number, title: string, more: object][] = [
    [-0.5, "پیش‌فاکتور دستگاه دوم", { customer_id: story.customer.id, note: "عصرها پاسخ می‌دهد.", priority: "high" }],
    [20, "", { customer_id: second?.id }],
    [45, "زمان نصب را هماهنگ کنم", { customer_id: third?.id }],
  ];
  for (const [minutes, title, more] of plan) {
    const due_at = new Date(Date.now() + minutes * 60_000).toISOString();
    const data = { kind: "callback", title, due_at, assignee_id: items[0]?.id, ...more };
    const made = await api.post("/api/v1/follow-ups", { data });
    expect(made.ok(), await made.text()).toBe(true);
  }
  await office.close();
}

async function shoot(page: Page, name: string): Promise<void> {
  await page.evaluate(() => document.fonts.ready);
  await page.waitForFunction(() => !document.querySelector(".mantine-Skeleton-root"));
  await page.waitForFunction(() => !document.querySelector('[aria-label="در حال بارگیری…"], [aria-label="Loading…"]'));
  await page.screenshot({ path: join(folder, `${name}.png`), animations: "disabled" });
}

const nameOf = (page: string, l: Look) =>
  `${page}-${l.language}${l.theme === "dark" ? "-dark" : ""}-${(l.size ?? desktop).width}`;

/** sit logs in and makes sure of the colours: the server remembers those that somebody chose last. */
async function sit(user: string, look: Look, path: string): Promise<Page> {
  const { page } = await open(browser, demo, look);
  await logIn(page, user, look);
  await page.evaluate((theme) => {
    const saved = JSON.parse(localStorage.getItem("ringbook.preferences") ?? "{}");
    localStorage.setItem("ringbook.preferences", JSON.stringify({ ...saved, theme }));
  }, look.theme ?? "light");
  await page.goto(path);
  await page.locator('.dot[data-state="good"]').waitFor();
  return page;
}

const wide = (language: "fa" | "en"): Look => ({ language, size: desktop });
const narrow = (language: "fa" | "en"): Look => ({ language, size: phone });
const dark = (look: Look): Look => ({ ...look, theme: "dark" });

test("a customer's call on the desk, ringing and talked on", async () => {
  const ringing = [wide("fa"), wide("en"), narrow("fa"), narrow("en")];
  const talking = [dark(wide("en")), dark(narrow("fa"))];
  const seats: { look: Look; page: Page }[] = [];
  for (const look of [...ringing, ...talking]) seats.push({ look, page: await sit("neda", look, "/desk") });
  demo.call(`queue-ringall-answered ${story.number} 1001 1002`);
  const first = seats[0]?.page;
  await first?.locator('section[data-phase="ringing"]').waitFor();
  await first?.locator("#note").fill("دربارهٔ پیش‌فاکتور هفتهٔ پیش می‌پرسد");
  for (const { look, page } of seats.slice(0, ringing.length)) {
    await page.bringToFront();
    await page.locator('[data-testid="note-state"][data-state="saved"]').waitFor();
    expect(await page.locator('section[data-phase="ringing"]').count()).toBe(1);
    await shoot(page, nameOf("desk-ringing", look));
  }
  for (const { look, page } of seats.slice(ringing.length)) {
    await page.bringToFront();
    await page.locator('section[data-phase="talking"]').waitFor({ timeout: 30_000 });
    await shoot(page, nameOf("desk-talking", look));
  }
  for (const { page } of seats) await page.context().close();
});

test("the desk, and what is due on it", async () => {
  await offer("sara");
  for (const look of [wide("fa"), wide("en"), narrow("fa"), narrow("en")]) {
    const page = await sit("sara", look, "/desk");
    await page.getByTestId("offer").waitFor();
    await page.getByTestId("to-do").getByRole("listitem").first().waitFor();
    await shoot(page, nameOf("desk-due", look));
    await page.context().close();
  }
});

const everyLook = [wide("fa"), wide("en"), narrow("fa"), narrow("en")];
const pages: Record<string, { user?: string; path: () => string; wait: string; looks: Look[] }> = {
  calls: { path: () => "/calls", wait: "tbody tr", looks: [wide("fa"), wide("en"), narrow("fa"), dark(wide("fa"))] },
  call: {
    path: () => `/calls/${story.moved.id}`,
    wait: "#note",
    looks: [wide("fa"), wide("en"), narrow("fa"), narrow("en"), dark(wide("en"))],
  },
  "follow-ups": {
    path: () => "/follow-ups",
    wait: "tr[data-row]",
    looks: [wide("fa"), wide("en"), narrow("fa"), narrow("en"), dark(wide("fa"))],
  },
  missed: { user: "neda", path: () => "/missed", wait: "tbody tr", looks: [...everyLook, dark(wide("fa"))] },
  "settings-setup": { path: () => "/settings/setup", wait: "li[data-step]", looks: everyLook },
  "settings-wallboards": { path: () => "/settings/wallboards", wait: "tbody tr", looks: everyLook },
  "settings-dispositions": { path: () => "/settings/dispositions", wait: "tbody tr", looks: everyLook },
  customers: { path: () => "/customers", wait: "tbody tr", looks: [wide("fa"), narrow("en")] },
  customer: {
    path: () => `/customers/${story.customer.id}`,
    wait: "tbody tr",
    looks: [wide("fa"), wide("en"), narrow("fa")],
  },
  "customer-edit": {
    path: () => `/customers/${story.customer.id}/edit`,
    wait: "form",
    looks: [wide("en"), narrow("fa")],
  },
  "settings-agents": { path: () => "/settings/agents", wait: "tbody tr", looks: [wide("fa")] },
  "settings-phones": {
    path: () => "/settings/phones",
    wait: "tbody tr",
    looks: [wide("fa"), wide("en"), narrow("fa")],
  },
  "settings-queues": {
    path: () => "/settings/queues",
    wait: "tbody tr",
    looks: [wide("fa"), wide("en"), narrow("fa")],
  },
  "settings-pauses": { path: () => "/settings/pauses", wait: "tbody tr", looks: [wide("fa"), narrow("en")] },
  "settings-dialling": {
    path: () => "/settings/dialling",
    wait: "ol > li",
    looks: [wide("fa"), wide("en"), narrow("fa"), dark(wide("fa"))],
  },
  day: {
    path: () => `/day?agent=${story.moved.legs.findLast((l) => l.agent_id)?.agent_id}`,
    wait: "tbody tr, .empty",
    looks: [wide("fa"), narrow("en")],
  },
  "settings-me": { path: () => "/settings/me", wait: "form", looks: [narrow("en")] },
};

for (const [name, { user, path, wait, looks }] of Object.entries(pages)) {
  test(name, async () => {
    for (const look of looks) {
      const page = await sit(user ?? "admin", look, path());
      await page.locator(wait).first().waitFor();
      await shoot(page, nameOf(name, look));
      await page.context().close();
    }
  });
}

test("the floor and the wallboard", async () => {
  const office = await browser.newContext({ baseURL: demo.url });
  const login = await office.request.post("/api/v1/session", { data: { username: "admin", password: demoPassword } });
  expect(login.ok()).toBe(true);
  const made = await office.request.post("/api/v1/wallboards", { data: { name: "تالار پاسخ‌گویی", names: true } });
  expect(made.ok()).toBe(true);
  const { secret } = (await made.json()) as { secret: string };
  await office.close();
  const looks = [wide("fa"), wide("en"), narrow("fa"), dark(wide("fa")), narrow("en")];
  const seats: { look: Look; page: Page; name: string }[] = [];
  for (const look of looks) seats.push({ look, page: await sit("admin", look, "/floor"), name: "floor" });
  for (const look of [wide("fa"), wide("en"), narrow("fa")]) {
    const { page } = await open(browser, demo, look);
    await page.goto(`/wallboard#${secret}`);
    seats.push({ look, page, name: "wallboard" });
  }
  demo.call(`queue-ringall-answered ${story.number} 1001 1002`);
  demo.call("queue-ringall-timeout 09351234567");
  demo.call("queue-nobody-there 09361112233");
  for (const { look, page, name } of seats) {
    await page.bringToFront();
    await page
      .locator(name === "floor" ? 'tr:is([data-state="waiting"], [data-state="talking"])' : "tr[data-waiting]")
      .first()
      .waitFor({ timeout: 30_000 });
    await shoot(page, nameOf(name, look));
  }
  for (const { page } of seats) await page.context().close();
});

test("log in", async () => {
  for (const look of [wide("fa"), narrow("en")]) {
    const { context, page } = await open(browser, demo, look);
    await page.goto("/login");
    await page.locator("form").waitFor();
    await shoot(page, nameOf("login", look));
    await context.close();
  }
});
