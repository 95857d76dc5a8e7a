// How the call ended, as its agent says: one of what its queue offers, by a click or by its key.
import { Button, Group, Text } from "@mantine/core";
import { IconCheck } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { api, got } from "../api/client";
import { Problem } from "../api/problem";
import { dispositionsOf } from "../api/queries";
import type { Disposition, Pop } from "../api/types";
import { useKeys } from "../app/use-keys";
import { complain } from "../parts/notice";
import { Num } from "../parts/text";
import styles from "./desk.module.css";

interface Props {
  pop: Pop;
  /** onSaid is told what was said, once it is saved. */
  onSaid: (d: Disposition, pop: Pop) => void;
}

export default function Dispositions({ pop, onSaid }: Props) {
  const { t } = useTranslation();
  const { call } = pop;
  const list = useQuery(dispositionsOf(call.queue_id)).data?.items ?? [];
  const save = useMutation({
    mutationFn: ({ id, d }: { id: string; d: Disposition | null }) =>
      got(api.PATCH("/api/v1/calls/{id}", { params: { path: { id } }, body: { disposition_id: d?.id ?? null } })),
    // Where the server is out of reach, it will be back; what it refuses, it refuses again.
    retry: (n, e) => !(e instanceof Problem) && n < 5,
    onSuccess: (_, { d }) => d && onSaid(d, pop),
    onError: complain,
  });
  const saving = save.isPending && save.variables.id === call.id;
  const now = saving ? (save.variables.d?.id ?? null) : (call.disposition?.id ?? null);
  const say = (d: Disposition) => save.mutate({ id: call.id, d: d.id === now ? null : d });
  // As long as it is open who it is, the digits choose that.
  const keys = pop.customer !== null || pop.candidates.length === 0;

  useKeys({
    digit: (n) => {
      const d = keys && list.find((d) => d.key === n);
      if (d) say(d);
    },
  });

  if (list.length === 0 && !call.disposition) return null;
  const other = call.disposition && !list.some((d) => d.id === call.disposition?.id) ? call.disposition : null;
  return (
    <section className="panel" aria-label={t("desk.disposition")}>
      <Group justify="space-between" mb={6}>
        <Text fw={600}>{t("desk.disposition")}</Text>
        <span className={styles.noteState} data-state={saving ? "saving" : now ? "saved" : "empty"} role="status">
          {now && !saving && <IconCheck size={14} aria-hidden />}
          {t(saving ? "desk.noteSaving" : now ? "desk.noteSaved" : "desk.dispositionNone")}
        </span>
      </Group>
      <div className={styles.dispositions}>
        {other && (
          <Button variant="filled" aria-pressed onClick={() => save.mutate({ id: call.id, d: null })}>
            <bdi>{other.name}</bdi>
          </Button>
        )}
        {list.map((d) => (
          <Button
            key={d.id}
            variant={d.id === now ? "filled" : "default"}
            aria-pressed={d.id === now}
            onClick={() => say(d)}
            {...(keys && d.key ? { "aria-keyshortcuts": String(d.key) } : {})}
            rightSection={
              keys &&
              d.key && (
                <kbd className={styles.digit} aria-hidden>
                  <Num value={String(d.key)} plain />
                </kbd>
              )
            }
          >
            <bdi>{d.name}</bdi>
          </Button>
        ))}
      </div>
    </section>
  );
}
