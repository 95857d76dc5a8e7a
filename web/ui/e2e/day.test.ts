// A working day from one end to the other, in both languages, on a real exchange: a call becomes a note, a disposition and a
// callback, which comes back when it is due and is kept; somebody gives up, and is called back. Whoever leads the room
// follows all of it in browsers of their own.
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Call, Disposition, FollowUp, Missed } from "../src/api/types";
import { axe } from "./harness";
import { drawnAt, Office, post, type Seat, support } from "./office";
import { type Caller, type Phone, type Ring, until } from "./sipp";

let office: Office;
/** Whom agents reach over the line. */
let far: Phone;
let floors: [Page, Page];
let callBack: Disposition;
/** How long after something had happened the floors had drawn it, in milliseconds. */
const late: { what: string; ms: number }[] = [];

beforeAll(async () => {
  office = await Office.open({ manager: true });
  far = await office.pbx.farEnd();
  await post(office.api, "dispositions", { name: "بررسی شد", key: 1 });
  callBack = (await post(office.api, "dispositions", {
    name: "دوباره تماس",
    key: 3,
    follow_up: { kind: "callback", title: "", after_ms: 24 * 3_600_000 },
  })) as Disposition;
  floors = await office.supervisors();
  for (const floor of floors) {
    await floor.goto("/floor");
    for (const s of office.seats) await floor.locator(`[data-agent="${s.name}"][data-state="available"]`).waitFor();
    expect(await axe(floor)).toEqual([]);
  }
}, 240_000);

afterEach(() => office.tidy());

afterAll(() => office?.close());

/** followed has something happen, which says when it did, and waits until every floor shows it. */
async function followed(what: string, selector: string, text: string, happens: () => Promise<number>): Promise<void> {
  const drawn = Promise.all(floors.map((floor) => drawnAt(floor, selector, text)));
  drawn.catch(() => undefined); // it is said below, unless what should happen did not
  const at = await happens();
  for (const d of await drawn) late.push({ what, ms: Math.round(d - at) });
}

/** pressed presses a key and says when. */
async function pressed(s: Seat, key: string): Promise<number> {
  const at = Date.now();
  await s.page.keyboard.press(key);
  return at;
}

async function get<T>(path: string): Promise<T> {
  const response = await office.api.get(`/api/v1/${path}`);
  expect(response.ok(), `GET ${path}`).toBe(true);
  return response.json() as Promise<T>;
}

/** tomorrow is the day after this one where the business is. */
const tomorrow = () => dayOf(Date.now() + 24 * 3_600_000);
const dayOf = (at: string | number) => new Date(at).toLocaleDateString("en-CA", { timeZone: "Asia/Tehran" });
const hourOf = (at: string) => new Date(at).toLocaleTimeString("en-GB", { timeZone: "Asia/Tehran" });

/** waits lets somebody call the queue, in which both phones ring; it returns the agent's, once the card rings too. */
async function waits(s: Seat, from: string, name: string): Promise<{ caller: Caller; ring: Ring }> {
  let call!: { caller: Caller; ring: Ring };
  await followed("a call waits", 'tr[data-state="waiting"]', name, async () => {
    const caller = await office.pbx.call({ from, to: support });
    const rings = await Promise.all(office.seats.map((seat) => seat.phone.ring()));
    call = { caller, ring: rings[office.seats.indexOf(s)] as Ring };
    return call.ring.at;
  });
  await s.shows("ringing", name);
  return call;
}

/** dialled has an agent call somebody by a key, and talk. */
async function dialled(s: Seat, key: string, name: string): Promise<Ring> {
  let own!: Ring;
  await followed("a call is made", 'tr[data-state="ringing"]', name, async () => {
    await s.page.keyboard.press(key);
    own = await s.phone.ring();
    return own.at;
  });
  await own.answer();
  const there = await far.ring();
  await followed("they answer", 'tr[data-state="talking"]', name, () => there.answer());
  return there;
}

