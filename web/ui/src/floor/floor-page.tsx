// The floor: queues, live calls and agents of the whole room on one screen, worst first.
import "../app/rest.css";
import { Alert, Button, Select } from "@mantine/core";
import { IconLayoutDashboard, IconLock, IconPlugConnectedX } from "@tabler/icons-react";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import type { Floor } from "../api/types";
import { now, useNow } from "../app/clock";
import { useMay } from "../app/may";
import { useMyQueues, useMyTeams } from "../app/mine";
import { Page } from "../parts/page";
import { Empty, Loading } from "../parts/states";
import { useFormat } from "../text/use-format";
import { AgentList } from "./agent-list";
import { CallList } from "./call-list";
import styles from "./floor.module.css";
import { QueueTable } from "./queue-table";
import type { FloorSearch } from "./search";
import { partOf, useFloor } from "./use-floor";

export function FloorPage() {
  const { t } = useTranslation();
  const may = useMay("floor.read");
  if (!may) {
    return (
      <Page title={t("floor.title")} name={t("floor.title")}>
        <Empty
          icon={<IconLock size={28} stroke={1.5} />}
          title={t("floor.forbidden")}
          body={t("floor.forbiddenBody")}
        />
      </Page>
    );
  }
  return <Room />;
}

function Room() {
  const { t } = useTranslation();
  const search = useSearch({ from: "/inside/floor" });
  const navigate = useNavigate({ from: "/floor" });
  const { floor, refused, of } = useFloor(search);
  const filtered = Boolean(search.team || search.queue);
  const empty = floor && floor.queues.length + floor.calls.length + floor.agents.length === 0;
  return (
    <Page title={t("floor.title")} name={t("floor.title")} actions={<Filters search={search} />}>
      {refused ? (
        <Empty
          icon={<IconLock size={28} stroke={1.5} />}
          title={t("floor.forbidden")}
          body={t("floor.forbiddenBody")}
        />
      ) : !floor || (of !== partOf(search) && empty) ? (
        <Loading />
      ) : empty ? (
        <div className="panel">
          <Empty
            icon={<IconLayoutDashboard size={28} stroke={1.5} />}
            title={t(filtered ? "floor.nothingHere" : "floor.emptyTitle")}
            body={t(filtered ? "floor.nothingHereBody" : "floor.emptyBody")}
          >
            {filtered && (
              <Button variant="default" onClick={() => void navigate({ search: {} })}>
                {t("action.clear")}
              </Button>
            )}
          </Empty>
        </div>
      ) : (
        <div className={styles.room} aria-busy={of !== partOf(search)}>
          <Unheard floor={floor} />
          <div className={styles.main}>
            <QueueTable floor={floor} chosen={search.queue} />
            <CallList calls={floor.calls} />
          </div>
          <AgentList agents={floor.agents} calls={floor.calls} />
        </div>
      )}
    </Page>
  );
}

/** Unheard says which exchanges the picture is old of. */
function Unheard({ floor }: { floor: Floor }) {
  const { t } = useTranslation();
  const f = useFormat();
  const away = floor.pbx.filter((p) => !p.live);
  useNow(away.length > 0 ? 15_000 : null);
  if (away.length === 0) return null;
  return (
    <Alert className={styles.unheard} variant="light" color="orange" py={8} icon={<IconPlugConnectedX size={18} />}>
      {away.map((p) => (
        <div key={p.name}>
          {t("floor.unheard", {
            name: p.name,
            time: f.moment(p.since ? new Date(p.since) : new Date(now()), new Date(now())),
          })}
        </div>
      ))}
    </Alert>
  );
}

function Filters({ search }: { search: FloorSearch }) {
  const { t } = useTranslation();
  const navigate = useNavigate({ from: "/floor" });
  const scope = useMay("floor.read");
  const teams = useMyTeams(scope);
  const queues = useMyQueues(scope);
  const choose = (change: FloorSearch) =>
    void navigate({
      search: (s) => Object.fromEntries(Object.entries({ ...s, ...change }).filter(([, v]) => v)) as FloorSearch,
      replace: true,
    });
  return (
    <>
      <Select
        size="xs"
        w="min(180px, 42vw)"
        aria-label={t("floor.team")}
        placeholder={t("floor.anyTeam")}
        data={teams.map((x) => ({ value: x.id, label: x.name }))}
        value={search.team ?? null}
        onChange={(v) => choose({ team: v ?? "" })}
        clearable
        clearButtonProps={{ "aria-label": t("action.clear") }}
        searchable
        nothingFoundMessage={t("find.nothing")}
      />
      <Select
        size="xs"
        w="min(180px, 42vw)"
        aria-label={t("queues.queue")}
        placeholder={t("floor.anyQueue")}
        data={queues.map((x) => ({ value: x.id, label: x.label }))}
        value={search.queue ?? null}
        onChange={(v) => choose({ queue: v ?? "" })}
        clearable
        clearButtonProps={{ "aria-label": t("action.clear") }}
        searchable
        nothingFoundMessage={t("find.nothing")}
      />
    </>
  );
}
