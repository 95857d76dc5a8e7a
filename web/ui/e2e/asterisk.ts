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

const password = "phone-lab";

/** until asks again and again until the answer is neither undefined, null nor false; it says what was missing. */
export async function until<T>(what: string, ask: () => T | Promise<T>, patience = 20_000): Promise<NonNullable<T>> {
  const end = Date.now() + patience;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== null && answer !== false) return answer;
    if (Date.now() > end) throw new Error(`waited ${patience / 1000} s: ${what}`);
    await new Promise((again) => setTimeout(again, 10));
  }
}

/** Message is one line of SIP that a sipp has sent or received, and when (milliseconds since 1970, with fractions). */
interface Message {
  at: number;
  sent: boolean;
  /** The whole text; lines end with LF. */
  text: string;
}

const header = (m: Message, name: string) => new RegExp(`^${name}: *(.*)$`, "mi").exec(m.text)?.[1] ?? "";

/** Program is a running sipp. */
class Program {
  readonly #child: ChildProcess;
  readonly #log: string;
  readonly port: number;
  readonly ended: Promise<number | null>;
  over = false;
  #told = 0;

  constructor(child: ChildProcess, log: string, port: number) {
    this.#child = child;
    this.#log = log;
    this.port = port;
    this.ended = new Promise((resolve) => {
      child.once("exit", (code) => {
        this.over = true;
        resolve(code);
      });
    });
  }

