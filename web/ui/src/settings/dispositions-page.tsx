// How agents may say that calls ended: the general list, and those of queues.
import "../app/rest.css";
import { ActionIcon, Button, Group, Select, Switch, Table, Text, TextInput } from "@mantine/core";
import { IconArrowDown, IconArrowUp, IconPlus, IconTag } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, got } from "../api/client";
import { sayFault } from "../api/fault";
import { Problem } from "../api/problem";
import { dispositions, queryClient, queues } from "../api/queries";
import type { Disposition } from "../api/types";
import { ListPanel } from "../parts/list-panel";
import { complain, notice } from "../parts/notice";
import { NumberField } from "../parts/number-field";
import { Num } from "../parts/text";
import { offerUndo } from "../parts/undo";
import { useFormat } from "../text/use-format";
import { FormFrame } from "./form-frame";

const changed = () => queryClient.invalidateQueries({ queryKey: ["dispositions"] });
const hour = 3_600_000;
const usual = ["done", "sold", "callBack", "noInterest", "complaint", "wrongNumber"] as const;

export function DispositionsPage() {
  const { t } = useTranslation();
  const f = useFormat();
  const navigate = useNavigate({ from: "/settings/dispositions" });
  const { archived: asked, queue } = useSearch({ from: "/inside/settings/dispositions" });
  const archived = asked === "1";
  const list = useQuery(dispositions(archived));
  const known = useQuery(queues({})).data?.items ?? [];
  const [editing, setEditing] = useState<Disposition | "new" | null>(null);
  const all = list.data?.items ?? [];
  const items = archived ? all : all.filter((d) => d.queue_id === (queue ?? null));
  const own = new Set(all.map((d) => d.queue_id));
  const labelOf = (id: string | null) =>
    id ? (known.find((q) => q.id === id)?.label ?? id) : t("dispositions.general");

  const keep = useMutation({
    mutationFn: ({ d, archived }: { d: Disposition; archived: boolean }) =>
      got(api.PATCH("/api/v1/dispositions/{id}", { params: { path: { id: d.id } }, body: { archived } })),
    onSuccess: (d, { archived }) => {
      void changed();
      if (!archived) notice(t("dispositions.restoredDone", { name: d.name }));
      else void offerUndo(t("dispositions.archivedDone", { name: d.name }), () => keep.mutate({ d, archived: false }));
    },
    onError: complain,
  });
  const move = useMutation({
    mutationFn: ({ d, to }: { d: Disposition; to: number }) =>
      got(api.PATCH("/api/v1/dispositions/{id}", { params: { path: { id: d.id } }, body: { position: to } })),
    // The next one waits for the new order: it goes by that.
    onSettled: changed,
    onError: complain,
  });
  const addUsual = useMutation({
    mutationFn: async () => {
      for (const [i, word] of usual.entries()) {
        const name = t(`dispositions.usual.${word}`);
        const follow_up =
          word === "callBack" ? { kind: "callback" as const, title: "", after_ms: 24 * hour } : undefined;
        await got(
          api.POST("/api/v1/dispositions", {
            body: { name, key: i + 1, ...(queue ? { queue_id: queue } : {}), ...(follow_up ? { follow_up } : {}) },
          }),
        );
      }
    },
    onSettled: () => void changed(),
    onError: complain,
  });

  return (
    <>
      <Text c="dimmed" maw={760} mb="sm">
        {t("dispositions.body")}
      </Text>
      <ListPanel
        list={list}
        items={items}
        label={t("dispositions.title")}
        bar={
          <>
            <Group>
              {!archived && (
                <Select
                  aria-label={t("dispositions.listOf")}
                  value={queue ?? ""}
                  allowDeselect={false}
                  searchable={known.length > 8}
                  data={[
                    { value: "", label: t("dispositions.general") },
                    ...known.map((q) => ({
                      value: q.id,
                      label: own.has(q.id) ? t("dispositions.ownList", { name: q.label }) : q.label,
                    })),
                  ]}
                  onChange={(v) => void navigate({ search: v ? { queue: v } : {} })}
                />
              )}
              <Switch
                label={t("pauses.showArchived")}
                checked={archived}
                onChange={(e) => void navigate({ search: e.currentTarget.checked ? { archived: "1" } : {} })}
              />
            </Group>
            {!archived && (
              <Button leftSection={<IconPlus size={16} />} onClick={() => setEditing("new")}>
                {t("dispositions.create")}
              </Button>
            )}
          </>
        }
        empty={{
          icon: <IconTag size={28} stroke={1.5} />,
          title: t(archived ? "pauses.noneArchived" : queue ? "dispositions.noOwnTitle" : "dispositions.emptyTitle"),
          body: t(archived ? "pauses.noneArchivedBody" : queue ? "dispositions.noOwnBody" : "dispositions.emptyBody"),
          children: !archived && !queue && (
            <Button mt="sm" loading={addUsual.isPending} onClick={() => addUsual.mutate()}>
              {t("dispositions.addUsual")}
            </Button>
          ),
        }}
        head={
          <>
            <Table.Th w={72}>{t("dispositions.key")}</Table.Th>
            <Table.Th>{t("dispositions.name")}</Table.Th>
            <Table.Th>{t(archived ? "dispositions.listOf" : "dispositions.followUp")}</Table.Th>
            <Table.Th aria-label={t("action.edit")} />
          </>
        }
        row={(d) => (
          <Table.Tr key={d.id}>
            <Table.Td>{d.key && <Num value={String(d.key)} plain />}</Table.Td>
            <Table.Td>
              <bdi>{d.name}</bdi>
            </Table.Td>
            <Table.Td>
              {archived ? (
                <bdi>{labelOf(d.queue_id)}</bdi>
              ) : (
                d.follow_up && (
                  <>
                    {t(`dispositions.kinds.${d.follow_up.kind}`)}
                    {d.follow_up.after_ms > 0 && (
                      <span className="quiet">
                        {" "}
                        · {t("dispositions.after", { n: f.number(d.follow_up.after_ms / hour) })}
                      </span>
                    )}
                  </>
                )
              )}
            </Table.Td>
            <Table.Td>
              <Group gap="xs" justify="flex-end">
                {archived ? (
                  <Button
                    size="compact-sm"
                    variant="default"
                    onClick={() => keep.mutate({ d, archived: false })}
                    aria-label={`${t("action.restore")}: ${d.name}`}
                  >
                    {t("action.restore")}
                  </Button>
                ) : (
                  <>
                    {([-1, 1] as const).map((by) => {
                      const to = items.indexOf(d) + by;
                      const Icon = by < 0 ? IconArrowUp : IconArrowDown;
                      return (
                        <ActionIcon
                          key={by}
                          variant="default"
                          size={28}
                          disabled={to < 0 || to >= items.length}
                          onClick={() => !move.isPending && move.mutate({ d, to })}
                          aria-label={`${t(by < 0 ? "dispositions.up" : "dispositions.down")}: ${d.name}`}
                        >
                          <Icon size={16} />
                        </ActionIcon>
                      );
                    })}
                    <Button
                      size="compact-sm"
                      variant="default"
                      onClick={() => setEditing(d)}
                      aria-label={`${t("action.edit")}: ${d.name}`}
                    >
                      {t("action.edit")}
                    </Button>
                    <Button
                      size="compact-sm"
                      variant="default"
                      onClick={() => keep.mutate({ d, archived: true })}
                      aria-label={`${t("action.archive")}: ${d.name}`}
                    >
                      {t("action.archive")}
                    </Button>
                  </>
                )}
              </Group>
            </Table.Td>
          </Table.Tr>
        )}
      />
      {editing && (
        <DispositionForm
          disposition={editing === "new" ? null : editing}
          queue={queue ?? null}
          free={[1, 2, 3, 4, 5, 6, 7, 8, 9].filter(
            (k) => !items.some((d) => d.key === k && (editing === "new" || d.id !== editing.id)),
          )}
          onClose={() => setEditing(null)}
        />
      )}
    </>
  );
}

