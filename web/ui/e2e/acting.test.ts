// Acting on calls from the screen, and agents' states, on the real thing: what is clicked here happens at the phones and in
// the queues of a real Asterisk, and the other way round.
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { axe } from "./harness";
import { Office, type Seat } from "./office";
import { type Phone, until } from "./sipp";
import { en, fa } from "./words";

let office: Office;
let neda: Seat;
let omid: Seat;
/** Whom agents reach over the line. */
let far: Phone;

beforeAll(async () => {
  office = await Office.open({ manager: true });
  ({ neda, omid } = office);
  far = await office.pbx.farEnd();
});

afterEach(() => office.tidy());

afterAll(() => office?.close());

const state = (s: Seat, is: string) => s.page.locator(`.desk-state[data-state="${is}"]`);

/** calls has an outside caller reach a seat directly, and both talk. */
async function calls(s: Seat, from: string) {
  const caller = await office.pbx.call({ from, to: `9101${s.extension}` });
  const ring = await s.phone.ring();
  await ring.answer();
  await s.shows("talking");
  return { caller, ring };
}

/** typeNumber types into the dial box, which its key leads to. */
async function typeNumber(s: Seat, number: string): Promise<void> {
  await s.page.locator("#dial-box").waitFor();
  await s.page.keyboard.press("KeyR");
  await s.page.keyboard.type(number);
}

/** handTo opens the transfer and chooses a colleague, by keys alone; what follows is the focused button. */
async function handTo(s: Seat, to: Seat): Promise<void> {
  await s.page.keyboard.press("KeyT");
  const dialog = s.page.getByRole("dialog");
  await dialog.getByRole("combobox").waitFor();
  await s.page.waitForFunction(() => document.activeElement?.getAttribute("role") === "combobox");
  await s.page.keyboard.type(to.extension);
  const option = dialog.getByRole("option").filter({ hasText: to.name });
  await option.waitFor();
  await option.filter({ hasText: s.words.state.available }).waitFor();
  expect(await axe(s.page)).toEqual([]);
  await until("the colleague to be the one that Enter takes", async () => {
    return (await option.getAttribute("aria-selected")) === "true";
  });
  await s.page.keyboard.press("Enter");
  await dialog.getByRole("button", { name: s.words.act.attended }).waitFor();
  await s.page.waitForFunction(() => document.activeElement?.tagName === "BUTTON");
  expect(await axe(s.page)).toEqual([]);
}

for (const [who, name, number] of [
  ["neda", "کیان شنوا", "09121110001"],
  ["omid", "Kian Listener", "09121110002"],
] as const) {
  test(`L9 S6 a click on a customer's number, made twice, is one call through the own phone, ${who}`, async () => {
    const seat = office[who];
    const customer = await office.customer(name, number);
    const began = Date.now();
    await seat.page.goto(`/customers/${customer.id}`);
    await seat.page.locator(".call-button").first().dblclick();
    const own = await seat.phone.ring();
    await seat.page.getByText(seat.words.dial.phoneFirst).first().waitFor();
    expect(await axe(seat.page)).toEqual([]);
    await seat.page.goto("/desk");
    await seat.page.getByText(seat.words.act.phoneFirst).waitFor();
    await own.answer();
    const ring = await far.ring();
    await seat.shows("dialing", name);
    await ring.answer();
    await seat.shows("talking", name);
    expect(await axe(seat.page)).toEqual([]);
    await seat.page.keyboard.press("Shift+KeyH");
    await ring.ended();
    await seat.shows("ended", name);
    const call = await office.onlyCall(began);
    expect(call).toMatchObject({
      direction: "outbound",
      outcome: "answered",
      customer: { id: customer.id },
      hangup: { by: "agent" },
    });
    expect(call.legs.map((l) => [l.role, l.extension, l.agent_id])).toEqual([
      ["agent", seat.extension, seat.id],
      ["customer", "", null],
    ]);
  });

  test(`what the rules forbid is said in the dial box, and no phone rings, ${who}`, async () => {
    const seat = office[who];
    await typeNumber(seat, who === "neda" ? "۰۹۰۹ ۱۲۳ ۴۵۶۷" : "0909 123 4567");
    await seat.page.getByTestId("whose").filter({ hasText: seat.words.dial.nobody }).waitFor();
    await seat.page.keyboard.press("Enter");
    const box = seat.page.locator("section").filter({ has: seat.page.locator("#dial-box") });
    await box.getByRole("alert").filter({ hasText: seat.words.refused.forbidden_destination }).waitFor();
    expect(await axe(seat.page)).toEqual([]);
    await office.pbx.quiet();
    // Nor is a word a number.
    await seat.page.locator("#dial-box").fill("sara");
    expect(await box.getByRole("button").first().isDisabled()).toBe(true);
    await seat.page.keyboard.press("Escape");
  });
}

