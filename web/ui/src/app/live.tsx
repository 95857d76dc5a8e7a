// The honest state of the link: a dot with words in the header, and a banner that says since when and what still works.
import { ActionIcon, Alert, Button, Group, Stack, Text } from "@mantine/core";
import { IconDatabaseOff, IconPlugConnectedX, IconWifiOff } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import type { TFunction } from "i18next";
import { lazy, type ReactNode, Suspense, useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { status } from "../api/queries";
import type { Status } from "../api/types";
import { useDesk } from "../desk/store";
import type { Link } from "../push/socket";
import type { Format } from "../text/format";
import { useFormat } from "../text/use-format";
import { now, useNow } from "./clock";
import { current } from "./session";

const LiveDetails = lazy(() => import("./live-details"));

/** Shorter losses of the socket are not worth a word: the browser moves to another node meanwhile. */
const patience = 5000;

function lost(link: Link): boolean {
  return link.state === "away" && Date.now() - link.since > patience;
}

interface Trouble {
  key: string;
  icon: ReactNode;
  text: string;
}

/** troubles puts into words what is not live. */
export function troubles(link: Link, s: Status | undefined, at: number, t: TFunction, f: Format): Trouble[] {
  const time = (x: Date) => f.moment(x, new Date(at));
  if (lost(link)) {
    return [
      { key: "link", icon: <IconWifiOff size={18} />, text: t("link.awaySince", { time: time(new Date(link.since)) }) },
    ];
  }
  if (!s) return [];
  const out: Trouble[] = [];
  const since = (x: string | null) => time(x ? new Date(x) : new Date(at));
  if (!s.database.live) {
    out.push({
      key: "database",
      icon: <IconDatabaseOff size={18} />,
      text: t("link.databaseAway", { time: since(s.database.since) }),
    });
  }
  if (s.pbx.length === 0) out.push({ key: "pbx", icon: <IconPlugConnectedX size={18} />, text: t("link.pbxNone") });
  for (const p of s.pbx) {
    if (!p.live) {
      out.push({
        key: `pbx ${p.name}`,
        icon: <IconPlugConnectedX size={18} />,
        text: t("link.pbxAway", { name: p.name, time: since(p.since) }),
      });
    }
  }
  return out;
}

/** leaders puts into words which node writes which exchange's calls, where there is more than one. */
export function leaders(s: Status, t: TFunction): string[] {
  return s.pbx.flatMap(({ name, leader }) => {
    if (!leader || (leader.here && !leader.standby)) return [];
    const words = { name, leader: leader.node, standby: leader.standby, node: s.node };
    if (!leader.node) return [t("link.leaderNone", words)];
    return [t(leader.standby ? "link.leaderReady" : "link.leader", words)];
  });
}

function useTroubles(): { troubles: Trouble[]; link: Link; status: Status | undefined } {
  const { t } = useTranslation();
  const f = useFormat();
  const { link } = useDesk();
  const { data, error, failureCount, dataUpdatedAt, errorUpdatedAt } = useQuery(status);
  useNow(link.state === "away" ? 1000 : 15_000);
  // Two failed questions in a row while the socket looks open: it is half dead.
  const failures = useRef(0);
  useEffect(() => {
    if (errorUpdatedAt > dataUpdatedAt) failures.current++;
    else failures.current = 0;
    if (failures.current >= 2) {
      failures.current = 0;
      current()?.socket.suspect();
    }
  }, [errorUpdatedAt, dataUpdatedAt]);
  const known = error || failureCount > 0 ? undefined : data;
  return { troubles: troubles(link, known, now(), t, f), link, status: data };
}

export function LiveDot() {
  const { t } = useTranslation();
  const f = useFormat();
  const { troubles, link, status } = useTroubles();
  const good = link.state === "live" && troubles.length === 0;
  const connecting = link.state === "connecting" || (link.state === "away" && !lost(link));
  const word = good ? t("link.live") : connecting ? t("link.connecting") : t("link.away");
  const wordOrTrouble = link.state === "live" && !good ? t("link.away") : word;
  const since = [link.since, ...(status?.pbx ?? []).map((p) => (p.since ? Date.parse(p.since) : 0))];
  const dot = (
    <ActionIcon variant="subtle" color="gray" w="auto" px={8} className="live" aria-label={wordOrTrouble}>
      <span className="dot" data-state={good ? "good" : connecting ? "wait" : "bad"} aria-hidden />
      <Text size="xs" component="span" visibleFrom="xs">
        {wordOrTrouble}
      </Text>
    </ActionIcon>
  );
  const details =
    troubles.length > 0
      ? troubles.map((x) => x.text)
      : [t("link.liveDetail", { time: f.moment(new Date(Math.max(...since)), new Date(now())) })];
  if (link.state === "live" && status) details.push(...leaders(status, t));
  return (
    <Suspense fallback={dot}>
      <LiveDetails details={details}>{dot}</LiveDetails>
    </Suspense>
  );
}

export function TroubleBanner() {
  const { t } = useTranslation();
  const { troubles, link } = useTroubles();
  if (troubles.length === 0) return null;
  return (
    <Stack gap={0} role="status" className="banner">
      {troubles.map((x) => (
        <Alert key={x.key} variant="light" color="orange" icon={x.icon} radius={0} py={8}>
          <Group justify="space-between" gap="sm" wrap="nowrap">
            <Text size="xs">{x.text}</Text>
            {link.state === "away" && (
              <Button size="compact-xs" variant="default" onClick={() => current()?.socket.hurry()}>
                {t("link.retryNow")}
              </Button>
            )}
          </Group>
        </Alert>
      ))}
    </Stack>
  );
}