for (const [who, name, number, words, gaveUp, numberOfThem] of [
  ["neda", "فرهاد نیکنام", "09121110041", "فردا ساعت ۱۰", "شیرین کلافه", "09121110042"],
  ["omid", "Frank Promised", "09121110043", "tomorrow 10:00", "Grace Gone", "09121110044"],
] as const) {
  test(`S4 S6 S7 a day: a note, a disposition, a callback that is kept; who gave up is called back, ${who}`, {
    timeout: 180_000,
  }, async () => {
    const s = office[who];
    const [colleague] = office.seats.filter((other) => other !== s) as [Seat];
    const { page } = s;
    const agent = `[data-agent="${s.name}"]`;
    const [customer, other] = [await office.customer(name, number), await office.customer(gaveUp, numberOfThem)];

    // A customer rings; the agent answers and writes a note.
    const first = await waits(s, number, name);
    await followed("answered", 'tr[data-state="talking"]', s.name, () => first.ring.answer());
    await s.shows("talking", name);
    await s.write(`${who}: سه دستگاه می‌خواهد`);
    await followed("hung up", `${agent}[data-state="wrap_up"]`, "", () => first.caller.hangUp());
    await s.shows("ended", name);

    // How it ended is one key, which asks when to call back; that is written as it is said.
    await page.keyboard.press("3");
    const dialog = page.getByRole("dialog");
    await dialog.waitFor();
    await page.waitForFunction(() => document.activeElement?.matches('[role="dialog"] input[data-autofocus]'));
    await page.keyboard.type(words);
    const days = [tomorrow()];
    await dialog
      .getByTestId("due-reading")
      .filter({ hasText: who === "neda" ? "۱۰:۰۰" : "10:00" })
      .waitFor();
    expect(await axe(page)).toEqual([]);
    await page.keyboard.press("Enter");
    await dialog.waitFor({ state: "detached" });
    days.push(tomorrow());
    const mine = async (state = "open") =>
      (await get<{ items: FollowUp[] }>(`follow-ups?customer=${customer.id}&owner=all&state=${state}`)).items;
    const promised = await until("the callback to be made", async () => (await mine())[0]);
    expect(promised).toMatchObject({ kind: "callback", state: "due", assignee: { id: s.id } });
    expect(days).toContain(dayOf(promised.due_at));
    expect(hourOf(promised.due_at)).toBe("10:00:00");
    await followed("put away", `${agent}[data-state="available"]`, "", () => pressed(s, "KeyD"));
    const logged = await get<Call>(`calls/${promised.call_id}`);
    expect(logged).toMatchObject({ note: `${who}: سه دستگاه می‌خواهد`, disposition: { id: callBack.id } });

    // Tomorrow comes.
    const offer = page.getByTestId("offer");
    expect(await offer.count()).toBe(0);
    await office.service.sql(`UPDATE follow_up SET due_at = now() WHERE id = '${promised.id}'`);
    await offer.filter({ hasText: name }).waitFor();
    expect(await axe(page)).toEqual([]);
    const there = await dialled(s, "KeyB", name);
    await s.shows("talking", name);
    await offer.waitFor({ state: "detached" });
    expect(await until("the callback to be kept", async () => (await mine("closed"))[0])).toMatchObject({
      id: promised.id,
      state: "reached",
      tries: 1,
    });
    await page.getByTestId("to-do-counts").filter({ hasText: s.words.toDo.nothing }).waitFor();
    await followed("they hang up", `${agent}[data-state="wrap_up"]`, "", () => there.hangUp());
    await s.shows("ended", name);
    await followed("put away", `${agent}[data-state="available"]`, "", () => pressed(s, "KeyD"));
    expect(await mine()).toEqual([]);

    // Another customer gives up, and is on the list until called back.
    const { caller } = await waits(s, numberOfThem, gaveUp);
    for (const floor of floors) await floor.locator(`${agent}[data-state="ringing"]`).waitFor();
    await followed("given up", `${agent}[data-state="available"]`, "", () => caller.hangUp());
    for (const { page } of [s, colleague]) await page.locator(".nav-count").waitFor();
    await page.keyboard.press("Alt+7");
    await page.waitForURL("**/missed");
    const row = page.locator("tr[data-chosen]").filter({ hasText: gaveUp });
    await row.waitFor();
    expect(await axe(page)).toEqual([]);
    await page.keyboard.press("a");
    await row.getByText(s.words.missed.mine).waitFor();
    await office.pbx.free(s.extension);
    const again = await dialled(s, "KeyR", gaveUp);
    await row.waitFor({ state: "detached" });
    await page.getByText(s.words.missed.emptyTitle).waitFor();
    for (const { page } of [s, colleague]) await page.locator(".nav-count").waitFor({ state: "detached" });
    expect((await get<{ items: Missed[] }>("missed")).items).toEqual([]);
    await followed("hung up by a key", `${agent}[data-state="wrap_up"]`, "", async () => {
      await page.keyboard.press("Alt+1");
      await s.shows("talking", gaveUp);
      return pressed(s, "Shift+KeyH");
    });
    await again.ended();
    expect((await get<{ items: Call[] }>(`calls?customer=${other.id}`)).items).toHaveLength(2);

    // The day in figures: the list's, and the floor's.
    await s.clear();
    await page.keyboard.press("Alt+5");
    await page.waitForURL("**/follow-ups");
    const one = who === "neda" ? "۱" : "1";
    await page.getByText(s.words.followUps.progress.replace("{{done}}", one).replace("{{all}}", one)).waitFor();
    const abandoned = who === "neda" ? ["۱", "1"] : ["۲", "2"];
    for (const [i, floor] of floors.entries()) {
      await floor
        .locator('tr[data-queue="support"] td:nth-child(7)')
        .filter({ hasText: abandoned[i] as string })
        .waitFor();
      expect(await floor.locator("tr[data-state]").count()).toBe(0);
    }
  });
}

test("the floor followed each of these steps, and how long after it", () => {
  const of = new Map<string, number[]>();
  for (const { what, ms } of late) of.set(what, [...(of.get(what) ?? []), ms]);
  for (const [what, all] of of) process.stdout.write(`${what} → on the floors: ${all.join(", ")} ms\n`);
  const sorted = late.map((l) => l.ms).sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN;
  process.stdout.write(`what happens → on the floors: median ${at(0.5)} ms, p95 ${at(0.95)} ms, most ${at(1)} ms\n`);
  expect(sorted.length).toBe(52);
  // It is 1.2 s at the most where there is room for the laboratory, five browsers and the rest; a machine that is busy with
  // more is late, but not by more than another picture.
  expect(at(0.5), "milliseconds, at the median").toBeLessThan(2400);
  expect(at(0), "milliseconds, at the best").toBeLessThan(1200);
});
