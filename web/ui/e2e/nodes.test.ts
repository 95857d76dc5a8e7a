// Two nodes behind one address: the browser of a node that dies moves to the other by itself, in the middle of a call, and
// says nothing, for it does not take long.
import { connect, createServer, type Server as NetServer, type Socket } from "node:net";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Asterisk } from "./asterisk";
import { launch, type Server } from "./harness";
import { Seat } from "./office";
import { adminPassword, Service } from "./service";
import { until } from "./sipp";

/** Front leads to the first of the nodes that says it is ready, as the one of docs/two-nodes.md does. */
class Front implements Server {
  readonly url: string;
  /** How many push sockets were led to each node. */
  readonly pushes: number[];
  readonly #nodes: Service[];
  readonly #server: NetServer;
  readonly #sockets = new Map<Socket, number>();
  #ready: boolean[];
  #timer: ReturnType<typeof setInterval>;

  private constructor(nodes: Service[], server: NetServer, port: number) {
    this.#nodes = nodes;
    this.#server = server;
    this.url = `http://127.0.0.1:${port}`;
    this.pushes = nodes.map(() => 0);
    this.#ready = nodes.map(() => true);
    this.#timer = setInterval(() => nodes.forEach((_, i) => void this.#check(i)), 250);
    server.on("connection", (browser) => this.#join(browser));
  }

  static async start(nodes: Service[]): Promise<Front> {
    const server = createServer();
    await new Promise<void>((r) => server.listen(0, "127.0.0.1", r));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port for the proxy");
    return new Front(nodes, server, address.port);
  }

  async #check(node: number): Promise<void> {
    const ask = async () => (await fetch(`${this.#nodes[node]?.url}/readyz`, { signal: AbortSignal.timeout(2000) })).ok;
    this.#ready[node] = await ask().catch(() => false);
    if (this.#ready[node]) return;
    for (const [socket, of] of this.#sockets) if (of === node) socket.destroy();
  }

  #join(browser: Socket): void {
    browser.on("error", () => undefined);
    const node = this.#ready.indexOf(true);
    const target = this.#nodes[node];
    if (!target) {
      browser.destroy();
      return;
    }
    browser.once("data", (first) => {
      if (first.includes("GET /api/v1/push")) this.pushes[node] = (this.pushes[node] ?? 0) + 1;
    });
    const server = connect(Number(new URL(target.url).port), "127.0.0.1");
    for (const [from, to] of [
      [browser, server],
      [server, browser],
    ] as const) {
      this.#sockets.set(from, node);
      from.on("error", () => undefined);
      from.on("close", () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  }

  pause(): void {}
  resume(): void {}
  log(): string {
    return this.#nodes.map((n) => n.log()).join("\n");
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    for (const socket of this.#sockets.keys()) socket.destroy();
    await new Promise((r) => this.#server.close(r));
  }
}

let pbx: Asterisk;
let first: Service;
let second: Service;
let proxy: Front;
let browser: Browser;
beforeAll(async () => {
  [pbx, browser] = await Promise.all([Asterisk.start(), launch()]);
  first = await Service.start(pbx.url, { node: "node-a" });
  second = await Service.start(pbx.url, { node: "node-b", database: first.database });
  proxy = await Front.start([first, second]);
});
afterAll(async () => {
  await browser?.close();
  await proxy?.stop();
  await second?.stop();
  await first?.stop();
  await pbx?.stop();
});

interface Leader {
  node: string;
  here: boolean;
}

test("A5 the browser of a node that is killed in the middle of a call moves to the other, and says nothing", async () => {
  const api = (await browser.newContext({ baseURL: proxy.url })).request;
  const loggedIn = await api.post("/api/v1/session", { data: { username: "admin", password: adminPassword } });
  expect(loggedIn.ok()).toBe(true);
  const neda = await Seat.take(pbx, proxy, browser, api, "neda", "ندا کریمی", "1001", "fa");
  const caller = await pbx.call({ from: "09121234567", to: "91001236" });
  await neda.shows("ringing");
  const ring = await neda.phone.ring();
  await ring.answer();
  await neda.shows("talking");
  expect(proxy.pushes).toEqual([1, 0]);

  // Whatever the page says of its connection from here on.
  await neda.page.evaluate(() => {
    const look = () => {
      const words = [...document.querySelectorAll(".banner")].map((b) => b.textContent);
      if (words.length > 0) document.documentElement.dataset.said = words.join(" ");
      if (document.querySelector('.dot[data-state="bad"]')) document.documentElement.dataset.said ??= "a bad dot";
    };
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
  });
  const killed = Date.now();
  await first.kill();
  await until("the push socket to lead to the other node", () => (proxy.pushes[1] ?? 0) > 0);
  await neda.link("good");
  process.stdout.write(`the browser was on the other node ${Date.now() - killed} ms after the first was killed\n`);
  await neda.shows("talking");
  await caller.hangUp();
  await neda.shows("ended");
  expect(await neda.page.evaluate(() => document.documentElement.dataset.said)).toBeUndefined();

  const leads = async () => {
    const answer = await api.get("/api/v1/status");
    if (!answer.ok()) return false;
    const { node, pbx } = (await answer.json()) as { node: string; pbx: { leader: Leader | null }[] };
    return node === "node-b" && pbx[0]?.leader?.here === true;
  };
  await until("the other node to lead", leads, 30_000);
  const calls = await until("the call to be in the log", async () => {
    const { items } = (await (await api.get("/api/v1/calls")).json()) as { items: Record<string, unknown>[] };
    return items.length > 0 && items.every((c) => c.state === "ended") ? items : null;
  });
  expect(calls).toHaveLength(1);
  expect(calls[0]).toMatchObject({ outcome: "answered", partial: false, reconstructed: false });
});
