// Short messages at the edge of the page.
import type { NotificationData } from "@mantine/notifications";
import i18next from "i18next";
import { say } from "../api/problem";

export function notice(message: string): void {
  void show({ message, autoClose: 4000 });
}

export function complain(error: unknown): void {
  void show({ title: i18next.t("error.title"), message: say(error, i18next.t), color: "red", autoClose: 8000 });
}

/** show shows a message and returns what hides it again. */
export async function show(message: NotificationData): Promise<() => void> {
  const { notifications } = await import("@mantine/notifications");
  const id = notifications.show({
    withBorder: true,
    closeButtonProps: { "aria-label": i18next.t("action.close") },
    ...message,
  });
  return () => notifications.hide(id);
}