test("a phone that is off is told of before anything is pressed, and where it was asked", async () => {
  const customer = await office.customer("Lies Afar", "09121110003");
  for (const [language, words, extension] of [
    ["fa", fa, "1003"],
    ["en", en, "1004"],
  ] as const) {
    const page = await office.visitor(`visitor-${language}`, extension, language);
    await page.getByText(words.refused.phone_offline).waitFor();
    await page.goto(`/customers/${customer.id}`);
    const button = page.locator(".call-button").first();
    await page.locator('.call-button[aria-disabled="true"]').first().waitFor();
    const described = await button.getAttribute("aria-describedby");
    expect(await page.locator(`[id="${described}"]`).textContent()).toBe(words.refused.phone_offline);
    await button.focus();
    await page.keyboard.press("Enter");
    await page.getByRole("alert").filter({ hasText: words.refused.phone_offline }).waitFor();
    expect(await axe(page)).toEqual([]);
    await page.context().close();
  }
});

test("L9 calls that nobody answers: the own phone left alone, and the other side hung up on while it rings", async () => {
  const began = Date.now();
  await typeNumber(neda, "09121110004");
  await neda.page.keyboard.press("Enter");
  const own = await neda.phone.ring();
  await neda.page.getByText(neda.words.act.phoneFirst).waitFor();
  await neda.page.keyboard.press("Escape");
  await neda.page.keyboard.press("Shift+KeyH");
  await own.cancelled();
  await neda.page.getByText(neda.words.desk.notPlaced).waitFor();

  await typeNumber(omid, "09121110005");
  await omid.page.keyboard.press("Enter");
  const omids = await omid.phone.ring();
  await omids.answer();
  const ring = await far.ring();
  await omid.shows("dialing");
  await omid.page.keyboard.press("Escape");
  await omid.page.keyboard.press("Shift+KeyH");
  await ring.cancelled();
  const logged = await office.logged(began, 2);
  expect(logged.map((c) => [c.direction, c.outcome, c.dialed.number])).toEqual([
    ["outbound", "cancelled", "+989121110005"],
    ["outbound", "cancelled", "+989121110004"],
  ]);
});

for (const [who, name, number] of [
  ["neda", "پروین صبور", "09121110008"],
  ["omid", "Parvin Patient", "09121110009"],
] as const) {
  test(`put on hold and taken back with the key, by the phone itself; and called back from the last calls, ${who}`, async () => {
    const seat = office[who];
    await office.customer(name, number);
    const began = Date.now();
    const { caller, ring } = await calls(seat, number);
    const hold = seat.page.getByRole("button", { name: seat.words.act.hold, exact: false }).first();
    await hold.waitFor();
    for (const held of [true, false]) {
      await seat.page.keyboard.press("KeyH");
      await ring.told(held ? "hold" : "talk");
      await ring.hold(held);
      await seat.shows(held ? "held" : "talking", name);
      await seat.page
        .getByTestId("polite")
        .filter({ hasText: seat.words.act.done[held ? "hold" : "resume"] })
        .waitFor();
      expect(await axe(seat.page)).toEqual([]);
    }
    // A phone that does nothing is told of where the key was pressed.
    await seat.page.keyboard.press("KeyH");
    await seat.page.getByRole("alert").filter({ hasText: seat.words.refused.phone_did_not_obey }).waitFor();
    await seat.shows("talking", name);
    await caller.hangUp();
    const first = await office.onlyCall(began);
    expect(first.hold_ms).toBeGreaterThan(0);
    await office.tidy();

    const again = await calls(seat, number);
    const past = seat.page.locator(`li:has(a[href="/calls/${first.id}"]) .call-button`);
    await past.waitFor();
    const described = await past.getAttribute("aria-describedby");
    expect(await seat.page.locator(`[id="${described}"]`).textContent()).toBe(seat.words.refused.phone_busy);
    await again.caller.hangUp();
    await seat.shows("ended", name);
    await office.pbx.free(seat.extension);
    await seat.page.locator(`li:has(a[href="/calls/${first.id}"]) .call-button[aria-disabled="false"]`).click();
    const own = await seat.phone.ring();
    await seat.page.getByText(seat.words.act.phoneFirst).first().waitFor();
    await seat.page.keyboard.press("Shift+KeyH");
    await own.cancelled();
    const logged = await office.logged(began, 3);
    expect(logged[0]).toMatchObject({ direction: "outbound", started_from: first.id });
  });
}