interface FormProps {
  disposition: Disposition | null;
  queue: string | null;
  /** Keys that no other has. */
  free: number[];
  onClose: () => void;
}

function DispositionForm({ disposition: d, queue, free, onClose }: FormProps) {
  const { t } = useTranslation();
  const f = useFormat();
  const [name, setName] = useState(d?.name ?? "");
  const [key, setKey] = useState<number | null>(d ? d.key : (free[0] ?? null));
  const [kind, setKind] = useState<"task" | "callback" | "">(d?.follow_up?.kind ?? "");
  const [title, setTitle] = useState(d?.follow_up?.title ?? "");
  const [hours, setHours] = useState(d?.follow_up ? d.follow_up.after_ms / hour : 24);
  const save = useMutation({
    mutationFn: () => {
      const follow_up = kind ? { kind, title: title.trim(), after_ms: Math.round(hours * hour) } : null;
      if (!d) {
        return got(
          api.POST("/api/v1/dispositions", {
            body: { name: name.trim(), key, queue_id: queue, ...(follow_up ? { follow_up } : {}) },
          }),
        );
      }
      return got(
        api.PATCH("/api/v1/dispositions/{id}", {
          params: { path: { id: d.id } },
          body: { name: name.trim(), key, follow_up, version: d.version },
        }),
      );
    },
    onSuccess: (saved) => {
      void changed();
      notice(t("dispositions.savedDone", { name: saved.name }));
      onClose();
    },
  });
  const fields = save.error instanceof Problem ? save.error.fields : {};
  const fault = (field: string) => fields[field] && sayFault(fields[field], t);
  const placed = ["name", "key", "follow_up.title", "follow_up.after_ms"].some((x) => fields[x]);
  return (
    <FormFrame
      title={t(d ? "dispositions.editTitle" : "dispositions.create")}
      fault={placed ? null : save.error}
      saving={save.isPending}
      ready={name.trim() !== "" && !(kind && Number.isNaN(hours))}
      saveWord={t(d ? "action.save" : "action.create")}
      onSave={() => save.mutate()}
      onClose={onClose}
    >
      <TextInput
        label={t("dispositions.name")}
        required
        data-autofocus
        dir="auto"
        autoComplete="off"
        maxLength={60}
        value={name}
        onChange={(ev) => setName(ev.currentTarget.value)}
        error={fault("name")}
      />
      <Select
        label={t("dispositions.key")}
        description={t("dispositions.keyBody")}
        value={key === null ? "" : String(key)}
        allowDeselect={false}
        data={[
          { value: "", label: t("dispositions.noKey") },
          ...free.map((k) => ({ value: String(k), label: f.digits(String(k)) })),
        ]}
        onChange={(v) => setKey(v ? Number(v) : null)}
        error={fault("key")}
      />
      <Select
        label={t("dispositions.followUp")}
        description={t("dispositions.followUpBody")}
        value={kind}
        allowDeselect={false}
        data={(["", "task", "callback"] as const).map((k) => ({
          value: k,
          label: t(`dispositions.kinds.${k || ("none" as const)}`),
        }))}
        onChange={(v) => setKind((v ?? "") as typeof kind)}
      />
      {kind && (
        <>
          <TextInput
            label={t("dispositions.followUpTitle")}
            description={t("dispositions.followUpTitleBody")}
            dir="auto"
            autoComplete="off"
            maxLength={200}
            value={title}
            onChange={(ev) => setTitle(ev.currentTarget.value)}
            error={fault("follow_up.title")}
          />
          <NumberField
            label={t("dispositions.hours")}
            description={t("dispositions.hoursBody")}
            min={0}
            max={8760}
            parts
            value={hours}
            onChange={setHours}
            error={fault("follow_up.after_ms")}
          />
        </>
      )}
    </FormFrame>
  );
}
