import "../app/rest.css";
import { Tabs } from "@mantine/core";
import { useSuspenseQuery } from "@tanstack/react-query";
import { Outlet, useLocation, useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { me as meQuery } from "../api/queries";
import { Page } from "../parts/page";

/** SettingsPage holds the settings' parts; an admin sees all of them. */
export function SettingsPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const me = useSuspenseQuery(meQuery).data;
  const part = useLocation({ select: (l) => l.pathname.split("/")[2] ?? "me" });
  // Who leads a team sees its agents; the rest is an administrator's.
  const leads = me.permissions.some((p) => p.permission === "states.write" && p.scope !== "own");
  const admin = me.permissions.some((p) => p.permission === "agents.write");
  const parts = admin
    ? ([
        "setup",
        "me",
        "agents",
        "phones",
        "queues",
        "teams",
        "pauses",
        "dispositions",
        "dialling",
        "tokens",
        "wallboards",
        "health",
      ] as const)
    : leads
      ? (["me", "agents", "tokens", "wallboards"] as const)
      : (["me", "tokens"] as const);
  const words = {
    setup: "setup.title",
    me: "settings.mine",
    agents: "settings.agents",
    phones: "settings.phones",
    queues: "settings.queues",
    teams: "settings.teams",
    pauses: "settings.pauses",
    dispositions: "settings.dispositions",
    dialling: "settings.dialling",
    tokens: "settings.tokens",
    wallboards: "settings.wallboards",
    health: "settings.health",
  } as const;
  return (
    <Page title={t("settings.title")} name={t("settings.title")}>
      <Tabs
        value={part}
        onChange={(v) => v && void navigate({ to: `/settings/${v}` as "/settings/me" })}
        activateTabWithKeyboard={false}
        mb="md"
      >
        <Tabs.List aria-label={t("settings.title")}>
          {parts.map((p) => (
            <Tabs.Tab key={p} value={p}>
              {t(words[p])}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value={part} pt="md">
          <Outlet />
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}