  /** messages are all so far, the oldest first. */
  async messages(): Promise<Message[]> {
    const log = (await readFile(this.#log, "utf8").catch(() => "")).replaceAll("\r", "");
    return log.split(/^-{20,} /m).flatMap((part) => {
      const m = /^(\d{4}-\d\d-\d\d).(\d\d:\d\d:\d\d)(\.\d+)\n\w+ message (sent|received)[^\n]*\n\n([\s\S]*)$/.exec(
        part,
      );
      if (!m) return [];
      const at = Date.parse(`${m[1]}T${m[2]}Z`) + Number(m[3]) * 1000;
      return [{ at, sent: m[4] === "sent", text: m[5] ?? "" }];
    });
  }

  /** find waits for a message of one dialogue; all dialogues when callID is empty. */
  find(sent: boolean, start: string, callID = "", cseq = ""): Promise<Message> {
    return until(`"${start}" to be ${sent ? "sent" : "received"} at port ${this.port}`, async () =>
      (await this.messages()).find(
        (m) =>
          m.sent === sent &&
          m.text.startsWith(start) &&
          (callID === "" || header(m, "Call-ID") === callID) &&
          header(m, "CSeq").endsWith(cseq),
      ),
    );
  }

  /**
   * tell makes the scenario go on: it waits for an INFO of its dialogue. The headers are those of the message that began the
   * dialogue, because sipp builds its answers from the last message that it saw; one number tells each from a repetition.
   */
  async tell(begin: Message): Promise<void> {
    const headers = ["Via", "From", "To", "Call-ID", "CSeq"].map((name) => `${name}: ${header(begin, name)}\r\n`);
    const text = `INFO sip:lab@127.0.0.1 SIP/2.0\r\n${headers.join("")}X-Told: ${++this.#told}\r\nContent-Length: 0\r\n\r\n`;
    const socket = createSocket("udp4");
    await new Promise<void>((sent, failed) =>
      socket.send(text, this.port, "127.0.0.1", (err) => (err ? failed(err) : sent())),
    );
    socket.close();
  }

  async stop(): Promise<void> {
    if (!this.over) this.#child.kill("SIGKILL");
    await this.ended;
  }
}

/** Phone is an agent's phone, or the far end of the line. */
export class Phone {
  readonly #program: Program;
  #taken = 0;

  constructor(program: Program) {
    this.#program = program;
  }

  /** ring waits for the next call to this phone. */
  async ring(): Promise<Ring> {
    const invite = await until(`port ${this.#program.port} to ring`, async () => {
      const calls = new Map<string, Message>();
      for (const m of await this.#program.messages()) {
        const id = header(m, "Call-ID");
        if (!m.sent && m.text.startsWith("INVITE ") && !calls.has(id)) calls.set(id, m);
      }
      return [...calls.values()][this.#taken];
    });
    this.#taken++;
    return new Ring(this.#program, invite);
  }
}

/** Ring is one call at a phone. Its times are those of the phone's own log. */
export class Ring {
  readonly #program: Program;
  readonly #invite: Message;
  readonly #id: string;
  /** When the phone was asked to ring. */
  readonly at: number;

  constructor(program: Program, invite: Message) {
    this.#program = program;
    this.#invite = invite;
    this.#id = header(invite, "Call-ID");
    this.at = invite.at;
  }

  /** answer lifts the receiver and returns when. */
  async answer(): Promise<number> {
    await this.#program.tell(this.#invite);
    return (await this.#program.find(true, "SIP/2.0 200", this.#id, "INVITE")).at;
  }

  /** hangUp ends the talk, once it has begun, and returns when. */
  async hangUp(): Promise<number> {
    await this.#program.find(false, "ACK ", this.#id);
    await this.#program.tell(this.#invite);
    return (await this.#program.find(true, "BYE ", this.#id)).at;
  }

  /** cancelled returns when the phone was told that the call is no longer for it. */
  async cancelled(): Promise<number> {
    return (await this.#program.find(false, "CANCEL ", this.#id)).at;
  }

  /** ended returns when the phone was told that the other side has hung up. */
  async ended(): Promise<number> {
    return (await this.#program.find(false, "BYE ", this.#id)).at;
  }
}

/** Caller is somebody who calls: from outside, or an agent who dials. */
export class Caller {
  readonly #program: Program;
  readonly #agent: boolean;

  constructor(program: Program, agent: boolean) {
    this.#program = program;
    this.#agent = agent;
  }

  /** dialled returns when the call reached the PBX: an agent's is the one with the password. */
  async dialled(): Promise<number> {
    return (await this.#begin()).at;
  }

  #begin(): Promise<Message> {
    return this.#program.find(true, "INVITE ", "", this.#agent ? "2 INVITE" : "1 INVITE");
  }

  /** answered waits until the PBX has answered: a queue does so by itself. */
  async answered(): Promise<number> {
    return (await this.#program.find(false, "SIP/2.0 200", "", "INVITE")).at;
  }

  /** hangUp ends the call, once it is answered, and returns when. */
  async hangUp(): Promise<number> {
    await this.#program.find(true, "ACK ", "", this.#agent ? "2 ACK" : "1 ACK");
    await this.#program.tell(await this.#begin());
    const bye = await this.#program.find(true, "BYE ");
    await this.#program.ended;
    return bye.at;
  }

  /** ended waits until the other side has hung up. */
  async ended(): Promise<void> {
    await this.#program.ended;
  }
}

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
  readonly #sip: number;
  readonly #trunk: number;
  readonly #programs: Program[] = [];
  #child: ChildProcess | undefined;

  private constructor(name: string, folder: string, ari: number, sip: number, trunk: number) {
    this.#name = name;
    this.#folder = folder;
    this.#ari = ari;
    this.#sip = sip;
    this.#trunk = trunk;
  }

  /** start returns when ARI answers and SIP is up. It ends with this process at the latest. */
  static async start(): Promise<Asterisk> {
    const folder = await mkdtemp(join(tmpdir(), "ringbook-pbx-"));
    for (let attempt = 1; ; attempt++) {
      const ari = await freePort();
      const pbx = new Asterisk(`browser-${process.pid}-${ari}`, folder, ari, await sipPort(), await sipPort());
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

  async #run(): Promise<void> {
    const child = spawn(
      join(repository, "deploy/lab/asterisk.sh"),
      [
        ...[
          "run",
          this.#name,
          "UNTIL_EOF=1",
          `ARI_PORT=${this.#ari}`,
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
