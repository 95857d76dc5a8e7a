// A small office on the real thing: an Asterisk, ringbook, an administrator, and two agents who sit side by side, one
// with a Persian screen and one with an English one.
import type { APIRequestContext, Browser, Page } from "playwright-core";
import { expect } from "vitest";
import type { components } from "../src/api/schema";
import { Asterisk } from "./asterisk";
import { launch, logIn, open, type Server } from "./harness";
import { adminPassword, Service } from "./service";
import { type Caller, type Phone, type Ring, until } from "./sipp";
import { en, fa } from "./words";

export type Call = components["schemas"]["Call"];
export type Customer = components["schemas"]["Customer"];

/** What is dialled for the queue in which both phones ring. */
export const support = "91001234";
const password = "a password of nobody";

/** Office is the house with everybody in it. */
export class Office {
  readonly pbx: Asterisk;
  readonly service: Service;
  /** The administrator's. */
  readonly api: APIRequestContext;
  readonly #browser: Browser;
  readonly neda: Seat;
  readonly omid: Seat;
  /** From the moment at which a phone was told to ring until the caller was drawn, in milliseconds. */
  readonly delays: number[] = [];

  private constructor(pbx: Asterisk, service: Service, browser: Browser, api: APIRequestContext, seats: [Seat, Seat]) {
    this.pbx = pbx;
    this.service = service;
    this.#browser = browser;
    this.api = api;
    [this.neda, this.omid] = seats;
  }

  /** open makes an office; with a manager ringbook has the PBX's AMI too. */
  static async open({ manager = false } = {}): Promise<Office> {
    const opened: { stop(): Promise<void> }[] = [];
    try {
      const pbx = await Asterisk.start();
      opened.unshift(pbx);
      const service = await Service.start(pbx.url, manager ? { manager: pbx.manager } : {});
      opened.unshift(service);
      const browser = await launch();
      opened.unshift({ stop: () => browser.close() });
      const api = (await browser.newContext({ baseURL: service.url })).request;
      await post(api, "session", { username: "admin", password: adminPassword });
      const seats: [Seat, Seat] = [
        await Seat.take(pbx, service, browser, api, "neda", "ندا کریمی", "1001", "fa"),
        await Seat.take(pbx, service, browser, api, "omid", "Omid Rezaei", "1002", "en"),
      ];
      return new Office(pbx, service, browser, api, seats);
    } catch (err) {
      for (const part of opened) await part.stop();
      throw err;
    }
  }

