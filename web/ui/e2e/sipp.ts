// What sipp plays: phones and callers who do only what the test tells them to, and remember when they did it.
import type { ChildProcess } from "node:child_process";
import { createSocket } from "node:dgram";
import { readFile } from "node:fs/promises";

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
export class Program {
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
  #cseq = 50;
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

  /** transfer sends the other side on to an extension (REFER), and returns when the PBX has agreed. The phone still has to hang up. */
  async transfer(to: string): Promise<number> {
    const contact = `<sip:127.0.0.1:${this.#program.port};transport=UDP>`;
    return this.#request("REFER", (pbx) => [
      `Refer-To: <sip:${to}@127.0.0.1:${pbx}>`,
      `Referred-By: ${contact}`,
      "Refer-Sub: false",
    ]);
  }

  /** told waits until the PBX has told the phone to hold, or to talk again (NOTIFY). */
  async told(event: "hold" | "talk"): Promise<void> {
    await until(`port ${this.#program.port} to be told to ${event}`, async () =>
      (await this.#program.messages()).some(
        (m) =>
          !m.sent && m.text.startsWith("NOTIFY ") && header(m, "Call-ID") === this.#id && header(m, "Event") === event,
      ),
    );
  }

  /** hold puts the other side on hold, or takes it back, and returns when the PBX has agreed. */
  async hold(held: boolean): Promise<void> {
    const sdp = ["v=0", "o=phone 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", "m=audio 9 RTP/AVP 0"];
    const body = [...sdp, "a=rtpmap:0 PCMU/8000", `a=${held ? "sendonly" : "sendrecv"}`, ""].join("\r\n");
    await this.#request("INVITE", () => ["Content-Type: application/sdp"], body);
  }

  /** request sends a request within the dialogue, from a port of its own, and returns when the PBX has agreed. */
  async #request(method: string, headers: (pbx: number) => string[], body = ""): Promise<number> {
    const answer = await this.#program.find(true, "SIP/2.0 200", this.#id, "INVITE");
    await this.#program.find(false, "ACK ", this.#id);
    const pbx = Number(/<sip:[^>]*:(\d+)/.exec(header(this.#invite, "Contact"))?.[1]);
    const socket = createSocket("udp4");
    await new Promise<void>((bound) => socket.bind(0, "127.0.0.1", bound));
    const cseq = this.#cseq++;
    const text = (method: string, more: string[], body: string) =>
      [
        `${method} sip:asterisk@127.0.0.1:${pbx} SIP/2.0`,
        `Via: SIP/2.0/UDP 127.0.0.1:${socket.address().port};branch=z9hG4bK-${method}-${socket.address().port}`,
        "Max-Forwards: 70",
        `From: ${header(answer, "To")}`,
        `To: ${header(answer, "From")}`,
        `Call-ID: ${this.#id}`,
        `CSeq: ${cseq} ${method}`,
        `Contact: <sip:127.0.0.1:${this.#program.port};transport=UDP>`,
        ...more,
        `Content-Length: ${body.length}`,
        "",
        body,
      ].join("\r\n");
    const send = (text: string) =>
      new Promise<void>((sent, failed) => socket.send(text, pbx, "127.0.0.1", (err) => (err ? failed(err) : sent())));
    try {
      const answered = new Promise<string>((told, failed) => {
        const late = setTimeout(() => failed(new Error(`no answer to the ${method}`)), 10_000);
        socket.on("message", (m) => {
          const [first = ""] = m.toString().split("\r\n");
          if (/^SIP\/2.0 1/.test(first)) return;
          clearTimeout(late);
          told(first);
        });
      });
      await send(text(method, headers(pbx), body));
      const status = await answered;
      const agreed = Date.now();
      if (!/^SIP\/2.0 2/.test(status)) throw new Error(`the ${method} was refused: ${status}`);
      if (method === "INVITE") await send(text("ACK", [], ""));
      return agreed;
    } finally {
      socket.close();
    }
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
