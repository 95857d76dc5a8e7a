// A new follow-up, or one that is changed.
import "../app/rest.css";
import {
  Anchor,
  Autocomplete,
  Button,
  Group,
  Modal,
  SegmentedControl,
  Select,
  Stack,
  Textarea,
  TextInput,
} from "@mantine/core";
import { useMutation, useQuery, useSuspenseQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { api, got } from "../api/client";
import { sayFault } from "../api/fault";
import { Problem, say } from "../api/problem";
import { customer as customerQuery, me as meQuery } from "../api/queries";
import type { FollowUp, FollowUpKind, FollowUpPriority } from "../api/types";
import { newID } from "../dial/attempt";
import { CustomerPicker } from "../parts/customer-picker";
import { Refusal } from "../parts/refusal";
import { spaced } from "../text/digits";
import { useFormat } from "../text/use-format";
import { refreshFollowUps } from "./acts";
import { DueField, dueText, readDue, useDueFault } from "./due-field";
import styles from "./followups.module.css";
import type { FollowUpDialogProps } from "./open";
import { OwnerSelect, ownerBody, ownerOf } from "./owner";

/** Windows in minutes; 0: none. "keep": the one that it has. */
const windows = [0, 60, 120, 240, 1440, 10_080];
const priorities: FollowUpPriority[] = ["low", "normal", "high"];

export default function FollowUpDialog({ edit, start = {}, onClose, onSaved }: FollowUpDialogProps) {
  const { t } = useTranslation();
  const f = useFormat();
  const me = useSuspenseQuery(meQuery).data.agent;
  const [kind, setKind] = useState<FollowUpKind>(edit?.kind ?? start.kind ?? (start.number ? "callback" : "task"));
  const [title, setTitle] = useState(edit?.title ?? start.title ?? "");
  const [due, setDue] = useState(edit ? dueText(new Date(edit.due_at), f) : (start.due ?? ""));
  const [window_, setWindow] = useState(edit?.until ? "keep" : "0");
  const [priority, setPriority] = useState<FollowUpPriority>(edit?.priority ?? "normal");
  const [owner, setOwner] = useState(edit ? ownerOf(edit, me.id) : "me");
  const [customer, setCustomer] = useState(edit?.customer ?? start.customer ?? null);
  const [number, setNumber] = useState(spaced(edit?.number ?? start.number ?? ""));
  const [note, setNote] = useState(edit?.note ?? start.note ?? "");
  const call = edit?.call_id ?? start.call;
  const numbers = useQuery({ ...customerQuery(customer?.id ?? ""), enabled: customer !== null && kind === "callback" });
  const offered = (numbers.data?.numbers ?? []).filter((n) => !n.historic);
  const sayDue = useDueFault();
  // Sent again as it was, when no answer came, it is made once.
  const asked = useRef({ said: "", id: "" });

  const save = useMutation({
    mutationFn: async (): Promise<FollowUp> => {
      // An unchanged time stays as it is, even one that is past by now.
      const same = edit && due === dueText(new Date(edit.due_at), f);
      const at = same ? edit.due_at : await readDue(due, f);
      const until =
        window_ === "0" || kind === "task" ? null : new Date(Date.parse(at) + Number(window_) * 60_000).toISOString();
      const callback = kind === "callback";
      if (edit) {
        const given = owner === ownerOf(edit, me.id) ? {} : ownerBody(owner, me.id);
        const body = {
          version: edit.version,
          title: title.trim(),
          note,
          priority,
          ...(same ? {} : { due_at: at }),
          ...(callback && window_ !== "keep" && (until || edit.until) ? { until } : {}),
          ...(callback && number !== spaced(edit.number) ? { number } : {}),
          ...given,
        };
        return got(api.PATCH("/api/v1/follow-ups/{id}", { params: { path: { id: edit.id } }, body }));
      }
      const said = JSON.stringify([kind, title, due, window_, priority, owner, customer?.id, number, note]);
      if (asked.current.said !== said) asked.current = { said, id: newID() };
      return got(
        api.POST("/api/v1/follow-ups", {
          body: {
            id: asked.current.id,
            kind,
            title: title.trim(),
            note,
            priority,
            due_at: at,
            ...(until ? { until } : {}),
            ...(callback && number.trim() ? { number } : {}),
            ...(customer ? { customer_id: customer.id } : {}),
            ...(call ? { call_id: call } : {}),
            ...ownerBody(owner, me.id),
          },
        }),
      );
    },
    onSuccess: (saved) => {
      void refreshFollowUps();
      onSaved?.(saved);
      onClose();
    },
  });

  const fields = save.error instanceof Problem ? save.error.fields : {};
  const fault = (name: string) => (fields[name] === undefined ? undefined : sayFault(fields[name], t));
  const dueError = fields.q !== undefined || fields.due_at !== undefined ? sayDue(save.error) : undefined;
  const placed = ["q", "due_at", "title", "number", "until", "note", "assignee_id", "team_id", "customer_id"];
  const elsewhere = save.error && !placed.some((x) => x in fields);
  const reset = () => save.isError && save.reset();

  return (
    <Modal
      opened
      onClose={onClose}
      closeOnClickOutside={false}
      title={edit ? t("followUps.editTitle") : t("followUps.newTitle")}
      size="lg"
      closeButtonProps={{ "aria-label": t("action.close") }}
    >
      <form
        noValidate
        onChange={reset}
        onSubmit={(e) => {
          e.preventDefault();
          if (due.trim() && !save.isPending) save.mutate();
        }}
        onKeyDown={(e) => {
          if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) e.currentTarget.requestSubmit();
        }}
      >
        <Stack gap="sm">
          {!edit && (
            <SegmentedControl
              fullWidth
              aria-label={t("followUps.kind")}
              data={(["callback", "task"] as const).map((k) => ({ value: k, label: t(`followUps.kinds.${k}`) }))}
              value={kind}
              onChange={(k) => setKind(k as FollowUpKind)}
            />
          )}
          <TextInput
            label={t("followUps.title")}
            description={kind === "callback" ? t("followUps.titleOptional") : undefined}
            required={kind === "task"}
            withAsterisk={false}
            maxLength={200}
            dir="auto"
            autoComplete="off"
            {...(start.number || start.due || edit ? {} : { "data-autofocus": true })}
            value={title}
            onChange={(e) => setTitle(e.currentTarget.value)}
            error={fault("title")}
          />
          <DueField value={due} onChange={setDue} error={dueError} focus={Boolean(start.number || edit)} />
          <div className={styles.pair}>
            <CustomerPicker
              label={t("calls.customer")}
              placeholder={t("followUps.noCustomer")}
              value={customer}
              disabled={edit !== undefined}
              onPick={setCustomer}
              error={fault("customer_id")}
            />
            {kind === "callback" && (
              <Autocomplete
                label={t("calls.number")}
                placeholder={`\u2066${offered[0] ? f.digits(spaced(offered[0].number)) : t("followUps.numberHint")}\u2069`}
                data={offered.map((n) => f.digits(spaced(n.number)))}
                filter={({ options }) => options}
                maxLength={64}
                autoComplete="off"
                value={f.digits(number)}
                onChange={(v) => {
                  setNumber(v);
                  reset();
                }}
                error={fault("number")}
                {...(number ? { dir: "ltr" } : {})}
              />
            )}
          </div>
          <div className={styles.pair}>
            <OwnerSelect value={owner} onPick={setOwner} now={edit} error={fault("assignee_id") ?? fault("team_id")} />
            {kind === "callback" && (
              <Select
                label={t("followUps.window")}
                allowDeselect={false}
                data={[
                  ...(edit?.until ? [{ value: "keep", label: t("followUps.windowKeep") }] : []),
                  ...windows.map((m) => ({ value: String(m), label: t(`followUps.windows.m${m as 0}`) })),
                ]}
                value={window_}
                onChange={(v) => setWindow(v ?? "0")}
                error={fault("until")}
              />
            )}
          </div>
          <div>
            <span className={styles.label} id="follow-up-priority">
              {t("followUps.priority")}
            </span>
            <SegmentedControl
              fullWidth
              aria-labelledby="follow-up-priority"
              data={priorities.map((p) => ({ value: p, label: t(`followUps.priorities.${p}`) }))}
              value={priority}
              onChange={(p) => setPriority(p as FollowUpPriority)}
            />
          </div>
          <Textarea
            label={t("desk.note")}
            dir="auto"
            autosize
            minRows={2}
            maxRows={8}
            maxLength={10_000}
            value={note}
            onChange={(e) => setNote(e.currentTarget.value)}
            error={fault("note")}
          />
          {call && (
            <Anchor component={Link} to={`/calls/${call}`} size="xs" onClick={onClose}>
              {t("followUps.fromCall")}
            </Anchor>
          )}
          {elsewhere && <Refusal error={save.error} retry={() => save.mutate()} />}
          {!elsewhere && save.error && <span className="visually-hidden">{say(save.error, t)}</span>}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              {t("action.cancel")}
            </Button>
            <Button type="submit" loading={save.isPending} disabled={!due.trim()}>
              {edit ? t("action.save") : t("followUps.create")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