  /** administrator logs the administrator in, in a browser of their own. */
  async administrator(language: "fa" | "en"): Promise<Page> {
    const { page } = await open(this.#browser, this.service, { language });
    await logIn(page, "admin", { language }, adminPassword);
    return page;
  }

  /** visitor is an agent with a browser, and with an extension whose phone is not connected. */
  async visitor(username: string, extension: string, language: "fa" | "en"): Promise<Page> {
    await post(this.api, "agents", { username, password, name: username, role: "agent", extensions: [extension] });
    const { page } = await open(this.#browser, this.service, { language });
    await logIn(page, username, { language }, password);
    return page;
  }

  /** supervisors lead everybody and the queue, each in a browser of their own, one Persian and one English. */
  async supervisors(): Promise<[Page, Page]> {
    const languages = ["fa", "en"] as const;
    const people: string[] = [];
    for (const language of languages) {
      const body = { username: `leads-${language}`, password, role: "supervisor", extensions: [] };
      people.push(((await post(this.api, "agents", body)) as { id: string }).id);
    }
    const { id: team_id } = (await post(this.api, "teams", { name: "room", supervisors: people })) as { id: string };
    const queue = await until("the queue to be known", async () => {
      const { items } = await (await this.api.get("/api/v1/queues?q=support")).json();
      return (items as { id: string }[])[0];
    });
    for (const path of [`queues/${queue.id}`, ...this.seats.map((s) => `agents/${s.id}`)]) {
      const response = await this.api.patch(`/api/v1/${path}`, { data: { team_id } });
      expect(response.ok(), `PATCH ${path}: ${await response.text()}`).toBe(true);
    }
    const [persian, english] = await Promise.all(
      languages.map(async (language) => {
        const { page } = await open(this.#browser, this.service, { language });
        await logIn(page, `leads-${language}`, { language }, password);
        return page;
      }),
    );
    return [persian as Page, english as Page];
  }

  /** stranger is a browser in which nobody is logged in. */
  stranger(language: "fa" | "en"): ReturnType<typeof open> {
    return open(this.#browser, this.service, { language });
  }

  get seats(): [Seat, Seat] {
    return [this.neda, this.omid];
  }

  async close(): Promise<void> {
    await this.#browser.close();
    await this.service.stop();
    await this.pbx.stop();
  }

  /** tidy ends what a test has left: calls are hung up, desks are empty and phones free. */
  async tidy(): Promise<void> {
    this.service.mend();
    await this.pbx.hangUpAll();
    for (const s of this.seats) {
      await s.clear();
      await this.pbx.free(s.extension);
    }
  }

  customer(name: string, number: string): Promise<Customer> {
    const body = { kind: "person", name, numbers: [{ number, label: "mobile" }] };
    return post(this.api, "customers", body) as Promise<Customer>;
  }

  /**
   * ring lets somebody call the queue and returns when both phones ring and both screens show the text (of each
   * screen's language) on a card that rings.
   */
  async ring(
    from: string,
    text: (s: Seat) => string,
    headers: string[] = [],
  ): Promise<{ caller: Caller; nedas: Ring; omids: Ring }> {
    const drawn = this.seats.map((s) => s.drawn(text(s)));
    const caller = await this.pbx.call({ from, to: support, headers });
    const [nedas, omids] = await Promise.all([this.neda.phone.ring(), this.omid.phone.ring()]);
    const [atNeda, atOmid] = await Promise.all(drawn);
    for (const delay of [(atNeda ?? 0) - nedas.at, (atOmid ?? 0) - omids.at]) {
      expect(delay, "milliseconds from the ring to the screen").toBeLessThan(10_000);
      this.delays.push(delay);
    }
    return { caller, nedas, omids };
  }

  /** logged waits until the log has as many calls since the moment, all ended, and returns them, the newest first. */
  async logged(since: number, count: number): Promise<Call[]> {
    // The log's clock is the PBX's; the tests before are over since longer than the log may be wrong.
    const from = encodeURIComponent(new Date(since - 200).toISOString());
    const items = await until(`${count} calls in the log`, async () => {
      const response = await this.api.get(`/api/v1/calls?from=${from}`);
      const { items } = (await response.json()) as { items: Call[] };
      return items.length >= count && items.every((c) => c.state === "ended") ? items : null;
    });
    expect(items).toHaveLength(count);
    return items;
  }

  /** onlyCall is the one call of the log since the moment. */
  async onlyCall(since: number): Promise<Call> {
    const [call] = await this.logged(since, 1);
    if (!call) throw new Error("no call in the log");
    return call;
  }
}

/** Seat is an agent at work: a phone and a browser. */
export class Seat {
  readonly id: string;
  readonly name: string;
  readonly extension: string;
  /** The words of the screen. */
  readonly words: typeof en;
  readonly phone: Phone;
  readonly page: Page;

  private constructor(
    agent: { id: string; name: string },
    extension: string,
    words: typeof en,
    phone: Phone,
    page: Page,
  ) {
    this.id = agent.id;
    this.name = agent.name;
    this.extension = extension;
    this.words = words;
    this.phone = phone;
    this.page = page;
  }

  /** take hires an agent, connects the phone and logs in. */
  static async take(
    pbx: Asterisk,
    service: Server,
    browser: Browser,
    api: APIRequestContext,
    username: string,
    name: string,
    extension: string,
    language: "fa" | "en",
  ): Promise<Seat> {
    const body = { username, password, name, role: "agent", extensions: [extension] };
    const agent = (await post(api, "agents", body)) as { id: string; name: string };
    const { page } = await open(browser, service, { language });
    await logIn(page, username, { language }, password);
    const words = language === "fa" ? (fa as unknown as typeof en) : en;
    const seat = new Seat(agent, extension, words, await pbx.phone(extension), page);
    await seat.link("good");
    return seat;
  }

  card(phase: string) {
    return this.page.locator(`section[data-phase="${phase}"]`);
  }

  /** shows waits until the large card is in a phase and has a text. */
  async shows(phase: string, text = ""): Promise<void> {
    await this.card(phase).filter({ hasText: text }).waitFor();
  }

  /** why is the rule by which the caller is known, in words. */
  why(): Promise<string | null> {
    return this.page.getByTestId("why").textContent();
  }

  /** link waits until the page says that its connection is good or bad. */
  async link(state: "good" | "bad"): Promise<void> {
    await this.page.locator(`.dot[data-state="${state}"]`).waitFor();
  }

  /** pastCalls are the links to earlier calls that the desk shows. */
  get pastCalls() {
    return this.page.locator('main a[href^="/calls/"]');
  }

  /** drawn answers when a ringing card with the text is in the page, in milliseconds since 1970. Ask before it rings. */
  drawn(text: string): Promise<number> {
    return drawnAt(this.page, 'section[data-phase="ringing"]', text);
  }

  /** write types a note under the call that is shown, by keys alone, and waits until it is saved. */
  async write(text: string): Promise<void> {
    await this.page.keyboard.press("KeyN");
    await this.page.keyboard.type(text);
    await this.page.locator('[data-testid="note-state"][data-state="saved"]').waitFor();
    await this.page.keyboard.press("Control+Enter");
  }

  /** noted waits until the note's field has the text. */
  async noted(text: string): Promise<void> {
    await until(`the note "${text}" on the desk of ${this.name}`, async () => {
      return (await this.page.locator("#note").inputValue()) === text;
    });
  }

  /** clear waits until no call is live on the desk, and puts away those that have ended, with the key. */
  async clear(): Promise<void> {
    await this.page.goto("/desk");
    await until(`the desk of ${this.name} to be empty`, async () => {
      if (await this.page.locator(".empty").count()) return true;
      if (await this.page.locator('section[data-phase="ended"], section[data-phase="missed"]').count()) {
        await this.page.keyboard.press("KeyD");
      }
      return false;
    });
  }
}

/**
 * drawnAt answers when an element that fits and has the text is in a page, in milliseconds since 1970. Ask before it is. It
 * fails where it never is.
 */
export function drawnAt(page: Page, selector: string, text: string): Promise<number> {
  return page.evaluate(
    ([selector, text]) =>
      new Promise<number>((resolve, reject) => {
        const look = () => {
          if (![...document.querySelectorAll(selector)].some((e) => e.textContent?.includes(text))) return;
          observer.disconnect();
          clearTimeout(late);
          resolve(Date.now());
        };
        const late = setTimeout(() => {
          observer.disconnect();
          reject(new Error(`waited 45 s: ${selector} with "${text}" in ${document.title}`));
        }, 45_000);
        const observer = new MutationObserver(look);
        observer.observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
        look();
      }),
    [selector, text] as const,
  );
}

export async function post(api: APIRequestContext, path: string, data: unknown): Promise<unknown> {
  const response = await api.post(`/api/v1/${path}`, { data });
  expect(response.ok(), `POST ${path}: ${response.status()} ${await response.text()}`).toBe(true);
  return response.json();
}
