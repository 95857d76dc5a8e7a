// The whole arch on the real thing: a call in a real Asterisk, the customer on two real screens while the phones ring, and
// one true row in PostgreSQL after it. Times are compared with the logs of sipp, which knows nothing of ringbook.
import type { APIRequestContext, Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { components } from "../src/api/schema";
import { en } from "../src/locale/en";
import { fa } from "../src/locale/fa";
import { Asterisk, type Phone, until } from "./asterisk";
import { launch, logIn, open } from "./harness";
import { adminPassword, Service } from "./service";

type Call = components["schemas"]["Call"];
type Customer = components["schemas"]["Customer"];

const password = "a password of nobody";
const support = "91001234";

/** Seat is an agent at work: a phone and a browser. */
interface Seat {
  name: string;
  extension: string;
  language: "fa" | "en";
  words: typeof en;
  phone: Phone;
  context: BrowserContext;
  page: Page;
  id: string;
}

let pbx: Asterisk;
let service: Service;
let browser: Browser;
let office: BrowserContext; // the administrator's
let api: APIRequestContext;
let neda: Seat;
let omid: Seat;
const delays: number[] = [];

beforeAll(async () => {
  [pbx, browser] = await Promise.all([Asterisk.start(), launch()]);
  service = await Service.start(pbx.url);
  office = await browser.newContext({ baseURL: service.url });
  api = office.request;
  await post("session", { username: "admin", password: adminPassword });
  neda = await seat("neda", "ندا کریمی", "1001", "fa");
  omid = await seat("omid", "Omid Rezaei", "1002", "en");
});

afterAll(async () => {
  await browser?.close();
  await service?.stop();
  await pbx?.stop();
  if (delays.length > 0) {
    const sorted = delays.toSorted((a, b) => a - b).map((d) => Math.round(d));
    process.stdout.write(`phone told to ring → customer in the DOM: ${sorted.join(", ")} ms\n`);
  }
});

// Every test begins with free phones and empty desks.
beforeEach(async () => {
  await pbx.free("1001");
  await pbx.free("1002");
});

afterEach(async () => {
  service.mend();
  await pbx.hangUpAll();
  for (const s of [neda, omid]) await clear(s);
});

async function seat(username: string, name: string, extension: string, language: "fa" | "en"): Promise<Seat> {
  const agent = await post("agents", { username, password, name, role: "agent", extensions: [extension] });
  const { context, page } = await open(browser, service, { language });
  await logIn(page, username, { language }, password);
  await page.locator('.dot[data-state="good"]').waitFor();
  const phone = await pbx.phone(extension);
  const words = language === "fa" ? (fa as unknown as typeof en) : en;
  return { name, extension, language, words, phone, context, page, id: (agent as { id: string }).id };
}

/** clear waits until no call is live on a desk and puts away those that have ended, with the key. */
async function clear(s: Seat): Promise<void> {
  await s.page.goto("/desk");
  await until(`the desk of ${s.name} to be empty`, async () => {
    if (await s.page.locator(".empty").count()) return true;
    if (await s.page.locator('section[data-phase="ended"], section[data-phase="missed"]').count()) {
      await s.page.keyboard.press("KeyD");
    }
    return false;
  });
}

async function post(path: string, data: unknown): Promise<unknown> {
  const response = await api.post(`/api/v1/${path}`, { data });
  expect(response.ok(), `POST ${path}: ${response.status()} ${await response.text()}`).toBe(true);
  return response.json();
}

function customer(name: string, number: string): Promise<Customer> {
  return post("customers", { kind: "person", name, numbers: [{ number, label: "mobile" }] }) as Promise<Customer>;
}

/** logged waits until the call log has calls that started at or after the moment, as many as told, all ended. */
async function logged(since: number, count = 1): Promise<Call[]> {
  const from = new Date(since - 1000).toISOString();
  const items = await until(`${count} calls in the log since ${from}`, async () => {
    const response = await api.get(`/api/v1/calls?from=${encodeURIComponent(from)}`);
    const { items } = (await response.json()) as { items: Call[] };
    return items.length >= count && items.every((c) => c.state === "ended") ? items : null;
  });
  expect(items).toHaveLength(count);
  return items;
}

async function one(since: number): Promise<Call> {
  const [call] = await logged(since);
  if (!call) throw new Error("no call");
  return call;
}

/** near compares a time of the log with the one that sipp saw. */
function near(what: string, time: string | null | undefined, truth: number): void {
  expect(time, what).toBeTruthy();
  const off = Date.parse(time ?? "") - truth;
  expect(Math.abs(off), `${what} is off by ${off} ms`).toBeLessThanOrEqual(100);
}

const card = (s: Seat, phase: string) => s.page.locator(`section[data-phase="${phase}"]`);

/** shows waits until the desk's large card is in a phase and has a text. */
async function shows(s: Seat, phase: string, text = ""): Promise<void> {
  await card(s, phase).filter({ hasText: text }).waitFor();
}

const why = (s: Seat) => s.page.getByTestId("why").textContent();

/** drawn answers when (milliseconds since 1970) a ringing card with the text is in the page. Ask before it rings. */
function drawn(s: Seat, text: string): Promise<number> {
  return s.page.evaluate(
    (text) =>
      new Promise<number>((resolve) => {
        const look = () => {
          const ringing = document.querySelector('section[data-phase="ringing"]');
          if (!ringing?.textContent?.includes(text)) return;
          observer.disconnect();
          resolve(performance.timeOrigin + performance.now());
        };
        const observer = new MutationObserver(look);
        observer.observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
        look();
      }),
    text,
  );
}

/** write types a note under the call that is shown, with keys alone, and waits until it is saved. */
async function write(s: Seat, text: string): Promise<void> {
  await s.page.keyboard.press("KeyN");
  await s.page.keyboard.type(text);
  await s.page.locator('[data-testid="note-state"][data-state="saved"]').waitFor();
  await s.page.keyboard.press("Control+Enter");
}

/** noted waits until the note field of the desk has a text. */
async function noted(s: Seat, text: string): Promise<void> {
  await until(`the note "${text}" on the desk of ${s.name}`, async () => {
    return (await s.page.locator("#note").inputValue()) === text;
  });
}

const latin = (text: string) => text.replace(/[۰-۹]/g, (d) => String("۰۱۲۳۴۵۶۷۸۹".indexOf(d))).replace(/[^\d]/g, "");

test("P1 P4 L1 a customer in the queue is on both screens before the answer, the note survives, the log is right", async () => {
  const sara = await customer("سارا احمدی", "09121234567");
  const seen = Promise.all([drawn(neda, sara.name), drawn(omid, sara.name)]);
  const caller = await pbx.call({ from: "09121234567", to: support });
  const [nedas, omids] = await Promise.all([neda.phone.ring(), omid.phone.ring()]);
  const [atNeda, atOmid] = await seen;
  delays.push(atNeda - nedas.at, atOmid - omids.at);
  expect(await why(neda)).toBe(fa.rule.exact);
  expect(await why(omid)).toBe(en.rule.exact);

  const note = "زنگ زد: سفارش ۱۲";
  await write(omid, note);
  await omid.page.reload();
  const back = await drawn(omid, sara.name);
  const loaded = await omid.page.evaluate(() => {
    const [page] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
    return performance.timeOrigin + (page?.loadEventEnd ?? 0);
  });
  process.stdout.write(
    `reload while it rings: the pop is back ${Math.round(back - loaded)} ms after the page's load\n`,
  );
  expect(back - loaded).toBeLessThan(1000);
  await noted(omid, note);

  const answered = await omids.answer();
  const elsewhere = await nedas.cancelled();
  await shows(omid, "talking", sara.name);
  await shows(neda, "answered_elsewhere", fa.desk.answeredBy.replace("{{name}}", omid.name));
  await omid.page.reload();
  await shows(omid, "talking", sara.name);
  await noted(omid, note);

  const started = await caller.dialled();
  const ended = await caller.hangUp();
  await shows(omid, "ended", sara.name);
  await omid.page.reload();
  await shows(omid, "ended", sara.name);
  await noted(omid, note);

  const call = await one(started);
  expect(call).toMatchObject({
    pbx: "main",
    direction: "inbound",
    outcome: "answered",
    queue: "support",
    caller: { number: "+989121234567", withheld: false },
    dialed: { number: "+982191001234", raw: support },
    customer: { id: sara.id, name: sara.name },
    match: { rule: "exact" },
    hangup: { by: "caller" },
    note,
    partial: false,
    reconstructed: false,
  });
  const agents = call.legs.filter((l) => l.role === "agent");
  expect(agents).toHaveLength(2);
  const took = agents.find((l) => l.extension === "1002");
  const lost = agents.find((l) => l.extension === "1001");
  expect(took).toMatchObject({ end: "hung_up", agent_id: omid.id });
  expect(lost).toMatchObject({ end: "answered_elsewhere", agent_id: neda.id, answered_at: null, talk_ms: 0 });
  near("start", call.started_at, started);
  near("answer", call.answered_at, answered);
  near("end", call.ended_at, ended);
  near("ring at Neda's", lost?.offered_at, nedas.at);
  near("ring at Omid's", took?.offered_at, omids.at);
  near("end of the ring at Neda's", lost?.ended_at, elsewhere);
  near("answer at Omid's", took?.answered_at, answered);
  near("end at Omid's", took?.ended_at, ended);
  for (const [what, ms, truth] of [
    ["waiting", call.wait_ms, answered - started],
    ["talk", call.talk_ms, ended - answered],
    ["talk of the leg", took?.talk_ms ?? 0, ended - answered],
  ] as const) {
    expect(Math.abs(ms - truth), `${what}: ${ms} ms instead of ${truth}`).toBeLessThanOrEqual(100);
  }
});

test("M8 an unknown number is large, becomes a customer by keys alone, and is known the next time", async () => {
  const first = await pbx.call({ from: "09351112233", to: support });
  await Promise.all([neda.phone.ring(), omid.phone.ring()]);
  for (const s of [neda, omid]) {
    await shows(s, "ringing", s.words.desk.unknown);
    expect(await why(s)).toBe(s.words.rule.none);
    const large = card(s, "ringing").locator("p .num").first();
    expect(latin((await large.textContent()) ?? "")).toMatch(/9351112233$/);
    const sizes = await large.evaluate((number) => ({
      number: Number.parseFloat(getComputedStyle(number).fontSize),
      largest: Math.max(
        ...[...document.querySelectorAll("main *")].map((e) => Number.parseFloat(getComputedStyle(e).fontSize)),
      ),
    }));
    expect(sizes.number).toBe(sizes.largest);
  }
  await neda.page.keyboard.press("KeyC");
  const dialog = neda.page.getByRole("dialog");
  await dialog.waitFor();
  expect(latin(await dialog.locator('input[inputmode="tel"]').first().inputValue())).toMatch(/9351112233$/);
  await dialog.locator("input[required]").focus();
  await neda.page.keyboard.type("بهرام نو");
  await neda.page.keyboard.press("Enter");
  await dialog.waitFor({ state: "detached" });
  for (const s of [neda, omid]) await shows(s, "ringing", "بهرام نو");
  await first.hangUp();
  await pbx.quiet();

  const seen = Promise.all([drawn(neda, "بهرام نو"), drawn(omid, "بهرام نو")]);
  const second = await pbx.call({ from: "09351112233", to: support });
  const rings = await Promise.all([neda.phone.ring(), omid.phone.ring()]);
  (await seen).forEach((at, i) => {
    delays.push(at - (rings[i]?.at ?? 0));
  });
  await second.hangUp();
  const calls = await logged(await first.dialled(), 2);
  expect(calls.map((c) => [c.outcome, c.customer?.name])).toEqual([
    ["abandoned", "بهرام نو"],
    ["abandoned", "بهرام نو"],
  ]);
});

test("M10 a withheld number is said so, takes a note, and shows nobody else's history", async () => {
  const anonymous = { from: "anonymous", to: support };
  const first = await pbx.call(anonymous);
  await Promise.all([neda.phone.ring(), omid.phone.ring()]);
  for (const s of [neda, omid]) {
    await shows(s, "ringing", s.words.desk.withheld);
    expect(await why(s)).toBe(s.words.desk.withheldBody);
  }
  await write(neda, "would not say who");
  await first.hangUp();
  await pbx.quiet();
  const [noted] = await logged(await first.dialled());
  expect(noted).toMatchObject({
    outcome: "abandoned",
    note: "would not say who",
    caller: { withheld: true },
    customer: null,
    match: { rule: "withheld", candidates: [] },
  });
  await clear(neda);
  await clear(omid);

  // The line tells this one's number, and that it is not to be shown.
  const privately = ["P-Asserted-Identity: <sip:09124445566@carrier.example>", "Privacy: id"];
  for (const headers of [[], privately]) {
    const next = await pbx.call({ ...anonymous, headers });
    await Promise.all([neda.phone.ring(), omid.phone.ring()]);
    for (const s of [neda, omid]) {
      await shows(s, "ringing", s.words.desk.withheld);
      await s.page.getByText(s.words.desk.noHistory).waitFor();
      expect(await s.page.locator('main a[href^="/calls/"]').count()).toBe(0);
      expect(latin((await s.page.locator("main").textContent()) ?? "")).not.toContain("9124445566");
    }
    await next.hangUp();
    await pbx.quiet();
    await clear(neda);
    await clear(omid);
  }
});

test("M8 a number of three customers lists all three; who is chosen is remembered", async () => {
  const names = ["پدر مشترک", "مادر مشترک", "Shared Child"];
  for (const name of names) await customer(name, "02188776655");
  const first = await pbx.call({ from: "02188776655", to: support });
  await Promise.all([neda.phone.ring(), omid.phone.ring()]);
  for (const s of [neda, omid]) {
    for (const name of names) await shows(s, "ringing", name);
    expect(
      await card(s, "ringing")
        .locator("kbd")
        .filter({ hasText: /^[1-9]$/ })
        .count(),
    ).toBe(3);
  }
  const second = (await card(omid, "ringing").getByRole("group").getByRole("button").nth(1).textContent()) ?? "";
  const chosen = names.find((name) => second.includes(name)) ?? "";
  expect(chosen).not.toBe("");
  await omid.page.keyboard.press("Digit2");
  for (const s of [neda, omid]) await card(s, "ringing").getByRole("group").waitFor({ state: "detached" });
  for (const s of [neda, omid]) await shows(s, "ringing", chosen);
  await first.hangUp();
  await pbx.quiet();
  await clear(neda);
  await clear(omid);

  const again = await pbx.call({ from: "02188776655", to: support });
  await Promise.all([neda.phone.ring(), omid.phone.ring()]);
  for (const s of [neda, omid]) {
    await shows(s, "ringing", chosen);
    expect(await why(s)).toBe(s.words.rule.linked);
  }
  await again.hangUp();
  const calls = await logged(await first.dialled(), 2);
  expect(calls.map((c) => c.customer?.name)).toEqual([chosen, chosen]);
  expect(calls[0]?.match).toMatchObject({ rule: "linked" });
  expect(calls[0]?.match.candidates).toHaveLength(3);
});

test("L1 an outbound call pops at the desk that dials, and is one outbound row", async () => {
  const kaveh = await customer("کاوه برون", "09131112222");
  const far = await pbx.farEnd();
  const caller = await pbx.call({ agent: "1001", to: "09131112222" });
  const ring = await far.ring();
  await shows(neda, "dialing", kaveh.name);
  const answered = await ring.answer();
  await shows(neda, "talking", kaveh.name);
  expect(await omid.page.locator("section[data-phase]").count()).toBe(0);
  await caller.answered();
  const ended = await caller.hangUp();
  await ring.ended();
  await shows(neda, "ended", kaveh.name);

  const started = await caller.dialled();
  const call = await one(started);
  expect(call).toMatchObject({
    direction: "outbound",
    outcome: "answered",
    dialed: { number: "+989131112222" },
    customer: { id: kaveh.id },
    hangup: { by: "agent" },
    queue: null,
  });
  expect(call.legs.map((l) => [l.role, l.extension, l.end])).toEqual([
    ["agent", "1001", "hung_up"],
    ["customer", "", "hung_up"],
  ]);
  near("start", call.started_at, started);
  near("answer", call.answered_at, answered);
  near("end", call.ended_at, ended);
});

test("L1 an internal call pops at both desks, and is one internal row", async () => {
  const caller = await pbx.call({ agent: "1001", to: "1002" });
  const ring = await omid.phone.ring();
  await shows(neda, "dialing");
  expect(latin((await card(neda, "dialing").locator("p").first().textContent()) ?? "")).toBe("1002");
  await shows(omid, "ringing");
  expect(latin((await card(omid, "ringing").textContent()) ?? "")).toContain("1001");
  const answered = await ring.answer();
  for (const s of [neda, omid]) await shows(s, "talking");
  await caller.answered();
  const ended = await ring.hangUp();
  await caller.ended();
  for (const s of [neda, omid]) await shows(s, "ended");

  const started = await caller.dialled();
  const call = await one(started);
  expect(call).toMatchObject({ direction: "internal", outcome: "answered", customer: null, queue: null });
  expect(call.legs.map((l) => [l.role, l.extension, l.agent_id, l.end])).toEqual([
    ["agent", "1001", neda.id, "hung_up"],
    ["agent", "1002", omid.id, "hung_up"],
  ]);
  near("start", call.started_at, started);
  near("answer", call.answered_at, answered);
  near("end", call.ended_at, ended);
});

test("P10 a desk that lost its connection while it rang shows the truth once it is back, without a reload", async () => {
  const mina = await customer("مینا قطعی", "09141112222");
  await neda.page.evaluate(() => document.body.setAttribute("data-not-reloaded", "yes"));
  const caller = await pbx.call({ from: "09141112222", to: support });
  const [, omids] = await Promise.all([neda.phone.ring(), omid.phone.ring()]);
  for (const s of [neda, omid]) await shows(s, "ringing", mina.name);
  service.cut();
  for (const s of [neda, omid]) await s.page.locator('.dot[data-state="bad"]').waitFor();
  await omids.answer();
  service.mend();
  await shows(omid, "talking", mina.name);
  await shows(neda, "answered_elsewhere", omid.name);
  service.cut();
  for (const s of [neda, omid]) await s.page.locator('.dot[data-state="bad"]').waitFor();
  await caller.hangUp();
  await pbx.quiet();
  service.mend();
  await shows(omid, "ended", mina.name);
  await neda.page.locator(".empty").waitFor();
  expect(await neda.page.getAttribute("body", "data-not-reloaded")).toBe("yes");
});

test("L10 kill -9 during a talk: the call is there again, and is one row after its end", async () => {
  const dara = await customer("دارا پابرجا", "09151112222");
  const caller = await pbx.call({ from: "09151112222", to: support });
  const [nedas] = await Promise.all([neda.phone.ring(), omid.phone.ring()]);
  const answered = await nedas.answer();
  await shows(neda, "talking", dara.name);
  await write(neda, "before the kill");
  await service.kill();
  await neda.page.locator('.dot[data-state="bad"]').waitFor();
  await service.run();
  await neda.page.locator('.dot[data-state="good"]').waitFor();
  await shows(neda, "talking", dara.name);
  await noted(neda, "before the kill");
  const started = await caller.dialled();
  const ended = await caller.hangUp();
  await shows(neda, "ended", dara.name);

  const call = await one(started);
  expect(call).toMatchObject({
    direction: "inbound",
    outcome: "answered",
    customer: { id: dara.id },
    caller: { number: "+989151112222" },
    note: "before the kill",
  });
  expect(call.legs.filter((l) => l.role === "agent" && l.answered_at).map((l) => l.extension)).toEqual(["1001"]);
  near("start", call.started_at, started);
  near("end", call.ended_at, ended);
  // Whoever joins in the middle may not know when it was answered, but then says so.
  if (!call.partial) near("answer", call.answered_at, answered);
});
