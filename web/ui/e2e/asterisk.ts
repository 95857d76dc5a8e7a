// A real Asterisk 22 with the PBX of deploy/asterisk, and sipp for its phones, its line and whoever calls. Nothing happens
// by the clock: a phone answers and a caller hangs up when the test says so, however slow the machine is.
import { type ChildProcess, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { repository } from "./harness";
import { manage } from "./manager";
import { Caller, Phone, Program, until } from "./sipp";

const password = "phone-lab";

export interface Dialling {
  /** What is called: a number of the line, or what an agent dials. */
  to: string;
  /** Who calls: a number outside, or the extension of an agent. */
  from?: string;
  agent?: string;
  /** More lines of the INVITE, as "Privacy: id". */
  headers?: string[];
}

/** Asterisk is the PBX with its line and the phones 1001 to 1004. */
export class Asterisk {
  readonly #name: string;
  readonly #folder: string;
  readonly #ari: number;
  readonly #ami: number;
  readonly #sip: number;
  readonly #trunk: number;
  readonly #programs: Program[] = [];
  #child: ChildProcess | undefined;

  private constructor(name: string, folder: string, ari: number, ami: number, sip: number, trunk: number) {
    this.#name = name;
    this.#folder = folder;
    this.#ari = ari;
    this.#ami = ami;
    this.#sip = sip;
    this.#trunk = trunk;
  }

  /** start returns when ARI answers and SIP is up. It ends with this process at the latest. */
  static async start(): Promise<Asterisk> {
    const folder = await mkdtemp(join(tmpdir(), "ringbook-pbx-"));
    for (let attempt = 1; ; attempt++) {
      const ari = await freePort();
      const pbx = new Asterisk(
        `browser-${process.pid}-${ari}`,
        folder,
        ari,
        await freePort(),
        await sipPort(),
        await sipPort(),
      );
      try {
        await pbx.#run();
        return pbx;
      } catch (err) {
        // Between choosing a port and taking it, another program may have taken it.
        if (attempt === 3 || !String(err).includes("Address already in use")) throw err;
      }
    }
  }

  /** url is where ringbook finds ARI. */
  get url(): string {
    return `http://ringbook:ringbook-lab@127.0.0.1:${this.#ari}/ari`;
  }

  /** manager is where ringbook finds AMI. */
  get manager(): string {
    return `tcp://ringbook:ringbook-lab@127.0.0.1:${this.#ami}`;
  }

  /** member is how a queue has one of its members: paused or not, and why. */
  async member(queue: string, device: string): Promise<{ paused: boolean; reason: string }> {
    const answer = await manage(this.#ami, { Action: "QueueStatus", Queue: queue, Member: device });
    const member = answer.find((m) => m.Event === "QueueMember");
    if (!member) throw new Error(`${device} is no member of ${queue}`);
    return { paused: member.Paused === "1", reason: member.PausedReason ?? "" };
  }

  /** pause pauses an extension in all its queues, or takes the pause back, as a key of the phone does. */
  async pause(extension: string, paused: boolean, reason = ""): Promise<void> {
    const members = await manage(this.#ami, { Action: "QueueStatus" });
    const mine = members.flatMap(({ Event, Location = "" }) =>
      Event === "QueueMember" && new RegExp(`^(PJSIP/${extension}$|Local/${extension}@)`).test(Location)
        ? [Location]
        : [],
    );
    for (const Interface of new Set(mine)) {
      await manage(this.#ami, { Action: "QueuePause", Interface, Paused: String(paused), Reason: reason });
    }
  }

  async #run(): Promise<void> {
    const child = spawn(
      join(repository, "deploy/lab/asterisk.sh"),
      [
        ...[
          "run",
          this.#name,
          "UNTIL_EOF=1",
          `ARI_PORT=${this.#ari}`,
          `AMI_PORT=${this.#ami}`,
          `SIP_PORT=${this.#sip}`,
          `TRUNK_PORT=${this.#trunk}`,
        ],
        ...["RING_SECONDS=120", "MEMBER_SECONDS=120", "QUEUE_SECONDS=180", "WRAPUP_SECONDS=0"],
      ],
      { stdio: ["pipe", "pipe", "pipe"] },
    );
    this.#child = child;
    let said = "";
    await new Promise<void>((ready, failed) => {
      const read = (b: Buffer) => {
        said += b.toString();
        if (/^ready /m.test(said)) ready();
      };
      child.stdout.on("data", read);
      child.stderr.on("data", read);
      child.once("error", failed);
      child.once("exit", () => failed(new Error(`Asterisk did not start:\n${said}`)));
    });
  }

  /** phone connects the phone of an extension. It rings when called, and does nothing more until told. */
  async phone(extension: string): Promise<Phone> {
    const program = await this.#answering(await sipPort());
    const keys = { ext: extension, contact_port: String(program.port), expires: "3600" };
    const register = await this.#sipp("register", await sipPort(), keys, [
      "-m",
      "1",
      "-au",
      extension,
      "-ap",
      password,
    ]);
    if ((await register.ended) !== 0) throw new Error(`phone ${extension} could not register`);
    await this.free(extension);
    return new Phone(program);
  }

  /** farEnd is whom agents reach over the line. Only one at a time. */
  async farEnd(): Promise<Phone> {
    return new Phone(await this.#answering(this.#trunk));
  }

  async #answering(port: number): Promise<Program> {
    const program = await this.#sipp("phone-answers", port, {}, [], (text) =>
      replace(
        replace(
          text,
          '<recv request="CANCEL" timeout="@RING@" ontimeout="answer" next="cancelled"/>',
          '<recv request="INFO" optional="true" next="answer"/>\n<recv request="CANCEL" next="cancelled"/>',
        ),
        '<recv request="BYE" timeout="@TALK@" ontimeout="hangup" next="answered_bye"/>',
        '<recv request="INFO" optional="true" next="hangup"/>\n<recv request="BYE" next="answered_bye"/>',
      ),
    );
    await until(`sipp to listen at port ${port}`, () => {
      if (program.over) throw new Error(`sipp ended at once at port ${port}`);
      return readFileSync("/proc/net/udp", "utf8").includes(`:${port.toString(16).toUpperCase().padStart(4, "0")} `);
    });
    return program;
  }

  /** call places a call and returns at once. */
  async call(d: Dialling): Promise<Caller> {
    const from = d.agent ? `<sip:${d.agent}@127.0.0.1>` : `<sip:${d.from}@carrier.example>`;
    const keys = { from, to: d.to, headers: (d.headers ?? []).map((line) => `${line}\r\n`).join("") };
    const args = d.agent ? ["-m", "1", "-au", d.agent, "-ap", password] : ["-m", "1"];
    const program = await this.#sipp(d.agent ? "agent" : "caller", await sipPort(), keys, args, (text) =>
      replace(
        text.replaceAll("@CANCEL@", "600000").replace("@DIGITS@", ""),
        '<recv request="BYE" timeout="@TALK@" ontimeout="hangup" next="answer_bye"/>',
        '<recv request="INFO" optional="true" next="hangup"/>\n<recv request="BYE" next="answer_bye"/>',
      ),
    );
    return new Caller(program, d.agent !== undefined);
  }

  /** sipp starts a scenario of deploy/lab/sipp, changed by edit, with a log of all messages. */
  async #sipp(
    scenario: string,
    port: number,
    keys: Record<string, string>,
    args: string[],
    edit = (text: string) => text,
  ): Promise<Program> {
    const base = join(this.#folder, `${this.#programs.length}-${scenario}`);
    const text = await readFile(join(repository, `deploy/lab/sipp/${scenario}.xml`), "utf8");
    await writeFile(`${base}.xml`, edit(text));
    const child = spawn(
      "setpriv", // should this process be killed the hard way, sipp goes with it
      [
        ...["--pdeathsig", "KILL", "sipp", "-nostdin", "-sf", `${base}.xml`, "-i", "127.0.0.1", "-mi", "127.0.0.1"],
        ...[
          "-p",
          String(port),
          "-trace_msg",
          "-message_file",
          `${base}.sip`,
          "-trace_err",
          "-error_file",
          `${base}.err`,
        ],
        ...Object.entries(keys).flatMap(([key, value]) => ["-key", key, value]),
        ...args,
        `127.0.0.1:${this.#sip}`,
      ],
      { cwd: this.#folder, stdio: "ignore", env: { ...process.env, TZ: "UTC" } },
    );
    const program = new Program(child, `${base}.sip`, port);
    this.#programs.push(program);
    return program;
  }

  async #get(path: string): Promise<unknown> {
    const response = await fetch(`http://127.0.0.1:${this.#ari}/ari${path}`, {
      headers: { Authorization: `Basic ${btoa("ringbook:ringbook-lab")}` },
    });
    if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`);
    return response.json();
  }

  /** free waits until a phone is connected and has no call. */
  async free(extension: string): Promise<void> {
    await until(`phone ${extension} to be free`, async () => {
      const device = (await this.#get(`/deviceStates/PJSIP%2F${extension}`)) as { state: string };
      return device.state === "NOT_INUSE";
    });
  }

  /** quiet waits until every call is over. */
  async quiet(): Promise<void> {
    await until("every call to be over", async () => ((await this.#get("/channels")) as unknown[]).length === 0);
  }

  /** hangUpAll ends whatever calls a failed test has left. */
  async hangUpAll(): Promise<void> {
    for (const channel of (await this.#get("/channels")) as { id: string }[]) {
      await fetch(`http://127.0.0.1:${this.#ari}/ari/channels/${channel.id}`, {
        method: "DELETE",
        headers: { Authorization: `Basic ${btoa("ringbook:ringbook-lab")}` },
      });
    }
    await this.quiet();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#programs.map((p) => p.stop()));
    const child = this.#child;
    if (child && child.exitCode === null) {
      const gone = new Promise((r) => child.once("exit", r));
      child.stdin?.end();
      await gone;
    }
    if (!process.env.RINGBOOK_KEEP_LOGS) await rm(this.#folder, { recursive: true, force: true });
  }
}

function replace(text: string, from: string, to: string): string {
  if (!text.includes(from)) throw new Error(`the scenario has no ${from}`);
  return text.replace(from, to);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((r) => server.listen(0, "127.0.0.1", r));
  const address = server.address();
  await new Promise((r) => server.close(r));
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}

// SIP in the laboratory uses the UDP ports from here on, below those that the system hands out.
const sipFirst = 20_000;
const sipPorts = 1000;
let sipNext = Math.floor(Math.random() * sipPorts);

/** sipPort is a UDP port that nobody has at this moment, another one each time. */
async function sipPort(): Promise<number> {
  for (let i = 0; i < sipPorts; i++) {
    const port = sipFirst + (sipNext++ % sipPorts);
    const socket = createSocket("udp4");
    const free = await new Promise<boolean>((done) => {
      socket.once("error", () => done(false));
      socket.bind(port, "127.0.0.1", () => done(true));
    });
    socket.close();
    if (free) return port;
  }
  throw new Error(`no free UDP port from ${sipFirst} on`);
}