test("a blind transfer by keys alone: the colleague's state is shown, and the caller goes there", async () => {
  const customer = await office.customer("Handed On", "09121110006");
  const began = Date.now();
  const { caller, ring } = await calls(neda, "09121110006");
  await handTo(neda, omid);
  await neda.page.keyboard.press("Tab");
  await neda.page.keyboard.press("Enter");
  const omids = await omid.phone.ring();
  await ring.ended();
  await neda.shows("ended", neda.words.desk.transferredTo.replace("{{name}}", omid.name));
  await omid.shows("ringing", customer.name);
  await omids.answer();
  await omid.shows("talking", customer.name);
  await caller.hangUp();
  const call = await office.onlyCall(began);
  expect(call.transfers).toMatchObject([{ kind: "blind", by: "1001", to: "1002" }]);
});

test("a colleague is asked first, and gets the call; another time the caller is taken back", async () => {
  const customer = await office.customer("Asked About", "09121110007");
  const began = Date.now();
  const first = await calls(omid, "09121110007");
  await handTo(omid, neda);
  await omid.page.keyboard.press("Enter");
  const nedas = await neda.phone.ring();
  await nedas.answer();
  await omid.page.getByText(omid.words.act.consultingWith.replace("{{name}}", neda.name)).waitFor();
  expect(await axe(omid.page)).toEqual([]);
  await omid.page.keyboard.press("Shift+KeyT");
  await first.ring.ended();
  await neda.shows("talking", customer.name);
  await first.caller.hangUp();
  const call = await office.onlyCall(began);
  expect(call.transfers).toMatchObject([{ kind: "attended", by: "1002", to: "1001" }]);
  await office.tidy();

  const second = await calls(neda, "09121110007");
  await handTo(neda, omid);
  await neda.page.keyboard.press("Enter");
  const omids = await omid.phone.ring();
  await omids.answer();
  await neda.page.getByText(neda.words.act.consultingWith.replace("{{name}}", omid.name)).waitFor();
  await neda.page.keyboard.press("Shift+KeyG");
  await omids.ended();
  await neda.page
    .getByText(neda.words.act.consultingWith.replace("{{name}}", omid.name))
    .waitFor({ state: "detached" });
  await neda.shows("talking", customer.name);
  await second.caller.hangUp();
});

for (const who of ["neda", "omid"] as const) {
  test(`paused at the desk the queue's member is paused; paused in the exchange the desk says so, ${who}`, async () => {
    const seat = office[who];
    const device = `PJSIP/${seat.extension}`;
    const member = (paused: boolean) =>
      until(`${device} to be ${paused ? "paused" : "unpaused"} in the queue`, async () => {
        const m = await office.pbx.member("support", device);
        return m.paused === paused ? m : null;
      });
    await seat.page.locator(".desk-state[aria-haspopup]").waitFor();
    await seat.page.keyboard.press("Shift+KeyP");
    const menu = seat.page.getByRole("menu");
    await menu.waitFor();
    expect(await axe(seat.page)).toEqual([]);
    const lunch = who === "neda" ? "ناهار" : "Lunch";
    await menu.getByRole("menuitem", { name: lunch }).click();
    await state(seat, "paused").filter({ hasText: lunch }).waitFor();
    await seat.page.getByTestId("polite").filter({ hasText: seat.words.states.set.paused }).waitFor();
    await member(true);
    // The key takes the pause back.
    await menu.waitFor({ state: "detached" });
    await seat.page.keyboard.press("Shift+KeyP");
    await state(seat, "available").waitFor();
    await member(false);

    const began = Date.now();
    await office.pbx.pause(seat.extension, true, "Errand");
    await state(seat, "paused").filter({ hasText: "Errand" }).waitFor();
    process.stdout.write(`paused in the exchange → the desk says so: ${Date.now() - began} ms\n`);
    await seat.page.getByTestId("polite").filter({ hasText: "Errand" }).waitFor();
    await seat.page.locator(".desk-state").click();
    await menu.getByText(seat.words.states.by.phone).waitFor();
    await seat.page.keyboard.press("Escape");
    await office.pbx.pause(seat.extension, false);
    await state(seat, "available").waitFor();

    await seat.page.goto("/day");
    await seat.page.locator("tbody tr").filter({ hasText: "Errand" }).first().waitFor();
    await seat.page.locator("tbody tr").filter({ hasText: lunch }).first().waitFor();
    expect(await axe(seat.page)).toEqual([]);
  });
}

