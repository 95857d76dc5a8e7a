// What an administrator does before the first day: step by step, ending with a test call.
import "../app/rest.css";
import { Anchor, Button, Group, Text, Title } from "@mantine/core";
import { IconCircle, IconCircleCheck, IconLoader2, IconPhoneIncoming } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { newestCall, setup } from "../api/queries";
import type { Call, SetupStep } from "../api/types";
import { now } from "../app/clock";
import { OutcomeText } from "../parts/outcome";
import { Failed, Loading } from "../parts/states";
import { Num } from "../parts/text";
import { useFormat } from "../text/use-format";
import styles from "./setup.module.css";

/** Where each step is taken; the last is taken here. */
const places = {
  pbx: "/settings/health",
  agents: "/settings/agents",
  phones: "/settings/phones",
  teams: "/settings/teams",
  queues: "/settings/queues",
  dispositions: "/settings/dispositions",
  customers: "/customers",
  manager: "/settings/health",
} as const;

export function SetupPage() {
  const { t } = useTranslation();
  const list = useQuery(setup);
  if (list.isPending) return <Loading />;
  if (list.isError && !list.data) return <Failed error={list.error} retry={() => void list.refetch()} />;
  const { done, steps } = list.data;
  return (
    <div className={styles.page}>
      <Text c="dimmed" mb="md" role="status">
        {t(done ? "setup.done" : "setup.body")}{" "}
        {done && (
          <Anchor component={Link} to="/floor" underline="always">
            {t("setup.floor")}
          </Anchor>
        )}
      </Text>
      <ol className={styles.steps}>
        {steps.map((s) => (
          <Step key={s.key} step={s} />
        ))}
      </ol>
    </div>
  );
}

function Step({ step }: { step: SetupStep }) {
  const { t } = useTranslation();
  const f = useFormat();
  const { key } = step;
  return (
    <li className="panel" data-step={key} data-done={step.done}>
      <div className={styles.head}>
        {step.done ? (
          <IconCircleCheck size={22} className={styles.good} aria-hidden />
        ) : (
          <IconCircle size={22} className={styles.open} aria-hidden />
        )}
        <Title order={2} size="h4">
          {t(`setup.${key}.title`)}
        </Title>
        <Text size="sm" c="dimmed" className={styles.state}>
          {t(step.done ? "setup.isDone" : step.needed ? "setup.needed" : "setup.useful")}
        </Text>
      </div>
      <Text size="sm" c="dimmed">
        {t(`setup.${key}.body`)}
      </Text>
      {!step.done && step.open > 0 && (
        <Text size="sm" mt={4}>
          {step.names.length > 0 ? (
            <>
              {t("setup.notLive")} <bdi dir="ltr">{step.names.join(", ")}</bdi>
            </>
          ) : (
            t("setup.open", { count: step.open, n: f.number(step.open) })
          )}
        </Text>
      )}
      {key === "call" ? (
        <TestCall done={step.done} />
      ) : (
        <Button
          component={Link}
          to={places[key]}
          size="xs"
          mt="xs"
          variant={step.done || !step.needed ? "default" : "filled"}
        >
          {t(`setup.${key}.go`)}
        </Button>
      )}
    </li>
  );
}

/** TestCall follows the next call from its first ring into the log. */
function TestCall({ done }: { done: boolean }) {
  const { t } = useTranslation();
  const [since, setSince] = useState("");
  const found = useQuery({ ...newestCall(since), enabled: since !== "" });
  const call = found.data ?? null;
  const begin = () => setSince(new Date(now()).toISOString());
  if (since === "") {
    return (
      <Button
        size="xs"
        mt="xs"
        variant={done ? "default" : "filled"}
        leftSection={<IconPhoneIncoming size={16} />}
        onClick={begin}
      >
        {t(done ? "setup.call.again" : "setup.call.go")}
      </Button>
    );
  }
  return (
    <div role="status" aria-live="polite">
      {found.isError && <Failed error={found.error} retry={() => void found.refetch()} />}
      <ol className={styles.path}>
        <Passed good={call !== null} title={t(call ? "setup.call.heard" : "setup.call.waits")}>
          {call && <Heard call={call} />}
        </Passed>
        <Passed good={call !== null && ringing(call).length > 0} title={t("setup.call.rang")}>
          {call && <Rang call={call} />}
        </Passed>
        <Passed good={call?.state === "ended"} title={t("setup.call.logged")}>
          {call?.state === "ended" && (
            <Group gap="sm">
              <OutcomeText outcome={call.outcome} />
              <Anchor component={Link} to="/calls/$id" params={{ id: call.id } as never} size="sm">
                {t("setup.call.open")}
              </Anchor>
            </Group>
          )}
        </Passed>
      </ol>
      {call?.state === "ended" && (
        <Button size="xs" variant="default" onClick={begin}>
          {t("setup.call.again")}
        </Button>
      )}
    </div>
  );
}

function Passed({ good, title, children }: { good: boolean; title: string; children: ReactNode }) {
  const { t } = useTranslation();
  return (
    <li>
      {good ? (
        <IconCircleCheck size={18} className={styles.good} aria-label={t("setup.isDone")} role="img" />
      ) : (
        <IconLoader2 size={18} className={styles.open} aria-hidden />
      )}
      <span>{title}</span>
      {children}
    </li>
  );
}

function Heard({ call }: { call: Call }) {
  const { t } = useTranslation();
  const who = call.direction === "outbound" ? call.dialed.number : call.caller.number;
  return (
    <span>
      {who ? <Num value={who} /> : t("setup.call.withheld")} · <bdi dir="ltr">{call.pbx}</bdi>
    </span>
  );
}

/** ringing are the phones of the house that took part. */
const ringing = (call: Call) => call.legs.filter((l) => l.role === "agent");

function Rang({ call }: { call: Call }) {
  const { t } = useTranslation();
  const legs = ringing(call);
  if (legs.length === 0) return call.state === "ended" ? <span>{t("setup.call.nobody")}</span> : null;
  return (
    <span>
      {legs.slice(0, 5).map((l, i) => (
        <span key={l.id}>
          {i > 0 && t("app.comma")}
          <bdi dir="ltr">{l.extension || l.channel}</bdi> {l.agent ? <bdi>({l.agent})</bdi> : null}
          {!l.agent && (
            <Anchor component={Link} to="/settings/phones" size="sm">
              {t("setup.call.unowned")}
            </Anchor>
          )}
        </span>
      ))}
    </span>
  );
}
