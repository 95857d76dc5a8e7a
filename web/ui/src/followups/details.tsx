// One follow-up: all that is known of it, what can be done, and what was done.
import "../app/rest.css";
import { Anchor, Button, Group, Modal, Stack, Text, Title } from "@mantine/core";
import { IconCalendarTime, IconCheck, IconPencil, IconRotate, IconX } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { followUp as followUpQuery } from "../api/queries";
import type { FollowUp, FollowUpChange } from "../api/types";
import { useMay } from "../app/may";
import { CallButton } from "../dial/call-button";
import { Failed, Loading } from "../parts/states";
import { Moment } from "../parts/text";
import { useFormat } from "../text/use-format";
import { cancel, claim, closed, finish, followUpName, openAgain, release } from "./acts";
import styles from "./followups.module.css";
import { OwnerText, placeOf, StateText, useToDesk, Whom } from "./table";

interface Props {
  id: string;
  onClose: () => void;
  onEdit: (f: FollowUp) => void;
  onMove: (f: FollowUp) => void;
}

export function FollowUpDetails({ id, onClose, ...acts }: Props) {
  const { t } = useTranslation();
  const { data, error, refetch } = useQuery(followUpQuery(id));
  return (
    <Modal
      opened
      onClose={onClose}
      size="lg"
      title={data ? <bdi>{data.title || t("followUps.untitled")}</bdi> : t("followUps.one")}
      closeButtonProps={{ "aria-label": t("action.close") }}
    >
      {data ? (
        <Details item={data} {...acts} />
      ) : error ? (
        <Failed error={error} retry={() => void refetch()} />
      ) : (
        <Loading />
      )}
    </Modal>
  );
}

function Details({ item, onEdit, onMove }: Omit<Props, "id" | "onClose"> & { item: FollowUp }) {
  const { t } = useTranslation();
  const f = useFormat();
  const mayWrite = useMay("follow_ups.write") !== null;
  const due = new Date(item.due_at);
  useToDesk(placeOf(item));
  return (
    <Stack gap="md">
      <dl className="facts">
        <Fact word={t("followUps.dueAt")}>{t("followUps.reading", { day: f.longDate(due), time: f.time(due) })}</Fact>
        {item.until && (
          <Fact word={t("followUps.until")}>
            <Moment at={item.until} />
          </Fact>
        )}
        <Fact word={t("followUps.stateOf")}>
          <StateText item={item} />
        </Fact>
        <Fact word={t("followUps.ownerOf")}>
          <OwnerText item={item} />
        </Fact>
        <Fact word={t("followUps.priority")}>{t(`followUps.priorities.${item.priority}`)}</Fact>
        {(item.customer || item.number) && (
          <Fact word={t("followUps.who")}>
            <Whom item={item} />
          </Fact>
        )}
        {item.call_id && (
          <Fact word={t("followUps.fromCall")}>
            <CallLink id={item.call_id} />
          </Fact>
        )}
        {item.last_call_id && item.last_call_id !== item.call_id && (
          <Fact word={t("followUps.lastCall")}>
            <CallLink id={item.last_call_id} />
          </Fact>
        )}
      </dl>
      {item.note && (
        <Text dir="auto" className={styles.noteWhole}>
          {item.note}
        </Text>
      )}
      {mayWrite && (
        <Group gap="xs">
          {!closed(item) && item.kind === "callback" && (
            <CallButton
              number={item.number}
              customer={item.customer?.id}
              followUp={item.id}
              place={placeOf(item)}
              text={t("dial.call")}
            />
          )}
          {closed(item) ? (
            <Button variant="default" leftSection={<IconRotate size={16} />} onClick={() => void openAgain(item)}>
              {t("followUps.reopen")}
            </Button>
          ) : (
            <>
              <Button leftSection={<IconCheck size={16} />} onClick={() => void finish(item)}>
                {t("followUps.done")}
              </Button>
              <Button variant="default" leftSection={<IconCalendarTime size={16} />} onClick={() => onMove(item)}>
                {t("followUps.reschedule")}
              </Button>
              {!item.claimed_by && (
                <Button variant="default" onClick={() => void claim(item)}>
                  {t("followUps.claim")}
                </Button>
              )}
              {item.state === "claimed" && (
                <Button variant="default" onClick={() => void release(item)}>
                  {t("followUps.release")}
                </Button>
              )}
              <Button variant="default" leftSection={<IconX size={16} />} onClick={() => void cancel(item)}>
                {t("followUps.cancel")}
              </Button>
            </>
          )}
          <Button variant="default" leftSection={<IconPencil size={16} />} onClick={() => onEdit(item)}>
            {t("followUps.edit")}
          </Button>
        </Group>
      )}
      <section>
        <Title order={2} mb={8}>
          {t("followUps.history")}
        </Title>
        <ol className={styles.history} aria-label={`${t("followUps.history")}: ${followUpName(item)}`}>
          {(item.changes ?? []).map((c, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a history only grows at its end
            <li key={i}>
              <span className="quiet">
                <Moment at={c.at} />
              </span>
              <span>
                <Change change={c} />
              </span>
              <span className="quiet">
                <bdi>{c.by?.name ?? t("followUps.byRingbook")}</bdi>
              </span>
            </li>
          ))}
        </ol>
      </section>
    </Stack>
  );
}

const fields = ["title", "note", "priority", "owner", "number", "until"] as const;
const told = [
  "made",
  "changed",
  "claimed",
  "released",
  "lapsed",
  "dialled",
  "refused",
  "rescheduled",
  "answered",
  "no_answer",
  "not_placed",
  "called_again",
  "inherited",
  "done",
  "cancelled",
  "expired",
  "reopened",
] as const;

/** Change says what was done: by its own word, or else by the state that came of it. */
function Change({ change: c }: { change: FollowUpChange }) {
  const { t } = useTranslation();
  const f = useFormat();
  const due = typeof c.detail.due_at === "string" ? new Date(c.detail.due_at) : null;
  const what = told.find((x) => x === c.what);
  const changed = fields.filter((x) => x in c.detail);
  return (
    <>
      {what
        ? t(`followUps.changed.${what}`, {
            due: due ? t("followUps.reading", { day: f.longDate(due), time: f.time(due) }) : "",
          })
        : t(`followUps.state.${c.state}`)}
      {c.what === "changed" && changed.length > 0 && (
        <span className="quiet"> ({changed.map((x) => t(`followUps.changedFields.${x}`)).join(t("app.comma"))})</span>
      )}
    </>
  );
}

function CallLink({ id }: { id: string }) {
  const { t } = useTranslation();
  return (
    <Anchor component={Link} to={`/calls/${id}`}>
      {t("calls.one")}
    </Anchor>
  );
}

function Fact({ word, children }: { word: string; children: ReactNode }) {
  return (
    <div>
      <dt>{word}</dt>
      <dd>{children}</dd>
    </div>
  );
}
