// Short messages at the edge of the page.
import { notifications } from "@mantine/notifications";
import i18next from "i18next";
import { say } from "../api/problem";

export function notice(message: string): void {
  notifications.show({ message, autoClose: 4000, withBorder: true });
}

export function complain(error: unknown): void {
  notifications.show({
    title: i18next.t("error.title"),
    message: say(error, i18next.t),
    color: "red",
    autoClose: 8000,
    withBorder: true,
  });
}
