// Why agents pause: what they choose from.
import "../app/rest.css";
import { Button, Group, Switch, Table, Text, TextInput } from "@mantine/core";
import { IconPlayerPause, IconPlus } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, got } from "../api/client";
import { sayFault } from "../api/fault";
import { Problem } from "../api/problem";
import { pauseReasons, queryClient } from "../api/queries";
import type { PauseReason } from "../api/types";
import { ListPanel } from "../parts/list-panel";
import { complain, notice } from "../parts/notice";
import { offerUndo } from "../parts/undo";
import { reasonIn } from "../states/reason";
import { useSpoken } from "../text/use-spoken";
import { FormFrame } from "./form-frame";

const changed = () => void queryClient.invalidateQueries({ queryKey: ["pause-reasons"] });

export function PausesPage() {
  const { t } = useTranslation();
  const spoken = useSpoken();
  const navigate = useNavigate({ from: "/settings/pauses" });
  const archived = useSearch({ from: "/inside/settings/pauses" }).archived === "1";
  const list = useQuery(pauseReasons(archived));
  const [editing, setEditing] = useState<PauseReason | "new" | null>(null);
  const items = list.data?.items ?? [];

  const keep = useMutation({
    mutationFn: ({ reason, archived }: { reason: PauseReason; archived: boolean }) =>
      got(api.PATCH("/api/v1/pause-reasons/{id}", { params: { path: { id: reason.id } }, body: { archived } })),
    onSuccess: (r, { archived }) => {
      changed();
      const name = reasonIn(r, spoken);
      if (!archived) notice(t("pauses.restoredDone", { name }));
      else void offerUndo(t("pauses.archivedDone", { name }), () => keep.mutate({ reason: r, archived: false }));
    },
    onError: complain,
  });

  return (
    <>
      <Text c="dimmed" maw={760} mb="sm">
        {t("pauses.body")}
      </Text>
      <ListPanel
        list={list}
        items={items}
        label={t("pauses.title")}
        bar={
          <>
            <Switch
              label={t("pauses.showArchived")}
              checked={archived}
              onChange={(e) => void navigate({ search: e.currentTarget.checked ? { archived: "1" } : {} })}
            />
            <Button leftSection={<IconPlus size={16} />} onClick={() => setEditing("new")}>
              {t("pauses.create")}
            </Button>
          </>
        }
        empty={{
          icon: <IconPlayerPause size={28} stroke={1.5} />,
          title: t(archived ? "pauses.noneArchived" : "pauses.emptyTitle"),
          body: t(archived ? "pauses.noneArchivedBody" : "pauses.emptyBody"),
        }}
        head={
          <>
            <Table.Th>{t("pauses.label")}</Table.Th>
            <Table.Th>{t("pauses.labelEn")}</Table.Th>
            <Table.Th aria-label={t("action.edit")} />
          </>
        }
        row={(r) => (
          <Table.Tr key={r.id}>
            <Table.Td>
              <bdi>{r.label}</bdi>
            </Table.Td>
            <Table.Td>
              <bdi>{r.label_en}</bdi>
            </Table.Td>
            <Table.Td>
              <Group gap="xs" justify="flex-end">
                {archived ? (
                  <Button
                    size="compact-sm"
                    variant="default"
                    onClick={() => keep.mutate({ reason: r, archived: false })}
                    aria-label={`${t("action.restore")}: ${r.label}`}
                  >
                    {t("action.restore")}
                  </Button>
                ) : (
                  <>
                    <Button
                      size="compact-sm"
                      variant="default"
                      onClick={() => setEditing(r)}
                      aria-label={`${t("action.edit")}: ${r.label}`}
                    >
                      {t("action.edit")}
                    </Button>
                    <Button
                      size="compact-sm"
                      variant="default"
                      onClick={() => keep.mutate({ reason: r, archived: true })}
                      aria-label={`${t("action.archive")}: ${r.label}`}
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
      {editing && <ReasonForm reason={editing === "new" ? null : editing} onClose={() => setEditing(null)} />}
    </>
  );
}

function ReasonForm({ reason, onClose }: { reason: PauseReason | null; onClose: () => void }) {
  const { t } = useTranslation();
  const [label, setLabel] = useState(reason?.label ?? "");
  const [english, setEnglish] = useState(reason?.label_en ?? "");
  const save = useMutation({
    mutationFn: () => {
      const body = { label: label.trim(), label_en: english.trim() };
      if (!reason) return got(api.POST("/api/v1/pause-reasons", { body }));
      return got(
        api.PATCH("/api/v1/pause-reasons/{id}", {
          params: { path: { id: reason.id } },
          body: { ...body, version: reason.version },
        }),
      );
    },
    onSuccess: (r) => {
      changed();
      notice(t("pauses.savedDone", { name: r.label }));
      onClose();
    },
  });
  const fields = save.error instanceof Problem ? save.error.fields : {};
  const placed = Boolean(fields.label || fields.label_en);
  return (
    <FormFrame
      title={t(reason ? "pauses.editTitle" : "pauses.create")}
      fault={placed ? null : save.error}
      saving={save.isPending}
      ready={label.trim() !== ""}
      saveWord={t(reason ? "action.save" : "action.create")}
      onSave={() => save.mutate()}
      onClose={onClose}
    >
      <TextInput
        label={t("pauses.label")}
        required
        data-autofocus
        dir="auto"
        autoComplete="off"
        value={label}
        onChange={(ev) => setLabel(ev.currentTarget.value)}
        error={fields.label && sayFault(fields.label, t)}
      />
      <TextInput
        label={t("pauses.labelEn")}
        description={t("pauses.labelEnBody")}
        dir="ltr"
        autoComplete="off"
        value={english}
        onChange={(ev) => setEnglish(ev.currentTarget.value)}
        error={fields.label_en && sayFault(fields.label_en, t)}
      />
    </FormFrame>
  );
}