test("what is done on the floor: it filters and pauses; and the wall shows the queue", {
  timeout: 120_000,
}, async () => {
  const bosses = await Promise.all(
    (["fa", "en"] as const).map(async (language) => ({
      page: await office.administrator(language),
      words: (language === "fa" ? fa : en) as typeof en,
      all: language === "fa" ? "۱۰۰٪" : "100%",
    })),
  );
  const customer = await office.customer("Watched From Above", "09121110031");
  for (const { page } of bosses) await page.goto("/floor");
  const call = await office.ring("09121110031", () => customer.name);
  for (const { page, words } of bosses) {
    await page.locator('tr[data-queue="support"][data-waiting="1"]').waitFor();
    await page.locator(`[data-agent="${omid.name}"][data-state="ringing"]`).waitFor();
    await page
      .locator("tr[data-state]")
      .filter({ hasText: words.floor.waitsAt.split(" ")[0] as string })
      .waitFor();
    expect(await axe(page)).toEqual([]);
  }
  await call.nedas.answer();
  for (const { page } of bosses) {
    await page
      .locator(`[data-agent="${neda.name}"][data-state="talking"]`)
      .filter({ hasText: customer.name })
      .waitFor();
    // The queue's name is a filter, in the address.
    await page.locator('tr[data-queue="support"] a').focus();
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/floor\?queue=/);
    await page.locator('tr[data-state="talking"]').filter({ hasText: customer.name }).waitFor();
    await page.locator('tr[data-queue="support"] a').click();
    await page.waitForURL(/\/floor$/);
  }
  // A colleague is paused from the floor, and taken back.
  const [, boss] = bosses;
  if (!boss) throw new Error("nobody leads");
  await boss.page.locator(`[data-agent="${omid.name}"] button`).click();
  await boss.page.getByRole("menuitem", { name: "Lunch" }).click();
  await boss.page.locator(`[data-agent="${omid.name}"][data-state="paused"]`).filter({ hasText: "Lunch" }).waitFor();
  await state(omid, "paused").waitFor();
  await boss.page.locator(`[data-agent="${omid.name}"] button`).click();
  await boss.page.getByRole("menuitem", { name: boss.words.states.availableBody }).click();
  await state(omid, "available").waitFor();

  await call.caller.hangUp();
  for (const { page, all } of bosses) {
    await page.locator('tr[data-queue="support"]').filter({ hasText: all }).waitFor();
  }

  // The screen on the wall: a link that is nobody's session, figures, and no names.
  await boss.page.goto("/settings/wallboards");
  await boss.page.getByRole("button", { name: boss.words.wall.create }).first().click();
  await boss.page.getByRole("dialog").getByRole("textbox").first().fill("Hall");
  await boss.page.keyboard.press("Enter");
  const link = (await boss.page.getByTestId("wallboard-link").textContent()) ?? "";
  expect(await axe(boss.page)).toEqual([]);
  const { page: wall } = await office.stranger("fa");
  await wall.goto(link.replace(/^https?:\/\/[^/]+/, ""));
  await wall.locator("tbody tr").filter({ hasText: "support" }).filter({ hasText: "۱۰۰٪" }).waitFor();
  expect(await axe(wall)).toEqual([]);
  expect(await wall.locator("main").textContent()).not.toContain(neda.name);
  await wall.context().setOffline(true);
  await wall
    .getByRole("alert")
    .filter({ hasText: fa.wall.old.split("{{")[0] as string })
    .waitFor();
  await boss.page.keyboard.press("Escape");
  await boss.page.getByRole("button", { name: `${boss.words.tokens.revoke}: Hall` }).click();
  await boss.page.getByRole("button", { name: boss.words.tokens.forGood }).click();
  await boss.page.getByText(boss.words.wall.noneTitle).waitFor();
  await wall.context().setOffline(false);
  await wall.getByText(fa.wall.refused).first().waitFor();
  await wall.context().close();

  // Who leads nobody has no floor.
  await neda.page.goto("/floor");
  await neda.page.getByText(neda.words.floor.forbidden).waitFor();
  expect(await neda.page.locator('nav a[href="/floor"]').count()).toBe(0);
  for (const { page } of bosses) await page.context().close();
});
