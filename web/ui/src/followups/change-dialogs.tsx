// One change of one or of many follow-ups: another time, another owner.
import "../app/rest.css";
import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useMutation, useSuspenseQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Problem } from "../api/problem";
import { me as meQuery } from "../api/queries";
import type { FollowUp, FollowUpBulk } from "../api/types";
import { Refusal } from "../parts/refusal";
import { useFormat } from "../text/use-format";
import { bulk } from "./acts";
import { DueField, dueText, readDue, useDueFault } from "./due-field";
import { type Owner, OwnerSelect, ownerBody, ownerOf } from "./owner";

interface Props {
  items: FollowUp[];
  onClose: () => void;
  onDone: () => void;
}

const hour = 3_600_000;
const steps = { hour, day: 24 * hour, week: 7 * 24 * hour } as const;

export function MoveDialog({ items, onClose, onDone }: Props) {
  const { t } = useTranslation();
  const f = useFormat();
  const only = items.length === 1 ? items[0] : undefined;
  const [due, setDue] = useState(only ? dueText(new Date(only.due_at), f) : "");
  const sayDue = useDueFault();
  const save = useMutation({
    mutationFn: async (change: Omit<FollowUpBulk, "ids"> | string) =>
      bulk(items, typeof change === "string" ? { due_at: await readDue(change, f) } : change),
    onSuccess: () => {
      onDone();
      onClose();
    },
  });
  const faulty = save.error instanceof Problem && ("q" in save.error.fields || "due_at" in save.error.fields);
  return (
    <Modal
      opened
      onClose={onClose}
      title={t("followUps.rescheduleTitle", { count: items.length, n: f.number(items.length) })}
      closeButtonProps={{ "aria-label": t("action.close") }}
    >
      <form
        noValidate
        onSubmit={(e) => {
          e.preventDefault();
          if (due.trim() && !save.isPending) save.mutate(due);
        }}
      >
        <Stack gap="md">
          <DueField
            value={due}
            onChange={(v) => {
              setDue(v);
              if (save.isError) save.reset();
            }}
            error={faulty ? sayDue(save.error) : undefined}
            focus
          />
          <Group gap={6}>
            <Text size="xs" c="dimmed">
              {t("followUps.laterBy")}
            </Text>
            {(["hour", "day", "week"] as const).map((step) => (
              <Button
                key={step}
                size="compact-xs"
                variant="default"
                disabled={save.isPending}
                onClick={() => save.mutate({ later_ms: steps[step] })}
              >
                {t(`followUps.later.${step}`)}
              </Button>
            ))}
          </Group>
          {save.error && !faulty && <Refusal error={save.error} retry={() => save.mutate(save.variables)} />}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              {t("action.cancel")}
            </Button>
            <Button type="submit" loading={save.isPending} disabled={!due.trim()}>
              {t("followUps.reschedule")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

export function AssignDialog({ items, onClose, onDone }: Props) {
  const { t } = useTranslation();
  const f = useFormat();
  const me = useSuspenseQuery(meQuery).data.agent;
  const only = items.length === 1 ? items[0] : undefined;
  const [owner, setOwner] = useState<Owner>(only ? ownerOf(only, me.id) : "me");
  const save = useMutation({
    mutationFn: () => bulk(items, ownerBody(owner, me.id)),
    onSuccess: () => {
      onDone();
      onClose();
    },
  });
  return (
    <Modal
      opened
      onClose={onClose}
      title={t("followUps.assignTitle", { count: items.length, n: f.number(items.length) })}
      closeButtonProps={{ "aria-label": t("action.close") }}
    >
      <form
        onSubmit={(e) => {
          e.preventDefault();
          save.mutate();
        }}
      >
        <Stack gap="md">
          <OwnerSelect value={owner} onPick={setOwner} now={only} data-autofocus />
          {save.error && <Refusal error={save.error} retry={() => save.mutate()} />}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              {t("action.cancel")}
            </Button>
            <Button type="submit" loading={save.isPending}>
              {t("followUps.assignSave")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
