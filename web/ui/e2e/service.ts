// ringbook itself, `ringbook serve` with data of its own, behind a line that can be cut: the browsers go through it, so
// that they can lose the server, and the server can be killed and come back at another port.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Server as NetServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { repository, type Server } from "./harness";
import { until } from "./sipp";

export const adminPassword = "ringbook-admin";

interface Options {
  node?: string;
  /** Of another service, with which the house is shared. */
  database?: string;
  /** Where AMI is; without it ringbook has none. */
  manager?: string;
}

/** Service is a ringbook that watches one PBX under the name "main". */
export class Service implements Server {
  readonly url: string;
  readonly #pbx: string;
  readonly #data: string;
  readonly #node: string;
  /** Of another service, with which it shares the house; empty: its own. */
  readonly #shared: string;
  readonly #manager: string;
  readonly #line: NetServer;
  readonly #sockets = new Set<Socket>();
  #cut = false;
  #port = 0;
  #child: ChildProcess | undefined;
  #output = "";

  private constructor(pbx: string, data: string, line: NetServer, url: string, o: Options) {
    this.#pbx = pbx;
    this.#data = data;
    this.#node = o.node ?? "node-a";
    this.#shared = o.database ?? "";
    this.#manager = o.manager ?? "";
    this.#line = line;
    this.url = url;
    line.on("connection", (socket) => this.#join(socket));
  }

  /** start returns when database and PBX are live. With the database of another service it is a second node of that one. */
  static async start(pbx: string, options: Options = {}): Promise<Service> {
    const data = await mkdtemp(join(tmpdir(), "ringbook-service-"));
    const line = createServer();
    await new Promise<void>((r) => line.listen(0, "127.0.0.1", r));
    const address = line.address();
    if (address === null || typeof address === "string") throw new Error("no port for the line");
    const service = new Service(pbx, data, line, `http://127.0.0.1:${address.port}`, options);
    try {
      await service.run();
    } catch (err) {
      await service.stop();
      throw err;
    }
    return service;
  }

  /** run starts the program, for the first time or after kill, and returns when database and PBX are live. */
  async run(): Promise<void> {
    const bin = process.env.RINGBOOK_BIN ?? join(repository, "bin/ringbook");
    if (!existsSync(bin)) throw new Error(`${bin} is missing: run make build first`);
    const begin = this.#output.length;
    const child = spawn("setpriv", ["--pdeathsig", "TERM", bin, "serve"], {
      env: {
        PATH: process.env.PATH ?? "",
        HOME: process.env.HOME ?? "",
        RINGBOOK_LISTEN: "127.0.0.1:0",
        RINGBOOK_DATA: join(this.#data, "ringbook"),
        RINGBOOK_PBX: `main=${this.#pbx}`,
        RINGBOOK_AMI: this.#manager && `main=${this.#manager}`,
        RINGBOOK_DIAL_CONTEXT: "internal",
        RINGBOOK_NODE: this.#node,
        RINGBOOK_DATABASE: this.#shared,
        RINGBOOK_AREA: "21",
        RINGBOOK_ADMIN_PASSWORD: adminPassword,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    const ended = new Promise<never>((_, failed) =>
      child.once("exit", (code, signal) => failed(new Error(`ringbook ended (${code ?? signal}):\n${this.#output}`))),
    );
    ended.catch(() => undefined); // an end that nobody waits for is no fault
    const listening = new Promise<number>((resolve) => {
      const read = (b: Buffer) => {
        this.#output += b.toString();
        const m = /msg=listening address=127\.0\.0\.1:(\d+)/.exec(this.#output.slice(begin));
        if (m) resolve(Number(m[1]));
      };
      child.stdout.on("data", read);
      child.stderr.on("data", read);
    });
    this.#port = await Promise.race([listening, ended]);
    await Promise.race([this.#ready(), ended]);
  }

  /** database is where another node finds this one's PostgreSQL, which outlives a program that was killed. */
  get database(): string {
    const folder = encodeURIComponent(join(this.#data, "ringbook/postgres"));
    return `postgres:///ringbook?host=${folder}&port=5432&user=ringbook&sslmode=disable`;
  }

  /** sql runs a statement in the database, behind the program's back. */
  async sql(statement: string): Promise<void> {
    await promisify(execFile)("psql", ["-Xq", "-v", "ON_ERROR_STOP=1", "-d", this.database, "-c", statement]);
  }

  async #ready(): Promise<void> {
    const ask = async () => (await fetch(`http://127.0.0.1:${this.#port}/readyz`)).ok;
    await until("ringbook to be ready", () => ask().catch(() => false), 60_000);
  }

  #join(browser: Socket): void {
    browser.on("error", () => undefined);
    if (this.#cut) {
      browser.destroy();
      return;
    }
    const server = connect(this.#port, "127.0.0.1");
    for (const [from, to] of [
      [browser, server],
      [server, browser],
    ] as const) {
      this.#sockets.add(from);
      from.on("error", () => undefined);
      from.on("close", () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  }

  /** cut drops every connection and refuses new ones; mend ends that. */
  cut(): void {
    this.#cut = true;
    for (const s of this.#sockets) s.destroy();
  }

  mend(): void {
    this.#cut = false;
  }

  /** kill is kill -9; it returns when the process is gone. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((r) => child.once("exit", r));
    child.kill(signal);
    await gone;
  }

  pause(): void {
    this.#child?.kill("SIGSTOP");
  }

  resume(): void {
    this.#child?.kill("SIGCONT");
  }

  log(): string {
    return this.#output;
  }

  /** stop ends the program and its PostgreSQL and removes the data. */
  async stop(): Promise<void> {
    this.cut();
    this.resume();
    await this.#end("SIGTERM");
    // A program that was killed has left its PostgreSQL behind.
    const postmaster = join(this.#data, "ringbook/postgres/postmaster.pid");
    if (existsSync(postmaster)) {
      process.kill(Number(readFileSync(postmaster, "utf8").split("\n")[0]), "SIGINT");
      await until("PostgreSQL to end", () => !existsSync(postmaster));
    }
    await new Promise((r) => this.#line.close(r));
    await rm(this.#data, { recursive: true, force: true });
  }
}
