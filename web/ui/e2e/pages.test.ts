// The lists and settings in a real browser against the real program.
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Call, FollowUp } from "../src/api/types";
import { axe, launch, logIn, open, phone, type Server, startDemo } from "./harness";
import { en, fa } from "./words";

let server: Server;
let browser: Browser;
beforeAll(async () => {
  server = await startDemo({ pause: "5s" });
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

const words = {
  fa: {
    save: "ذخیره",
    create: "ساختن",
    archive: "بایگانی",
    restore: "بازگرداندن",
    edit: "ویرایش",
    addNumber: "افزودن شماره",
    newAgent: "کارشناس تازه",
    locale: fa,
  },
  en: {
    save: "Save",
    create: "Create",
    archive: "Archive",
    restore: "Restore",
    edit: "Edit",
    addNumber: "Add a number",
    newAgent: "New agent",
    locale: en,
  },
};

for (const language of ["fa", "en"] as const) {
  describe(language, () => {
    const w = words[language];
    let context: BrowserContext;
    let page: Page;
    beforeAll(async () => {
      ({ context, page } = await open(browser, server, { language }));
      await logIn(page, "admin", { language });
    });
    afterAll(() => context?.close());

    test("a filtered call list is a link", async () => {
      await page.goto("/calls?outcome=answered&direction=inbound");
      await page.locator("tbody tr").first().waitFor();
      const tones = await page
        .locator("tbody .outcome[data-tone]")
        .evaluateAll((all) => all.map((x) => x.getAttribute("data-tone")));
      expect(new Set(tones)).toEqual(new Set(["good"]));
      // Persian digits in the address's search mean the same as ASCII ones.
      await page.goto(`/calls?number=${encodeURIComponent("۰۹۹۹۹۹۹۹۹۹۹")}`);
      await page.locator(".empty").waitFor();
      await page.locator(".empty button").click();
      await page.locator("tbody tr").first().waitFor();
      expect(new URL(page.url()).search).toBe("");
    });

    test("a day is picked in the language's calendar, from Saturday on", async () => {
      await page.goto("/calls?from=2026-11-22");
      await page.locator('[role="spinbutton"]').first().waitFor();
      const segments = await page.locator('[role="spinbutton"]').allTextContents();
      const year = language === "fa" ? "۱۴۰۵" : "2026";
      expect(segments.join(" ")).toContain(year);
      await page
        .getByRole("button", { name: language === "fa" ? "انتخاب روز" : "Choose a day" })
        .first()
        .click();
      const first = await page.locator("table[role=grid] th").first().textContent();
      expect(first).toBe(language === "fa" ? "ش" : "S");
      expect(await axe(page)).toEqual([]);
      await page.keyboard.press("Escape");
    });

    test("a call shows its legs on a time line", async () => {
      await page.goto("/calls?outcome=answered");
      await page.locator("tbody tr a").first().click();
      await page.locator("#note").waitFor();
      expect(await page.locator("[data-kind=talk]").count()).toBeGreaterThan(0);
      expect(await axe(page)).toEqual([]);
    });

    test("a transferred call: an arrow, both agents, every time by keyboard and in the table", async () => {
      const { items } = (await (await page.request.get("/api/v1/calls?limit=200")).json()) as { items: Call[] };
      const call = items.find((c) => c.transfers.length > 0 && c.hold_ms > 0);
      if (!call) throw new Error("the demo's past has no transferred call");
      await page.goto(`/calls/${call.id}`);
      const bars = page.locator("button[data-bar]");
      await bars.first().waitFor();
      expect(await page.getByTestId("transfer").count()).toBe(1);
      expect(await page.locator("ol > li").count()).toBe(3);
      // One stop of the Tab key; the arrow keys lead on, and each bar says from when to when.
      expect(await page.locator('button[data-bar][tabindex="0"]').count()).toBe(1);
      await bars.first().focus();
      await page.keyboard.press(language === "fa" ? "ArrowLeft" : "ArrowRight");
      const second = page.locator("ol > li").first().locator("button[data-bar]").nth(1);
      expect(await second.evaluate((b) => b === document.activeElement)).toBe(true);
      await page.locator('[role="tooltip"]').waitFor();
      expect(await page.locator('[role="tooltip"]').textContent()).toContain(w.locale.calls.talk);
      await page.keyboard.press("ArrowDown");
      expect(await page.evaluate(() => document.activeElement?.closest("li")?.matches(":nth-child(2)"))).toBe(true);
      await page.getByText(w.locale.calls.details).click();
      await page.locator("details table tbody tr").nth(2).waitFor();
      for (const head of [w.locale.calls.onHold, w.locale.calls.through]) {
        expect(await page.locator("details th").getByText(head, { exact: true }).count()).toBe(1);
      }
      expect(await axe(page)).toEqual([]);
    });

    test("follow-ups: made with words, filtered, moved together, done and brought back", async () => {
      const w2 = w.locale.followUps;
      const fa = language === "fa";
      const name = `Renewal ${language} ${Date.now()}`;
      const due = fa ? "فردا ساعت ۱۰" : "tomorrow 10am";
      const open = async () => {
        const list = await page.request.get(`/api/v1/follow-ups?q=${encodeURIComponent(name)}`);
        return ((await list.json()) as { items: FollowUp[] }).items;
      };
      await page.goto(`/follow-ups?owner=all&q=${encodeURIComponent(name)}`);
      await page.locator(".empty").waitFor();
      await page.keyboard.press("n");
      const dialog = page.getByRole("dialog");
      await dialog.getByLabel(w2.title).fill(`${name} one`);
      const when = dialog.getByLabel(w2.due);
      // What is not understood is said, with what would be right, and nothing is saved.
      await when.fill(fa ? "یک وقتی" : "some time");
      await dialog.getByText(w.locale.fault.noDue).waitFor();
      await when.fill(due);
      await expect.poll(() => dialog.getByTestId("due-reading").textContent()).toContain(fa ? "۱۰:۰۰" : "10:00");
      expect(await axe(page)).toEqual([]);
      await page.keyboard.press("Enter");
      await page.locator("tr[data-row]").waitFor();
      const [first] = await open();
      expect(new Date(first?.due_at ?? "").toISOString()).toMatch(/T06:30:00/);
      const customer = await page.request.post("/api/v1/customers", {
        data: { name: `${name} Ltd`, numbers: [{ number: "09121234567" }] },
      });
      const { id } = (await customer.json()) as { id: string };
      const made = await page.request.post("/api/v1/follow-ups", {
        data: { kind: "callback", customer_id: id, due_at: new Date(Date.now() + 3 * 86_400_000).toISOString() },
      });
      expect(made.status()).toBe(201);

      // The filters are the address; the customer's name finds the callback, too.
      await page.reload();
      await expect.poll(() => page.locator("tr[data-row]").count()).toBe(2);
      expect(await axe(page)).toEqual([]);
      await page.goto(`/follow-ups?owner=all&kind=callback&q=${encodeURIComponent(name)}`);
      await expect.poll(() => page.locator("tr[data-row]").count()).toBe(1);
      await page.getByRole("button", { name: w2.states.closed }).click();
      await page.locator(".empty").waitFor();
      expect(new URL(page.url()).searchParams.get("state")).toBe("closed");

      // Two rows by keyboard, and another time for both.
      await page.goto(`/follow-ups?owner=all&q=${encodeURIComponent(name)}`);
      await expect.poll(() => page.locator("tr[data-row]").count()).toBe(2);
      for (const key of ["j", "x", "j", "x"]) await page.keyboard.press(key);
      await page.getByRole("toolbar").waitFor();
      await page.keyboard.press("r");
      await dialog.getByLabel(w2.due).fill(fa ? "شنبه عصر" : "Saturday 17:00");
      await page.keyboard.press("Enter");
      await dialog.waitFor({ state: "detached" });
      const moved = await open();
      expect(moved.map((x) => x.state)).toEqual(["rescheduled", "rescheduled"]);
      expect(new Set(moved.map((x) => x.due_at)).size).toBe(1);
      expect(new Date(moved[0]?.due_at ?? "").toISOString()).toMatch(/T13:30:00/);

      // Done by key, and brought back. Both are due at the same moment now: whichever stands first.
      const one = page.locator("tr[data-row]", { hasText: `${name} one` });
      await one.focus();
      await page.keyboard.press("d");
      await expect.poll(() => page.locator("tr[data-row]").count()).toBe(1);
      await page
        .locator(".mantine-Notification-root")
        .getByRole("button", { name: w.locale.action.undo })
        .last()
        .click();
      await expect.poll(() => page.locator("tr[data-row]").count()).toBe(2);

      // One is looked at by its address, with all that was done to it.
      await one.focus();
      await page.keyboard.press("Enter");
      await dialog.locator("ol li").nth(3).waitFor();
      expect(new URL(page.url()).searchParams.get("id")).toBeTruthy();
      await page.keyboard.press("Escape");
      await expect.poll(() => new URL(page.url()).searchParams.has("id")).toBe(false);
    });

    test("time runs as the language reads: from the right in Persian, from the left in English", async () => {
      await page.goto("/calls?outcome=answered&direction=inbound");
      await page.locator("tbody tr a").first().click();
      await page.locator("[data-kind=talk]").first().waitFor();
      const line = await page.evaluate(() => {
        const box = (e: Element) => e.getBoundingClientRect();
        const ring = document.querySelector("[data-kind=ring]") as Element;
        const talk = ring.parentElement?.querySelector("[data-kind=talk]") as Element;
        const track = box(ring.parentElement as Element);
        const ticks = [...document.querySelectorAll("[data-axis] span")].map((t) => box(t));
        return {
          track: [track.left, track.right],
          ring: [box(ring).left, box(ring).right],
          talk: [box(talk).left, box(talk).right],
          ticks: ticks.map((t) => (t.left + t.right) / 2),
        };
      });
      // Mirrored, so that one set of assertions says it for both.
      const x = (v: number) => (language === "fa" ? (line.track[1] ?? 0) - v : v - (line.track[0] ?? 0));
      const [ringFrom, ringTo] = line.ring.map(x).sort((a, b) => a - b) as [number, number];
      const [talkFrom, talkTo] = line.talk.map(x).sort((a, b) => a - b) as [number, number];
      const width = (line.track[1] ?? 0) - (line.track[0] ?? 0);
      expect(ringFrom).toBeGreaterThanOrEqual(-1);
      expect(ringTo).toBeGreaterThan(ringFrom);
      expect(Math.abs(talkFrom - ringTo)).toBeLessThan(4);
      expect(talkTo).toBeGreaterThan(talkFrom);
      expect(talkTo).toBeLessThanOrEqual(width + 1);
      const ticks = line.ticks.map(x);
      expect(ticks.length).toBeGreaterThan(2);
      expect(ticks[0]).toBeLessThan(60);
      expect(ticks.toSorted((a, b) => a - b)).toEqual(ticks);
    });

    test("what two people change at once is not lost: the second is told, and decides", async () => {
      const made = await page.request.post("/api/v1/customers", { data: { name: `Two editors ${Date.now()}` } });
      const { id, version } = (await made.json()) as { id: string; version: number };
      const path = `/api/v1/customers/${id}`;
      const stored = async () => (await (await page.request.get(path)).json()) as { note: string; name: string };
      await page.goto(`/customers/${id}/edit`);
      const note = page.locator("form textarea").last();
      await note.fill("mine");
      const other = await page.request.patch(path, { data: { note: "theirs", version } });
      expect(other.status()).toBe(200);
      await page.getByRole("button", { name: w.save }).click();
      await page.getByText(w.locale.customers.conflictTitle).waitFor();
      expect(await note.inputValue()).toBe("mine");
      expect((await stored()).note).toBe("theirs");
      expect(await axe(page)).toEqual([]);
      await page.getByRole("button", { name: w.locale.customers.conflictTheirs }).click();
      await expect.poll(() => note.inputValue()).toBe("theirs");
      await note.fill("theirs and mine");
      const third = await page.request.patch(path, { data: { note: "a third" } });
      expect(third.status()).toBe(200);
      await page.getByRole("button", { name: w.save }).click();
      await page.getByRole("button", { name: w.locale.customers.conflictMine }).click();
      await page.waitForURL(/\/customers\/[0-9a-f-]{36}$/);
      expect((await stored()).note).toBe("theirs and mine");
    });

    test("a new version of the server is said, and loaded when nobody works here", async () => {
      await page.goto("/settings/me");
      await page.locator("form").first().waitFor();
      await page.route("**/api/v1/status", async (route) => {
        const response = await route.fetch();
        await route.fulfill({ response, json: { ...(await response.json()), version: "the next one" } });
      });
      await page.evaluate(() => document.body.setAttribute("data-not-reloaded", "yes"));
      await page.getByText(w.locale.app.newVersion).waitFor({ timeout: 20_000 });
      expect(await page.getAttribute("body", "data-not-reloaded")).toBe("yes");
      expect(await axe(page)).toEqual([]);
      await page.unroute("**/api/v1/status");
      // Nobody looks any more: now it may load the new one.
      await page.evaluate(() => {
        Object.defineProperty(document, "visibilityState", { configurable: true, get: () => "hidden" });
        document.dispatchEvent(new Event("visibilitychange"));
      });
      // While it loads there is no body.
      await page.waitForFunction(() => document.body?.hasAttribute("data-not-reloaded") === false, null, {
        timeout: 20_000,
      });
      await page.locator("form").first().waitFor();
      expect(await page.getByText(w.locale.app.newVersion).count()).toBe(0);
    });

    test("M7 a customer is created with two numbers, found by either, changed, archived and restored", async () => {
      const name = `${language === "fa" ? "سارا آزمایشی" : "Sara Testing"} ${Date.now()}`;
      const mobile = `0912${String(Date.now()).slice(-7)}`;
      await page.goto("/customers/new");
      await page.locator("form input[required]").fill(name);
      await page.locator('input[inputmode="tel"]').first().fill(mobile);
      await page.getByRole("button", { name: w.addNumber }).click();
      await page.locator('input[inputmode="tel"]').nth(1).fill("۰۲۱ ۸۸۷۷ ۶۶۵۵");
      await page.getByRole("button", { name: w.create, exact: true }).click();
      await page.waitForURL(/\/customers\/[0-9a-f-]{36}$/);
      await page.locator(".num").nth(1).waitFor();
      const persian = mobile.replace(/\d/g, (d) => "۰۱۲۳۴۵۶۷۸۹"[Number(d)] ?? d);
      await page.goto(`/customers?q=${encodeURIComponent(persian)}`);
      await page.getByRole("link", { name }).waitFor();
      await page.getByRole("link", { name }).click();
      await page.getByRole("button", { name: w.edit }).click();
      await page.locator("form input[required]").fill(`${name} 2`);
      await page.getByRole("button", { name: w.save }).click();
      await page.waitForURL(/\/customers\/[0-9a-f-]{36}$/);
      await page.getByRole("heading", { name: `${name} 2` }).waitFor();
      await page.getByRole("button", { name: w.archive }).click();
      await page.getByRole("button", { name: w.restore }).click();
      await page.getByRole("button", { name: w.archive }).waitFor();
    });

    test("the server's complaint about a number is shown at that number", async () => {
      await page.goto("/customers/new");
      await page.locator("form input[required]").fill("x");
      await page.locator('input[inputmode="tel"]').first().fill("9".repeat(101));
      const answer = page.waitForResponse(
        (r) => r.url().endsWith("/api/v1/customers") && r.request().method() === "POST",
      );
      await page.getByRole("button", { name: w.create, exact: true }).click();
      expect((await answer).status()).toBe(422);
      await page.locator('input[inputmode="tel"][aria-invalid="true"]').waitFor();
      const hundred = language === "fa" ? "۱۰۰" : "100";
      const said = w.locale.fault.tooLong.replace("{{n}}", hundred);
      await page.locator("fieldset").getByText(said, { exact: true }).waitFor();
      expect(await page.locator("main").textContent()).not.toContain("expected");
      expect(await axe(page)).toEqual([]);
    });

    test("an agent is created with an extension", async () => {
      await page.goto("/settings/agents");
      await page.locator("tbody tr").first().waitFor();
      expect(await axe(page)).toEqual([]);
      await page.getByRole("button", { name: w.newAgent }).click();
      const dialog = page.getByRole("dialog");
      const username = `t${Date.now()}`;
      await dialog.locator("input[required]").nth(0).fill(`Tester ${username}`);
      await dialog.locator("input[required]").nth(1).fill(username);
      const extension = dialog.locator("input[placeholder]").filter({ visible: true }).first();
      await extension.fill(`7${String(Date.now()).slice(-4)}`);
      await extension.press("Enter");
      await dialog.locator('input[type="password"]').fill("a good password");
      expect(await axe(page)).toEqual([]);
      await dialog.getByRole("button", { name: w.create, exact: true }).click();
      await page.getByText(`Tester ${username}`).first().waitFor();
    });

    test("Ctrl+K finds a page and a customer; ? shows the keys", async () => {
      await page.goto("/settings/me");
      await page.locator("form").waitFor();
      await page.keyboard.press("Control+KeyK");
      await page.locator("input.mantine-Spotlight-search").fill(language === "fa" ? "مشتریان" : "Customers");
      await page.keyboard.press("Enter");
      await page.waitForURL("**/customers");
      await page.locator("body").click({ position: { x: 5, y: 400 } });
      await page.keyboard.press("Shift+Slash");
      await page.getByRole("dialog").waitFor();
      expect(await axe(page)).toEqual([]);
    });

    for (const theme of ["light", "dark"] as const) {
      test(`every list is axe clean, ${theme}`, async () => {
        await page.evaluate((theme) => {
          const saved = JSON.parse(localStorage.getItem("ringbook.preferences") ?? "{}");
          localStorage.setItem("ringbook.preferences", JSON.stringify({ ...saved, theme }));
        }, theme);
        for (const path of [
          "/calls",
          "/customers",
          "/customers/new",
          "/settings/me",
          "/settings/queues",
          "/settings/pauses",
          "/settings/dialling",
          "/settings/teams",
          "/settings/tokens",
          "/settings/agents",
          "/settings/health",
        ]) {
          await page.goto(path);
          await page.locator("tbody tr, form, .empty").first().waitFor();
          expect(await axe(page), path).toEqual([]);
        }
      });

      test(`a call, a customer, their forms and dialogs and the log-in are axe clean, ${theme}`, async () => {
        const list = await page.request.get("/api/v1/calls?outcome=answered&limit=50");
        const { items } = (await list.json()) as { items: { id: string; customer: { id: string } | null }[] };
        const call = items.find((c) => c.customer);
        if (!call?.customer) throw new Error("the demo has no answered call of a customer");
        await page.goto(`/calls/${call.id}`);
        await page.locator("#note").waitFor();
        expect(await axe(page), "call").toEqual([]);
        await page.getByRole("button", { name: w.locale.calls.changeCustomer }).click();
        await page.getByRole("dialog").waitFor();
        expect(await axe(page), "attach").toEqual([]);
        await page.goto(`/customers/${call.customer.id}`);
        await page.locator("tbody tr").first().waitFor();
        expect(await axe(page), "customer").toEqual([]);
        await page.goto(`/customers/${call.customer.id}/edit`);
        await page.locator("form").waitFor();
        expect(await axe(page), "edit").toEqual([]);
        const outside = await open(browser, server, { language, theme });
        await outside.page.goto("/login");
        await outside.page.locator("form").waitFor();
        expect(await axe(outside.page), "log in").toEqual([]);
        await outside.context.close();
      });
    }

    test("nothing is wider than a phone", async () => {
      await page.setViewportSize(phone);
      for (const path of [
        "/desk",
        "/calls",
        "/customers",
        "/customers/new",
        "/day",
        "/settings/agents",
        "/settings/pauses",
        "/settings/dialling",
        "/settings/health",
        "/settings/me",
      ]) {
        await page.goto(path);
        await page.locator("main").waitFor();
        const wider = await page.evaluate(
          () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
        expect(wider, path).toBe(0);
      }
    });
  });
}
