// The agent's desk: the call that rings or is talked on as the largest thing, the customer beside it, the note under it.
import { Button, Stack, Text } from "@mantine/core";
import { IconBellRinging, IconHeadset, IconVolume } from "@tabler/icons-react";
import { useMutation, useSuspenseQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Fragment, lazy, type ReactNode, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import { api, got } from "../api/client";
import { Problem } from "../api/problem";
import { me as meQuery } from "../api/queries";
import type { Desk, Disposition, Pop } from "../api/types";
import { askToNotify } from "../app/attention";
import { now } from "../app/clock";
import { useMay } from "../app/may";
import { setPreferences, usePreferences } from "../app/preferences";
import { useKeys } from "../app/use-keys";
import { FollowUpDialog, type FollowUpStart } from "../followups/open";
import { copyText } from "../parts/copy";
import { complain, notice } from "../parts/notice";
import { Page } from "../parts/page";
import { Empty, Loading } from "../parts/states";
import { Num } from "../parts/text";
import { withWords } from "../text/i18n";
import { useFormat } from "../text/use-format";
import { CallCard } from "./call-card";
import { CallTabs } from "./call-tabs";
import { CustomerPanel } from "./customer-panel";
import styles from "./desk.module.css";
import { History } from "./history";
import { Note } from "./note";
import { disposable, otherNumber, withheld } from "./pop";
import { change, inOrder, isLive, useDesk } from "./store";

const Attach = lazy(() => import("./attach"));
const Create = lazy(withWords(() => import("./create")));
const Dispositions = lazy(() => import("./dispositions"));
const ToDoPanel = lazy(withWords(() => import("./to-do-panel")));
const DialBox = lazy(() => import("../dial/dial-box"));

export function DeskPage() {
  const { t } = useTranslation();
  const f = useFormat();
  const { desk, selected } = useDesk();
  const pop = desk?.calls.find((p) => p.call.id === selected) ?? null;
  const mayWrite = useMay("follow_ups.write") !== null;
  const [making, setMaking] = useState<FollowUpStart | null>(null);
  const make = (more: FollowUpStart = {}) => desk && setMaking({ ...(pop ? beginning(pop, desk) : {}), ...more });
  useKeys({ newFollowUp: () => mayWrite && make() });
  const said = (d: Disposition, of: Pop) => {
    if (!d.follow_up || !desk || !mayWrite) return;
    const { kind, title, after_ms } = d.follow_up;
    const at = new Date(now() + after_ms);
    const due = after_ms > 0 ? `${f.date(at)} ${f.time(at)}` : undefined;
    setMaking({ ...beginning(of, desk), kind, title: title || d.name, due });
  };
  const toDo = desk && (
    <Suspense>
      <ToDoPanel desk={desk} onNew={() => make()} />
    </Suspense>
  );
  return (
    <Page title={t("desk.title")} name={t("desk.title")}>
      {!desk ? (
        <Loading />
      ) : pop ? (
        <Calls desk={desk} pop={pop} toDo={toDo} onSaid={said} onFollowUp={mayWrite ? () => make() : undefined} />
      ) : (
        <div className={styles.grid}>
          <Idle />
          <div className={styles.side}>
            {toDo}
            <Suspense>
              <DialBox />
            </Suspense>
          </div>
        </div>
      )}
      {making && (
        <Suspense>
          <FollowUpDialog
            start={making}
            onClose={() => setMaking(null)}
            onSaved={() => notice(t("notify.followUpMade"))}
          />
        </Suspense>
      )}
    </Page>
  );
}

/** beginning is what a follow-up of a call begins with. */
function beginning(pop: Pop, desk: Desk): FollowUpStart {
  const outside = pop.call.direction !== "internal" && !withheld(pop, desk);
  return { call: pop.call.id, customer: pop.customer, number: outside ? otherNumber(pop, desk) : undefined };
}

interface CallsProps {
  desk: Desk;
  pop: Pop;
  toDo: ReactNode;
  onSaid: (d: Disposition, pop: Pop) => void;
  /** Makes a follow-up of the call; left out: one may not. */
  onFollowUp?: (() => void) | undefined;
}

function Calls({ desk, pop, toDo, onSaid, onFollowUp }: CallsProps) {
  const navigate = useNavigate();
  const [dialog, setDialog] = useState<{ kind: "attach" | "create"; pop: Pop } | null>(null);
  const { t } = useTranslation();
  const id = pop.call.id;
  const number = otherNumber(pop, desk);
  const canCreate = !pop.customer;

  const link = useMutation({
    mutationFn: ({ call, customer }: { call: string; customer: string }) =>
      got(api.PATCH("/api/v1/calls/{id}", { params: { path: { id: call } }, body: { customer_id: customer } })),
    onError: complain,
  });
  const dismiss = useMutation({
    mutationFn: (call: string) => got(api.POST("/api/v1/desk/dismiss", { body: { call_id: call } })),
    onError: (e, call) => {
      if (e instanceof Problem && e.status === 404) change({ type: "drop", id: call });
      else complain(e);
    },
  });
  const choose = (customer: string) => link.mutate({ call: id, customer });
  const canDismiss = !isLive(pop.state);
  const copy = async () => {
    if (number && (await copyText(number))) notice(t("action.copied"));
  };
  const step = (by: number) => {
    const all = inOrder(desk);
    const at = all.findIndex((p) => p.call.id === id);
    const next = all[(at + by + all.length) % all.length];
    if (next) change({ type: "select", id: next.call.id });
  };

  useKeys({
    note: () => document.getElementById("note")?.focus(),
    noteDone: () => document.getElementById("note")?.blur(),
    create: () => canCreate && setDialog({ kind: "create", pop }),
    attach: () => setDialog({ kind: "attach", pop }),
    open: () => pop.customer && void navigate({ to: "/customers/$id", params: { id: pop.customer.id } }),
    copy: () => void copy(),
    next: () => step(1),
    previous: () => step(-1),
    dismiss: () => canDismiss && dismiss.mutate(id),
    digit: (n) => {
      const c = pop.customer ? undefined : pop.candidates[n - 1];
      if (c) choose(c.id);
    },
  });

  return (
    <>
      {desk.calls.length > 1 && <CallTabs desk={desk} selected={id} />}
      <div className={styles.grid}>
        <div className={styles.main}>
          <CallCard
            desk={desk}
            pop={pop}
            choosing={link.isPending}
            onChoose={choose}
            onCreate={() => setDialog({ kind: "create", pop })}
            onAttach={() => setDialog({ kind: "attach", pop })}
            onCopy={() => void copy()}
            onDismiss={() => dismiss.mutate(id)}
            onFollowUp={onFollowUp}
          />
          <Note key={id} callID={id} saved={pop.call.note} />
          {disposable(pop) && (
            <Suspense>
              <Dispositions pop={pop} onSaid={onSaid} />
            </Suspense>
          )}
        </div>
        <div className={styles.side}>
          {pop.customer && <CustomerPanel customer={pop.customer} />}
          <History past={pop.history} known={pop.looked_up} customer={pop.customer?.id} />
          {toDo}
          <Suspense>
            <DialBox />
          </Suspense>
        </div>
      </div>
      <Suspense>
        {dialog?.kind === "attach" && (
          <Attach
            number={withheld(dialog.pop, desk) ? "" : otherNumber(dialog.pop, desk)}
            onClose={() => setDialog(null)}
            onPick={(customer) => link.mutate({ call: dialog.pop.call.id, customer })}
          />
        )}
        {dialog?.kind === "create" && (
          <Create
            number={withheld(dialog.pop, desk) ? "" : otherNumber(dialog.pop, desk)}
            name={dialog.pop.call.caller.name}
            onClose={() => setDialog(null)}
            onCreated={(customer) => link.mutate({ call: dialog.pop.call.id, customer })}
          />
        )}
      </Suspense>
    </>
  );
}

function Idle() {
  const { t } = useTranslation();
  const me = useSuspenseQuery(meQuery).data;
  const { notify, sound } = usePreferences();
  const extensions = me.agent.extensions;
  return (
    <div className="panel">
      <Empty
        icon={<IconHeadset size={32} stroke={1.4} />}
        title={t("desk.emptyTitle")}
        body={extensions.length === 0 ? t("desk.noExtensions") : t("desk.emptyBody")}
      >
        {extensions.length > 0 && (
          <Text size="xs" c="dimmed">
            {t("desk.emptyExtensions")}
            {extensions.map((x, i) => (
              <Fragment key={x}>
                {i > 0 && t("app.comma")}
                <Num value={x} plain />
              </Fragment>
            ))}
          </Text>
        )}
        <Stack gap="xs" mt="sm" align="center">
          {!notify && "Notification" in window && (
            <Button
              variant="default"
              leftSection={<IconBellRinging size={16} />}
              onClick={async () => {
                if (await askToNotify()) setPreferences({ notify: true });
                else notice(t("settings.notifyDenied"));
              }}
            >
              {t("desk.emptyNotify")}
            </Button>
          )}
          {!sound && (
            <Button
              variant="default"
              leftSection={<IconVolume size={16} />}
              onClick={() => setPreferences({ sound: true })}
            >
              {t("desk.emptySound")}
            </Button>
          )}
        </Stack>
      </Empty>
    </div>
  );
}
