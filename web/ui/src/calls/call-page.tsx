import { Alert, Anchor, Button, Group, Stack, Text, Title } from "@mantine/core";
import { IconLink } from "@tabler/icons-react";
import { useMutation, useQuery, useSuspenseQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import { api, got } from "../api/client";
import { call as callQuery, me as meQuery, queryClient } from "../api/queries";
import type { Call } from "../api/types";
import { useNow } from "../app/clock";
import { Note } from "../desk/note";
import { Callable } from "../dial/call-button";
import { FollowUpPanel } from "../followups/panel";
import { complain } from "../parts/notice";
import { DirectionIcon, endedBy, OutcomeText } from "../parts/outcome";
import { Page } from "../parts/page";
import { Failed, Loading } from "../parts/states";
import { Duration, Num } from "../parts/text";
import { useFormat } from "../text/use-format";
import { other } from "./call-table";
import styles from "./calls.module.css";
import { Legs } from "./legs";

const Attach = lazy(() => import("../desk/attach"));

export function CallPage() {
  const { id } = useParams({ from: "/inside/calls/$id" });
  const { data, error, refetch } = useQuery(callQuery(id));
  if (data) return <CallView call={data} />;
  return <div className="page">{error ? <Failed error={error} retry={() => void refetch()} /> : <Loading />}</div>;
}

function CallView({ call: c }: { call: Call }) {
  const { t } = useTranslation();
  const f = useFormat();
  const me = useSuspenseQuery(meQuery).data;
  const [attaching, setAttaching] = useState(false);
  const mayWrite = me.permissions.some((p) => p.permission === "calls.annotate");
  const number = other(c);
  const started = new Date(c.started_at);
  const name = c.customer?.name ?? (c.caller.withheld && c.direction !== "outbound" ? t("desk.withheld") : "");
  const link = useMutation({
    mutationFn: (customer: string) =>
      got(api.PATCH("/api/v1/calls/{id}", { params: { path: { id: c.id } }, body: { customer_id: customer } })),
    onSuccess: (saved) => {
      queryClient.setQueryData(callQuery(c.id).queryKey, saved);
      void queryClient.invalidateQueries({ queryKey: ["calls"] });
    },
    onError: complain,
  });

  return (
    <Page
      name={`${t("calls.one")} ${name || f.digits(number)}`}
      title={
        <Group gap="sm">
          <DirectionIcon direction={c.direction} />
          <span>{name || <Num value={number} />}</span>
          <OutcomeText outcome={c.outcome} />
        </Group>
      }
    >
      {c.partial && (
        <Alert color="orange" mb="md" py={8} title={t("calls.partial")}>
          {t("calls.partialBody")}
        </Alert>
      )}
      {c.reconstructed && c.source === "live" && (
        <Alert color="orange" mb="md" py={8} title={t("calls.reconstructed")}>
          {c.ended_at && c.ended_before
            ? t("calls.reconstructedBetween", {
                from: f.timeWithSeconds(new Date(c.ended_at)),
                to: f.timeWithSeconds(new Date(c.ended_before)),
              })
            : t("calls.reconstructedBody")}
        </Alert>
      )}
      <section className="panel">
        <dl className="facts">
          <Fact word={t("calls.started")}>
            {f.longDate(started)} <bdi dir="ltr">{f.timeWithSeconds(started)}</bdi>
          </Fact>
          <Fact word={t("calls.number")}>
            {number ? <Callable number={number} customer={c.customer?.id} call={c.id} /> : t("desk.withheld")}
          </Fact>
          {c.direction === "inbound" && (c.dialed.number || c.dialed.raw) && (
            <Fact word={t("desk.dialed")}>
              <Num value={c.dialed.number || c.dialed.raw} />
            </Fact>
          )}
          {c.queue && (
            <Fact word={t("calls.queue")}>
              <bdi>{c.queue_label}</bdi>
            </Fact>
          )}
          <Fact word={t("calls.waited")}>
            <Duration ms={c.wait_ms} />
          </Fact>
          <Fact word={t("calls.talked")}>
            <Talked call={c} />
          </Fact>
          {c.hold_ms > 0 && (
            <Fact word={t("calls.onHold")}>
              <Duration ms={c.hold_ms} />
            </Fact>
          )}
          {c.hangup && (
            <Fact word={t("calls.how")}>
              {t("calls.hangupBy", {
                by: t(`by.${endedBy(c.direction, c.hangup)}`),
              })}{" "}
              <span className="quiet num" title={c.hangup.text}>
                ({t("calls.cause", { n: f.number(c.hangup.cause) })})
              </span>
            </Fact>
          )}
          {c.source !== "live" && (
            <Fact word={t("calls.source")}>
              <span className="quiet">{t(`calls.sources.${c.source}`)}</span>
            </Fact>
          )}
        </dl>
      </section>
      <section className="panel" style={{ marginTop: 16 }}>
        <Title order={2} mb={12}>
          {t("calls.legs")}
        </Title>
        <Legs call={c} />
      </section>
      <div className={styles.grid}>
        <Stack gap="xs">
          <Note key={c.id} callID={c.id} saved={c.note} readOnly={!mayWrite} />
          {!mayWrite && (
            <Text size="xs" c="dimmed">
              {t("calls.readOnly")}
            </Text>
          )}
        </Stack>
        <Stack gap="md">
          <FollowUpPanel
            of={{ call: c.id }}
            start={{
              call: c.id,
              customer: c.customer,
              number: c.direction === "internal" || c.caller.withheld ? undefined : number,
            }}
          />
          <section className="panel">
            <Title order={2} mb={8}>
              {t("calls.customer")}
            </Title>
            <Stack gap="xs" align="flex-start">
              {c.customer ? (
                <Anchor component={Link} to={`/customers/${c.customer.id}`}>
                  {c.customer.name}
                </Anchor>
              ) : (
                <Text c="dimmed">{t("calls.noCustomer")}</Text>
              )}
              <Text size="xs" c="dimmed">
                {t(`rule.${c.match.rule}`)}
              </Text>
              {!c.customer &&
                c.match.candidates.map((x) => (
                  <Button
                    key={x.id}
                    variant="default"
                    size="compact-sm"
                    disabled={!mayWrite}
                    onClick={() => link.mutate(x.id)}
                  >
                    {x.name}
                  </Button>
                ))}
              {mayWrite && (
                <Button variant="default" leftSection={<IconLink size={16} />} onClick={() => setAttaching(true)}>
                  {t(c.customer ? "calls.changeCustomer" : "desk.attach")}
                </Button>
              )}
            </Stack>
          </section>
        </Stack>
      </div>
      <Suspense>
        {attaching && (
          <Attach
            number={c.caller.withheld ? "" : number}
            onClose={() => setAttaching(false)}
            onPick={(id) => link.mutate(id)}
          />
        )}
      </Suspense>
    </Page>
  );
}

function Fact({ word, children }: { word: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{word}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Talked({ call }: { call: Call }) {
  const live = call.state !== "ended" && call.answered_at !== null;
  const now = useNow(live ? 1000 : null);
  return <Duration ms={live ? now - Date.parse(call.answered_at ?? call.started_at) : call.talk_ms} />;
}
