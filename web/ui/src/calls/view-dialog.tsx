// The name of a saved view, and for whom it is.
import "../app/rest.css";
import { Button, Group, Modal, Select, Stack, TextInput } from "@mantine/core";
import { useMutation, useQuery, useSuspenseQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, got } from "../api/client";
import { sayFault } from "../api/fault";
import { Problem, say } from "../api/problem";
import { me as meQuery, teams as teamsQuery } from "../api/queries";
import type { SavedView } from "../api/types";
import { useMay } from "../app/may";

interface Props {
  query: string;
  rename?: SavedView | undefined;
  onClose: () => void;
  onSaved: (v: SavedView) => void;
}

export default function ViewDialog({ query, rename, onClose, onSaved }: Props) {
  const { t } = useTranslation();
  const scope = useMay("views.write");
  const me = useSuspenseQuery(meQuery).data.agent;
  const { data } = useQuery({ ...teamsQuery, enabled: scope !== "own" });
  const teams = (data?.items ?? []).filter((x) => scope === "all" || me.supervises.includes(x.id));
  const [name, setName] = useState(rename?.name ?? "");
  const [team, setTeam] = useState("");
  const save = useMutation({
    mutationFn: () =>
      rename
        ? got(api.PATCH("/api/v1/views/{id}", { params: { path: { id: rename.id } }, body: { name: name.trim() } }))
        : got(
            api.POST("/api/v1/views", {
              body: { page: "calls", name: name.trim(), query, ...(team ? { team_id: team } : {}) },
            }),
          ),
    onSuccess: onSaved,
  });
  const fault = save.error instanceof Problem ? save.error.fields.name : undefined;
  return (
    <Modal
      opened
      onClose={onClose}
      title={rename ? t("view.rename") : t("view.saveAs")}
      closeButtonProps={{ "aria-label": t("action.close") }}
    >
      <form
        onSubmit={(e) => {
          e.preventDefault();
          if (name.trim()) save.mutate();
        }}
      >
        <Stack gap="md">
          <TextInput
            label={t("view.name")}
            required
            data-autofocus
            dir="auto"
            maxLength={100}
            autoComplete="off"
            value={name}
            onChange={(e) => setName(e.currentTarget.value)}
            error={save.error && (fault ? sayFault(fault, t) : say(save.error, t))}
          />
          {!rename && teams.length > 0 && (
            <Select
              label={t("view.owner")}
              allowDeselect={false}
              data={[
                { value: "", label: t("view.mine") },
                ...teams.map((x) => ({ value: x.id, label: t("view.team", { name: x.name }) })),
              ]}
              value={team}
              onChange={(v) => setTeam(v ?? "")}
            />
          )}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              {t("action.cancel")}
            </Button>
            <Button type="submit" loading={save.isPending} disabled={!name.trim()}>
              {t("action.save")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
