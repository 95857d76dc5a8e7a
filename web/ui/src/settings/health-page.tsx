import "../app/rest.css";
import { Table, Text, Title } from "@mantine/core";
import { IconAlertTriangle, IconCircleCheck, IconEar } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { gaps as gapsQuery, status as statusQuery } from "../api/queries";
import type { Gap, Status } from "../api/types";
import { now, useNow } from "../app/clock";
import { Empty, Failed, Loading } from "../parts/states";
import { Duration, Moment } from "../parts/text";
import { stretch } from "../text/stretch";
import { useFormat } from "../text/use-format";

const week = 7 * 86_400_000;

/** HealthPage tells an administrator what ringbook lives on, and when it did not hear an exchange. */
export function HealthPage() {
  const { t } = useTranslation();
  const status = useQuery({ ...statusQuery, refetchInterval: 5000 });
  useNow(5000);
  if (status.isPending) return <Loading />;
  if (status.isError) return <Failed error={status.error} retry={() => void status.refetch()} />;
  return (
    <>
      <Part title={t("health.pbx")}>
        <Exchanges status={status.data} />
      </Part>
      <Part title={t("health.rest")}>
        <Rest status={status.data} />
      </Part>
      <Part title={t("health.gaps")} body={t("health.gapsBody")}>
        <Gaps />
      </Part>
    </>
  );
}

function Part({ title, body, children }: { title: string; body?: string; children: ReactNode }) {
  return (
    <section>
      <Title order={2} size="h4" mb={body ? 4 : "xs"}>
        {title}
      </Title>
      {body && (
        <Text c="dimmed" size="sm" mb="xs">
          {body}
        </Text>
      )}
      <div className="panel flush" style={{ marginBottom: 24 }}>
        {children}
      </div>
    </section>
  );
}

function State({ good }: { good: boolean }) {
  const { t } = useTranslation();
  return (
    <span className="outcome" data-tone={good ? "good" : "bad"}>
      {good ? <IconCircleCheck size={16} aria-hidden /> : <IconAlertTriangle size={16} aria-hidden />}
      {t(good ? "health.live" : "health.away")}
    </span>
  );
}

