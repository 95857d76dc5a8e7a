import "../app/rest.css";
import { Button, Group, Select, Switch, Table } from "@mantine/core";
import { IconDeviceLandlinePhone, IconPlugConnected, IconPlugConnectedX, IconSearchOff } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Fragment, useState } from "react";
import { useTranslation } from "react-i18next";
import { agents as agentsQuery, phones as phonesQuery } from "../api/queries";
import type { Agent, Phone, PhoneCall } from "../api/types";
import { ListPanel } from "../parts/list-panel";
import { DirectionIcon } from "../parts/outcome";
import { SearchField } from "../parts/search-field";
import { Moment, Num } from "../parts/text";
import { useFormat } from "../text/use-format";
import { NameCalls } from "./name-calls";
import { needy, type PhoneSearch, phoneKey } from "./phone";
import { PhoneForm } from "./phone-form";
import styles from "./settings.module.css";
import { useCorrection } from "./use-correction";

/** How many columns the table has. */
const columns = 8;

/** PhonesPage lists the phones and lines of the exchanges; those whose calls are nobody's come first, with their calls. */
export function PhonesPage() {
  const { t } = useTranslation();
  const search = useSearch({ from: "/inside/settings/phones" });
  const navigate = useNavigate({ from: "/settings/phones" });
  const list = useInfiniteQuery(
    phonesQuery({ ...(search.q ? { q: search.q } : {}), ...(search.needy ? { needy: true } : {}) }),
  );
  const items = list.data?.pages.flatMap((p) => p.items) ?? [];
  const agents = useQuery(agentsQuery()).data?.items ?? [];
  const [editing, setEditing] = useState<Phone | null>(null);
  const correction = useCorrection();
  const filter = (change: PhoneSearch) =>
    void navigate({
      search: (s) => Object.fromEntries(Object.entries({ ...s, ...change }).filter(([, v]) => v)),
      replace: true,
    });
  const filtered = Boolean(search.q || search.needy);
  const several = new Set(items.map((p) => p.pbx)).size > 1;

  return (
    <>
      <ListPanel
        list={list}
        items={items}
        label={t("settings.phones")}
        bar={
          <>
            <SearchField
              value={search.q ?? ""}
              onSearch={(q) => filter({ q })}
              placeholder={t("phones.search")}
              aria-label={t("phones.search")}
              w={{ base: "100%", xs: 320 }}
            />
            <Switch
              label={t("phones.onlyNeedy")}
              checked={search.needy === "1"}
              onChange={(e) => filter({ needy: e.currentTarget.checked ? "1" : undefined })}
            />
          </>
        }
        empty={
          filtered
            ? {
                icon: <IconSearchOff size={28} stroke={1.5} />,
                title: t(search.needy && !search.q ? "phones.allOwned" : "phones.noneTitle"),
                body: t(search.needy && !search.q ? "phones.allOwnedBody" : "phones.noneBody"),
                children: (
                  <Button variant="default" onClick={() => void navigate({ search: {} })}>
                    {t("action.clear")}
                  </Button>
                ),
              }
            : {
                icon: <IconDeviceLandlinePhone size={28} stroke={1.5} />,
                title: t("phones.emptyTitle"),
                body: t("phones.emptyBody"),
              }
        }
        head={
          <>
            <Table.Th>{t("phones.phone")}</Table.Th>
            <Table.Th>{t("phones.extension")}</Table.Th>
            <Table.Th>{t("phones.agent")}</Table.Th>
            <Table.Th className="only-wide">{t("phones.known")}</Table.Th>
            <Table.Th className="only-wide">{t("phones.state")}</Table.Th>
            <Table.Th className="only-wide">{t("phones.seen")}</Table.Th>
            <Table.Th className="only-wide">{t("phones.calls")}</Table.Th>
            <Table.Th aria-label={t("phones.correct")} />
          </>
        }
        row={(p) => (
          <Fragment key={phoneKey(p)}>
            <PhoneRow
              phone={p}
              agents={agents}
              several={several}
              busy={correction.busy === phoneKey(p)}
              onAssign={(agent) => correction.correct(p, { agent_id: agent })}
              onEdit={() => setEditing(p)}
            />
            {p.recent.length > 0 && <RecentRow phone={p} />}
          </Fragment>
        )}
      />
      {editing && (
        <PhoneForm
          phone={editing}
          agents={agents}
          fault={correction.fault}
          saving={correction.busy !== null}
          onSave={(change) => correction.correct(editing, change, () => setEditing(null))}
          onClose={() => {
            correction.forget();
            setEditing(null);
          }}
        />
      )}
      {correction.nameless && <NameCalls {...correction.nameless} onClose={correction.named} />}
    </>
  );
}

