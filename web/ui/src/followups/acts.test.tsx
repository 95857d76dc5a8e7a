import { MantineProvider } from "@mantine/core";
import { notificationsStore } from "@mantine/notifications";
import { fireEvent, render, screen } from "@testing-library/react";
import { beforeAll, beforeEach, expect, test, vi } from "vitest";
import type { FollowUp } from "../api/types";
import { speak, withWords } from "../text/i18n";

/** What the server was asked, and what it refuses. */
const asked: { path: string; body: { ids?: string[]; due_at?: string } }[] = [];
let refuses: (path: string, body: { ids?: string[] }) => boolean = () => false;

beforeAll(async () => {
  vi.stubGlobal("fetch", async (request: Request) => {
    const path = new URL(request.url).pathname.replace("/api/v1/follow-ups/", "");
    const body = JSON.parse((await request.text()) || "{}");
    asked.push({ path, body });
    if (refuses(path, body)) return Response.json({ status: 409, code: "closed" }, { status: 409 });
    return Response.json(path === "bulk" ? { changed: body.ids.length, refused: [] } : {});
  });
  await speak("en");
  await withWords(async () => null)();
});
beforeEach(() => {
  asked.length = 0;
  refuses = () => false;
  notificationsStore.setState((s) => ({ ...s, notifications: [] }));
});

const many = (n: number, due = "2030-01-01T06:30:00Z") =>
  Array.from({ length: n }, (_, i) => ({ id: `f${i}`, due_at: due, assignee: null, team: null }) as FollowUp);
const told = () => notificationsStore.getState().notifications;

async function bulk(...args: Parameters<typeof import("./acts").bulk>) {
  await (await import("./acts")).bulk(...args);
  await vi.waitFor(() => expect(told()).not.toEqual([]));
}

function undo() {
  render(<MantineProvider>{told().at(-1)?.message}</MantineProvider>);
  fireEvent.click(screen.getByRole("button", { name: "Undo" }));
}

test("more than the server changes at once are changed one lot after the other", async () => {
  await bulk(many(1100), { cancel: true });
  expect(asked.map((a) => a.body.ids?.length)).toEqual([500, 500, 100]);
  render(<MantineProvider>{told().at(-1)?.message}</MantineProvider>);
  screen.getByText(/۱٬۱۰۰/); // who has chosen nothing reads Persian digits
});

test("what one lot is refused leaves those before it changed, and they can be taken back", async () => {
  refuses = (_, { ids }) => ids?.[0] === "f500";
  await bulk(many(600), { cancel: true });
  await vi.waitFor(() => expect(told().length).toBe(2));
  expect(told().some((n) => n.color === "red")).toBe(true);
  await expect((await import("./acts")).bulk(many(501).slice(500), { cancel: true })).rejects.toThrow();
});

test("taking back goes on past one that cannot be", async () => {
  await bulk(many(3), { later_ms: 3_600_000 });
  refuses = (path) => path === "f1";
  asked.length = 0;
  undo();
  await vi.waitFor(() => expect(told().some((n) => n.color === "red")).toBe(true));
  expect(asked.map((a) => [a.path, a.body.due_at])).toEqual(
    ["f0", "f1", "f2"].map((id) => [id, "2030-01-01T06:30:00.000Z"]),
  );
});
