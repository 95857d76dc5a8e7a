import "../app/rest.css";
import { Alert, Button, Code, Group, Modal, Stack, Table, Text, TextInput } from "@mantine/core";
import { IconKey, IconPlus } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, got } from "../api/client";
import { say } from "../api/problem";
import { queryClient, tokens as tokensQuery } from "../api/queries";
import type { Token } from "../api/types";
import { copyText } from "../parts/copy";
import { ListPanel } from "../parts/list-panel";
import { complain, notice } from "../parts/notice";
import { Revoke } from "../parts/revoke";
import { Moment } from "../parts/text";
import styles from "./settings.module.css";

export function TokensPage() {
  const { t } = useTranslation();
  const list = useQuery(tokensQuery);
  const [making, setMaking] = useState(false);
  const items = list.data?.items ?? [];
  const revoke = useMutation({
    mutationFn: (x: Token) => got(api.DELETE("/api/v1/tokens/{id}", { params: { path: { id: x.id } } })),
    onSuccess: (_, x) => {
      void queryClient.invalidateQueries({ queryKey: ["tokens"] });
      notice(t("tokens.revoked", { name: x.name }));
    },
    onError: complain,
  });
  return (
    <>
      <ListPanel
        list={list}
        items={items}
        label={t("settings.tokens")}
        bar={
          <>
            <Text c="dimmed">{t("tokens.body")}</Text>
            <Button leftSection={<IconPlus size={16} />} onClick={() => setMaking(true)}>
              {t("tokens.create")}
            </Button>
          </>
        }
        empty={{ icon: <IconKey size={28} stroke={1.5} />, title: t("tokens.emptyTitle"), body: t("tokens.emptyBody") }}
        head={
          <>
            <Table.Th>{t("tokens.name")}</Table.Th>
            <Table.Th className="only-wide">{t("tokens.created")}</Table.Th>
            <Table.Th>{t("tokens.used")}</Table.Th>
            <Table.Th aria-label={t("tokens.revoke")} />
          </>
        }
        row={(x) => (
          <Table.Tr key={x.id}>
            <Table.Td>{x.name}</Table.Td>
            <Table.Td className="only-wide">
              <Moment at={x.created_at} />
            </Table.Td>
            <Table.Td>{x.last_used ? <Moment at={x.last_used} /> : t("tokens.never")}</Table.Td>
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
      {making && <NewToken onClose={() => setMaking(false)} />}
    </>
  );
}

function NewToken({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const [name, setName] = useState("");
  const make = useMutation({
    mutationFn: () => got(api.POST("/api/v1/tokens", { body: { name: name.trim() } })),
    onSuccess: () => void queryClient.invalidateQueries({ queryKey: ["tokens"] }),
  });
  const secret = make.data?.secret;
  return (
    <Modal opened onClose={onClose} title={t("tokens.create")} closeButtonProps={{ "aria-label": t("action.close") }}>
      {secret ? (
        <Stack gap="md">
          <Alert color="orange" py={8}>
            {t("tokens.once")}
          </Alert>
          <Code className={styles.secret} dir="ltr">
            {secret}
          </Code>
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={async () => (await copyText(secret)) && notice(t("action.copied"))}>
              {t("tokens.copy")}
            </Button>
            <Button onClick={onClose}>{t("action.done")}</Button>
          </Group>
        </Stack>
      ) : (
        <form
          onSubmit={(e) => {
            e.preventDefault();
            if (name.trim()) make.mutate();
          }}
        >
          <Stack gap="md">
            <TextInput
              label={t("tokens.name")}
              required
              data-autofocus
              dir="auto"
              value={name}
              onChange={(e) => setName(e.currentTarget.value)}
              error={make.error && say(make.error, t)}
            />
            <Group justify="flex-end" gap="xs">
              <Button variant="default" onClick={onClose}>
                {t("action.cancel")}
              </Button>
              <Button type="submit" loading={make.isPending} disabled={!name.trim()}>
                {t("action.create")}
              </Button>
            </Group>
          </Stack>
        </form>
      )}
    </Modal>
  );
}