interface RowProps {
  phone: Phone;
  agents: Agent[];
  /** Whether the list shows phones of several exchanges. */
  several: boolean;
  busy: boolean;
  onAssign: (agent: string) => void;
  onEdit: () => void;
}

function PhoneRow({ phone: p, agents, several, busy, onAssign, onEdit }: RowProps) {
  const { t } = useTranslation();
  const f = useFormat();
  return (
    <Table.Tr className={p.recent.length > 0 ? styles.owed : undefined} data-phone={p.endpoint} data-kind={p.kind}>
      <Table.Td>
        <bdi dir="ltr">{p.endpoint}</bdi>
        {several && (
          <div className="quiet">
            <bdi>{p.pbx}</bdi>
          </div>
        )}
      </Table.Td>
      <Table.Td>{p.extension && <Num value={p.extension} plain />}</Table.Td>
      <Table.Td>
        {needy(p) ? (
          <Select
            size="xs"
            w={{ base: 112, sm: 180 }}
            searchable
            disabled={busy}
            aria-label={t("phones.assignLabel", { phone: p.endpoint })}
            placeholder={t("phones.assign")}
            nothingFoundMessage={t("phones.nobodyFound")}
            data={agents.map((a) => ({ value: a.id, label: a.name }))}
            value={null}
            onChange={(v) => v && onAssign(v)}
          />
        ) : p.kind === "line" ? (
          <span className="quiet">{t("phones.line")}</span>
        ) : (
          p.agent
        )}
      </Table.Td>
      <Table.Td className="only-wide">
        {p.correction ? (
          <span>
            {t("phones.corrected", { name: p.correction.by })}{" "}
            <span className="quiet">
              <Moment at={p.correction.at} />
            </span>
          </span>
        ) : (
          <span className="quiet">
            {t(p.extension ? "phones.byName" : p.kind === "line" ? "phones.byCalls" : "phones.unknown")}
          </span>
        )}
      </Table.Td>
      <Table.Td className="only-wide">
        <State state={p.state} />
      </Table.Td>
      <Table.Td className="only-wide">{p.last_seen && <Moment at={p.last_seen} />}</Table.Td>
      <Table.Td className="only-wide">
        <bdi dir="ltr" className="num">
          {f.digits(p.calls < 100 ? String(p.calls) : "100+")}
        </bdi>
      </Table.Td>
      <Table.Td ta="end">
        <Button
          size="compact-sm"
          variant="default"
          onClick={onEdit}
          aria-label={`${t("phones.correct")}: ${p.endpoint}`}
        >
          {t("phones.correct")}
        </Button>
      </Table.Td>
    </Table.Tr>
  );
}

function State({ state }: { state: Phone["state"] }) {
  const { t } = useTranslation();
  if (!state || state === "unknown") return <span className="quiet">{t("phones.stateUnknown")}</span>;
  const Icon = state === "online" ? IconPlugConnected : IconPlugConnectedX;
  return (
    <span className="outcome" data-tone={state === "online" ? "good" : "quiet"}>
      <Icon size={16} aria-hidden />
      {t(`phones.${state}`)}
    </span>
  );
}

/** RecentRow tells the last calls of a phone that needs an owner, so that somebody can tell whose it is. */
function RecentRow({ phone }: { phone: Phone }) {
  const { t } = useTranslation();
  return (
    <Table.Tr>
      <Table.Td colSpan={columns}>
        <ul className={styles.recent} aria-label={t("phones.recent", { phone: phone.endpoint })}>
          {phone.recent.map((c) => (
            <li key={c.id}>
              <Recent call={c} />
            </li>
          ))}
        </ul>
      </Table.Td>
    </Table.Tr>
  );
}

function Recent({ call: c }: { call: PhoneCall }) {
  const { t } = useTranslation();
  return (
    <>
      <DirectionIcon direction={c.direction} />
      <Link to="/calls/$id" params={{ id: c.id }} className="row-link">
        {c.number ? <Num value={c.number} /> : t("desk.withheld")}
      </Link>
      <Group component="span" gap={4} className="quiet">
        <Moment at={c.started_at} />
      </Group>
    </>
  );
}
