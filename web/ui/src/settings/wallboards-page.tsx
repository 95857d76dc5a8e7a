// Wallboards: the keys of screens on the wall.
import "../app/rest.css";
import {
  Alert,
  Button,
  Code,
  Group,
  Modal,
  MultiSelect,
  Select,
  Stack,
  Switch,
  Table,
  Text,
  TextInput,
} from "@mantine/core";
import { IconDeviceTv, IconPlus } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, got } from "../api/client";
import { say } from "../api/problem";
import { queryClient, wallboards as wallboardsQuery } from "../api/queries";
import type { WallboardInput, WallboardKey } from "../api/types";
import { useMay } from "../app/may";
import { useMyQueues, useMyTeams } from "../app/mine";
import { copyText } from "../parts/copy";
import { ListPanel } from "../parts/list-panel";
import { complain, notice } from "../parts/notice";
import { Revoke } from "../parts/revoke";
import { Moment } from "../parts/text";
import styles from "./settings.module.css";

export function WallboardsPage() {
  const { t } = useTranslation();
  const list = useQuery(wallboardsQuery);
  const scope = useMay("floor.read");
  const teams = useMyTeams(scope);
  const queues = useMyQueues(scope);
  const [making, setMaking] = useState(false);
  const revoke = useMutation({
    mutationFn: (x: WallboardKey) => got(api.DELETE("/api/v1/wallboards/{id}", { params: { path: { id: x.id } } })),
    onSuccess: (_, x) => {
      void queryClient.invalidateQueries({ queryKey: ["wallboards"] });
      notice(t("wall.revoked", { name: x.name }));
    },
    onError: complain,
  });
  const shows = (x: WallboardKey): string =>
    [
      x.team_id ? teams.find((y) => y.id === x.team_id)?.name : "",
      ...x.queues.map((id) => queues.find((q) => q.id === id)?.label),
    ]
      .filter(Boolean)
      .join(t("app.comma")) || t("wall.everything");
  return (
    <>
      <ListPanel
        list={list}
        items={list.data?.items ?? []}
        label={t("settings.wallboards")}
        bar={
          <>
            <Text c="dimmed">{t("wall.body")}</Text>
            <Button leftSection={<IconPlus size={16} />} onClick={() => setMaking(true)}>
              {t("wall.create")}
            </Button>
          </>
        }
        empty={{ icon: <IconDeviceTv size={28} stroke={1.5} />, title: t("wall.noneTitle"), body: t("wall.noneBody") }}
        head={
          <>
            <Table.Th>{t("wall.where")}</Table.Th>
            <Table.Th>{t("wall.shows")}</Table.Th>
            <Table.Th className="only-wide">{t("wall.maker")}</Table.Th>
            <Table.Th className="only-wide">{t("tokens.used")}</Table.Th>
            <Table.Th aria-label={t("tokens.revoke")} />
          </>
        }
        row={(x) => (
          <Table.Tr key={x.id}>
            <Table.Td>
              <bdi>{x.name}</bdi>
            </Table.Td>
            <Table.Td>
              <bdi>{shows(x)}</bdi>
              {x.names && <div className="quiet">{t("wall.withNames")}</div>}
            </Table.Td>
            <Table.Td className="only-wide">
              <bdi>{x.maker}</bdi>
            </Table.Td>
            <Table.Td className="only-wide">{x.last_used ? <Moment at={x.last_used} /> : t("tokens.never")}</Table.Td>
            <Table.Td ta="end">
              <Revoke
                name={x.name}
                busy={revoke.isPending && revoke.variables.id === x.id}
                onRevoke={() => revoke.mutate(x)}
              />
            </Table.Td>
          </Table.Tr>
        )}
      />
      {making && <NewWallboard onClose={() => setMaking(false)} />}
    </>
  );
}

function NewWallboard({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const scope = useMay("floor.read");
  const teams = useMyTeams(scope);
  const queues = useMyQueues(scope);
  const [form, setForm] = useState<Required<Omit<WallboardInput, "team_id">> & { team_id: string | null }>({
    name: "",
    team_id: null,
    queues: [],
    names: false,
  });
  const make = useMutation({
    mutationFn: () => {
      const { team_id, ...rest } = form;
      return got(
        api.POST("/api/v1/wallboards", {
          body: { ...rest, name: form.name.trim(), ...(team_id ? { team_id } : {}) },
        }),
      );
    },
    onSuccess: () => void queryClient.invalidateQueries({ queryKey: ["wallboards"] }),
  });
  const link = make.data && `${location.origin}/wallboard#${make.data.secret}`;
  const fits = queues.filter((q) => !form.team_id || q.team_id === form.team_id);
  return (
    <Modal opened onClose={onClose} title={t("wall.create")} closeButtonProps={{ "aria-label": t("action.close") }}>
      {link ? (
        <Stack gap="md">
          <Alert color="orange" py={8}>
            {t("wall.once")}
          </Alert>
          <Code className={styles.secret} dir="ltr" data-testid="wallboard-link">
            {link}
          </Code>
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={async () => (await copyText(link)) && notice(t("action.copied"))}>
              {t("wall.copy")}
            </Button>
            <Button onClick={onClose}>{t("action.done")}</Button>
          </Group>
        </Stack>
      ) : (
        <form
          onSubmit={(e) => {
            e.preventDefault();
            if (form.name.trim()) make.mutate();
          }}
        >
          <Stack gap="md">
            <TextInput
              label={t("wall.where")}
              required
              data-autofocus
              dir="auto"
              value={form.name}
              onChange={(e) => {
                const name = e.currentTarget.value;
                setForm((s) => ({ ...s, name }));
              }}
              error={make.error && say(make.error, t)}
            />
            <Select
              label={t("floor.team")}
              placeholder={t("floor.anyTeam")}
              data={teams.map((x) => ({ value: x.id, label: x.name }))}
              value={form.team_id}
              onChange={(team_id) => setForm((s) => ({ ...s, team_id, queues: [] }))}
              clearable
              clearButtonProps={{ "aria-label": t("action.clear") }}
            />
            <MultiSelect
              label={t("settings.queues")}
              placeholder={form.queues.length === 0 ? t("floor.anyQueue") : ""}
              data={fits.map((x) => ({ value: x.id, label: x.label }))}
              value={form.queues}
              onChange={(chosen) => setForm((s) => ({ ...s, queues: chosen }))}
              searchable
              nothingFoundMessage={t("find.nothing")}
            />
            <Switch
              label={t("wall.names")}
              description={t("wall.namesBody")}
              checked={form.names}
              onChange={(e) => {
                const names = e.currentTarget.checked;
                setForm((s) => ({ ...s, names }));
              }}
            />
            <Group justify="flex-end" gap="xs">
              <Button variant="default" onClick={onClose}>
                {t("action.cancel")}
              </Button>
              <Button type="submit" loading={make.isPending} disabled={!form.name.trim()}>
                {t("action.create")}
              </Button>
            </Group>
          </Stack>
        </form>
      )}
    </Modal>
  );
}
