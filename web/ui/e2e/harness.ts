// What every browser test needs: the built program running, Chromium, somebody logged in, and axe.
// Set RINGBOOK_BIN to test another binary, CHROMIUM another browser.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";

const here = dirname(fileURLToPath(import.meta.url));
export const repository = join(here, "../../..");

/** Server is a running ringbook; stop ends it and removes its data. */
export interface Server {
  url: string;
  stop(): Promise<void>;
  /** pause freezes the program (SIGSTOP), as if the server were away; resume lets it go on. */
  pause(): void;
  resume(): void;
  log(): string;
}

/** Process is a Server with a standard input. */
interface Process extends Server {
  write(line: string): void;
}

export const demoPassword = "ringbook-demo";

/** Demo is a running `ringbook demo`. */
export interface Demo extends Server {
  /** call lets somebody call: "SCENARIO NUMBER [EXTENSION…]", see `ringbook demo --help`. Only with conduct. */
  call(line: string): void;
  /** hangDatabase freezes PostgreSQL, as if its disk hung, until the returned function is called. */
  hangDatabase(): Promise<() => void>;
}

/** startDemo starts `ringbook demo` with data of its own; somebody calls about every pause, or only on call. */
export async function startDemo({ pause = "4s", conduct = false } = {}): Promise<Demo> {
  const folder = await mkdtemp(join(tmpdir(), "ringbook-e2e-"));
  const data = join(folder, "demo");
  const args = ["demo", "--listen", "127.0.0.1:0", "--data", data, "--pause", pause];
  const server = await startServer(conduct ? [...args, "--conduct"] : args, {}, [folder]);
  return {
    ...server,
    call: server.write,
    async hangDatabase() {
      const [pid] = (await readFile(join(data, "postgres/postmaster.pid"), "utf8")).split("\n");
      const all = [Number(pid), ...(await childrenOf(Number(pid)))];
      for (const p of all) process.kill(p, "SIGSTOP");
      return () => {
        for (const p of all) process.kill(p, "SIGCONT");
      };
    },
  };
}

async function childrenOf(parent: number): Promise<number[]> {
  const stats = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const all = await Promise.all(stats.map((pid) => readFile(`/proc/${pid}/stat`, "utf8").catch(() => "")));
  return all.flatMap((stat) => {
    const m = /^(\d+) \(.*\) \S (\d+)/.exec(stat);
    return m && Number(m[2]) === parent ? [Number(m[1])] : [];
  });
}

/** startServer runs bin/ringbook with arguments and waits until it says where it listens. */
export async function startServer(
  args: string[],
  env: Record<string, string>,
  remove: string[] = [],
): Promise<Process> {
  const bin = process.env.RINGBOOK_BIN ?? join(repository, "bin/ringbook");
  if (!existsSync(bin)) throw new Error(`${bin} is missing: run make build first`);
  const child = spawn(bin, args, { env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "pipe"] });
  let output = "";
  const url = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`ringbook did not start:\n${output}`)), 90_000);
    const read = (b: Buffer) => {
      output += b.toString();
      const url = addressOf(args[0] ?? "", output);
      if (url) {
        clearTimeout(timer);
        resolve(url);
      }
    };
    child.stdout?.on("data", read);
    child.stderr?.on("data", read);
    child.once("exit", (code) => {
      clearTimeout(timer);
      reject(new Error(`ringbook ended with ${code}:\n${output}`));
    });
  });
  return {
    url,
    log: () => output,
    write: (line) => child.stdin?.write(`${line}\n`),
    pause: () => child.kill("SIGSTOP"),
    resume: () => child.kill("SIGCONT"),
    async stop() {
      child.kill("SIGCONT");
      await ended(child);
      for (const folder of remove) await rm(folder, { recursive: true, force: true });
    },
  };
}

/** addressOf finds where the program says that it listens: the demo to people, the service in its log. */
function addressOf(command: string, output: string): string | null {
  if (command === "demo") return /is ringing:\s+(http:\/\/[\w.[\]:]+:\d+)(?=\s)/.exec(output)?.[1] ?? null;
  const address = /\bmsg=listening\b.*?\baddress=([\w.[\]:]+:\d+)(?=\s)/.exec(output)?.[1];
  return address ? `http://${address}` : null;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const gone = new Promise<void>((r) => child.once("exit", () => r()));
  child.kill("SIGTERM");
  const hard = setTimeout(() => child.kill("SIGKILL"), 20_000);
  await gone;
  clearTimeout(hard);
}

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-domain-reliability",
      "--disable-sync",
      "--no-first-run",
      "--no-default-browser-check",
    ],
  });
}

export interface Look {
  language: "fa" | "en";
  theme?: "light" | "dark";
  size?: { width: number; height: number };
}

export const desktop = { width: 1440, height: 900 };
export const phone = { width: 390, height: 844 };

/** open makes a browser session (own cookies) that has a language and colours from the start. */
export async function open(
  browser: Browser,
  server: Server,
  look: Look,
): Promise<{ context: BrowserContext; page: Page }> {
  const context = await browser.newContext({
    baseURL: server.url,
    viewport: look.size ?? desktop,
    colorScheme: look.theme ?? "light",
    locale: look.language === "fa" ? "fa-IR" : "en-GB",
    reducedMotion: "reduce",
  });
  await context.addInitScript(
    ([language, theme]) => {
      if (!localStorage.getItem("ringbook.preferences")) {
        localStorage.setItem("ringbook.preferences", JSON.stringify({ language, theme }));
      }
    },
    [look.language, look.theme ?? "light"] as const,
  );
  const page = await context.newPage();
  return { context, page };
}

/** logIn logs in through the form, in the language of look (chosen there, as a person would). */
export async function logIn(page: Page, user: string, look: Look, password = demoPassword): Promise<void> {
  await page.goto("/login");
  const name = look.language === "fa" ? "فارسی" : "English";
  const other = look.language === "fa" ? "English" : "فارسی";
  // Choosing on this page is the newest word about the language, whatever the server remembers.
  await page.getByText(other, { exact: true }).click();
  await page.getByText(name, { exact: true }).click();
  await page.locator('input[name="username"]').fill(user);
  await page.locator('input[name="password"]').fill(password);
  await page.locator('button[type="submit"]').click();
  await page.waitForURL((url) => !["/", "/login"].includes(url.pathname));
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** axe returns what axe-core finds wrong on the page (WCAG 2.1 A and AA), one line each. */
export async function axe(page: Page): Promise<string[]> {
  // Through the debugger: the page's own policy allows no such script.
  await page.evaluate(axeSource);
  return page.evaluate(async () => {
    const run = (window as unknown as { axe: typeof import("axe-core") }).axe.run;
    const { violations } = await run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] });
    return violations.flatMap((v) =>
      v.nodes.map((n) => `${v.id}: ${n.target.join(" ")} — ${n.failureSummary?.split("\n")[1]?.trim()}`),
    );
  });
}