function Exchanges({ status }: { status: Status }) {
  const { t } = useTranslation();
  const f = useFormat();
  if (status.pbx.length === 0) return <Text p="md">{t("link.pbxNone")}</Text>;
  return (
    <Table className="table" aria-label={t("health.pbx")}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>{t("health.name")}</Table.Th>
          <Table.Th>{t("health.state")}</Table.Th>
          <Table.Th>{t("health.since")}</Table.Th>
          <Table.Th>{t("health.leader")}</Table.Th>
          <Table.Th className="only-wide">{t("health.version")}</Table.Th>
          <Table.Th className="only-wide">{t("health.rtt")}</Table.Th>
          <Table.Th className="only-wide">{t("health.rate")}</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {status.pbx.map((p) => (
          <Table.Tr key={p.name}>
            <Table.Td>
              <bdi>{p.name}</bdi>
            </Table.Td>
            <Table.Td>
              <State good={p.live} />
              {p.reason && (
                <div className="quiet" dir="auto">
                  {p.reason}
                </div>
              )}
              {p.ami && <Manager ami={p.ami} />}
            </Table.Td>
            <Table.Td>{p.since && <Moment at={p.since} />}</Table.Td>
            <Table.Td>
              {p.leader && (p.leader.node ? <bdi dir="ltr">{p.leader.node}</bdi> : t("health.nobody"))}
              {p.leader?.standby && <div className="quiet">{t("health.standby", { node: p.leader.standby })}</div>}
            </Table.Td>
            <Table.Td className="only-wide">
              <bdi dir="ltr">{p.version}</bdi>
            </Table.Td>
            <Table.Td className="only-wide">
              {p.canary_rtt_ms !== undefined && p.canary_rtt_ms !== null && (
                <bdi>{t("health.ms", { n: f.number(p.canary_rtt_ms) })}</bdi>
              )}
            </Table.Td>
            <Table.Td className="only-wide">
              {p.events_per_second !== undefined && p.events_per_second !== null && f.number(p.events_per_second)}
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

/** Manager is how the exchange's AMI is, and what it may not do. */
function Manager({ ami }: { ami: NonNullable<Status["pbx"][number]["ami"]> }) {
  const { t } = useTranslation();
  const missing = ami.missing ?? [];
  return (
    <div className="quiet">
      <div>{t("health.ami", { state: t(ami.live ? "health.live" : "health.away") })}</div>
      {ami.reason && <div dir="auto">{ami.reason}</div>}
      {missing.length > 0 && (
        <div>{t("health.amiMissing", { what: missing.map((m) => t(`health.amiPower.${m}`)).join(" · ") })}</div>
      )}
    </div>
  );
}

function Rest({ status }: { status: Status }) {
  const { t } = useTranslation();
  const f = useFormat();
  const b = status.backlog;
  const waiting = b.pending > 0 || b.away;
  return (
    <Table className="table" aria-label={t("health.rest")}>
      <Table.Tbody>
        <Table.Tr>
          <Table.Td>{t("health.database")}</Table.Td>
          <Table.Td>
            <State good={status.database.live} />
            {status.database.reason && (
              <div className="quiet" dir="auto">
                {status.database.reason}
              </div>
            )}
          </Table.Td>
        </Table.Tr>
        <Table.Tr>
          <Table.Td>{t("health.backlog")}</Table.Td>
          <Table.Td>
            {waiting
              ? t("health.waiting", { calls: f.number(b.pending), kb: f.number(Math.ceil(b.spool_bytes / 1024)) })
              : t("health.nothingWaits")}
            {b.spool_full && <div>{t("health.full")}</div>}
          </Table.Td>
        </Table.Tr>
        <Table.Tr>
          <Table.Td>{t("health.node")}</Table.Td>
          <Table.Td>
            <bdi dir="ltr">{status.node}</bdi>
          </Table.Td>
        </Table.Tr>
        <Table.Tr>
          <Table.Td>{t("health.ringbook")}</Table.Td>
          <Table.Td>
            <bdi dir="ltr">{status.version}</bdi>
          </Table.Td>
        </Table.Tr>
      </Table.Tbody>
    </Table>
  );
}

function Gaps() {
  const { t } = useTranslation();
  const f = useFormat();
  const [from] = useState(() => new Date(now() - week).toISOString());
  const list = useQuery(gapsQuery({ from }));
  if (list.isPending) return <Loading />;
  if (list.isError) return <Failed error={list.error} retry={() => void list.refetch()} />;
  if (list.data.items.length === 0)
    return <Empty icon={<IconEar size={28} stroke={1.5} />} title={t("health.noGaps")} body={t("health.noGapsBody")} />;
  const lasted = (g: Gap) => (g.to ? Date.parse(g.to) : now()) - Date.parse(g.from);
  return (
    <Table className="table" aria-label={t("health.gaps")}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>{t("health.name")}</Table.Th>
          <Table.Th>{t("health.from")}</Table.Th>
          <Table.Th>{t("health.to")}</Table.Th>
          <Table.Th className="only-wide">{t("health.lasted")}</Table.Th>
          <Table.Th>{t("health.why")}</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {list.data.items.map((g) => {
          const { from, to } = stretch(g, new Date(now()), f);
          return (
            <Table.Tr key={`${g.pbx} ${g.from}`}>
              <Table.Td>
                <bdi>{g.pbx}</bdi>
              </Table.Td>
              <Table.Td>{from}</Table.Td>
              <Table.Td>{to || t("health.now")}</Table.Td>
              <Table.Td className="only-wide">
                <Duration ms={lasted(g)} />
              </Table.Td>
              <Table.Td>{t(`gaps.why.${g.reason}`)}</Table.Td>
            </Table.Tr>
          );
        })}
      </Table.Tbody>
    </Table>
  );
}
