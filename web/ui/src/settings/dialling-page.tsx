// Who may call what from the screen: rules in their order, and what they say about a number.
import "../app/rest.css";
import { Alert, Button, Group, Stack, Text, Title } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useMutation, useQuery, useSuspenseQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, got } from "../api/client";
import { sayFault } from "../api/fault";
import { Problem } from "../api/problem";
import { dialling as diallingQuery, queryClient } from "../api/queries";
import type { Dialling, DiallingInput } from "../api/types";
import { notice } from "../parts/notice";
import { NumberField } from "../parts/number-field";
import { Refusal } from "../parts/refusal";
import { Failed, Loading } from "../parts/states";
import { Moment } from "../parts/text";
import { offerUndo } from "../parts/undo";
import { DiallingTest } from "./dialling-test";
import { type Row, RuleRow, Verdict } from "./rule-row";
import styles from "./rules.module.css";

export function DiallingPage() {
  const { data, error, refetch } = useQuery(diallingQuery);
  if (!data) return error ? <Failed error={error} retry={() => void refetch()} /> : <Loading />;
  return <Rules />;
}

interface Draft extends Omit<DiallingInput, "rules"> {
  rules: Row[];
}

let rows = 0;
const draftOf = (d: Dialling): Draft => ({
  rules: d.rules.map((rule) => ({ key: ++rows, rule })),
  otherwise: d.otherwise,
  per_minute: d.per_minute,
  per_minute_pbx: d.per_minute_pbx,
  version: d.version,
});
const inputOf = (d: Draft): DiallingInput => ({ ...d, rules: d.rules.map((r) => r.rule) });

function Rules() {
  const { t } = useTranslation();
  const saved = useSuspenseQuery(diallingQuery).data;
  /** What is changed and not saved; null: nothing. */
  const [changed, setChanged] = useState<Draft | null>(null);
  const [shown, setShown] = useState(() => ({ of: saved, draft: draftOf(saved) }));
  if (shown.of !== saved) setShown({ of: saved, draft: draftOf(saved) });
  const draft = changed ?? shown.draft;
  const change = (part: Partial<Draft>) => {
    save.reset();
    setChanged({ ...draft, ...part });
  };

  const put = (body: DiallingInput) => got(api.PUT("/api/v1/dialling", { body }));
  const undo = useMutation({
    mutationFn: put,
    onSuccess: (d) => {
      queryClient.setQueryData(diallingQuery.queryKey, d);
      setChanged(null);
      notice(t("rules.undone"));
    },
  });
  const save = useMutation({
    mutationFn: (x: { draft: Draft; before: Dialling }) => put(inputOf(x.draft)),
    onSuccess: (d, { before }) => {
      queryClient.setQueryData(diallingQuery.queryKey, d);
      setChanged(null);
      const { rules, otherwise, per_minute, per_minute_pbx } = before;
      void offerUndo(t("rules.saved"), () =>
        undo.mutate({ rules, otherwise, per_minute, per_minute_pbx, version: d.version }),
      );
    },
  });
  const discard = () => {
    save.reset();
    setChanged(null);
    void queryClient.invalidateQueries({ queryKey: diallingQuery.queryKey });
  };

  const faults = save.error instanceof Problem ? save.error.fields : {};
  const at = (field: string) => {
    const said = faults[field];
    return said ? sayFault(said, t) : undefined;
  };
  const conflict = save.error instanceof Problem && save.error.status === 409;
  const placed = Object.keys(faults).length > 0;
  const rules = draft.rules;
  const move = (i: number, by: number) => {
    const list = [...rules];
    const [row] = list.splice(i, 1);
    if (row) list.splice(i + by, 0, row);
    change({ rules: list });
  };

  return (
    <Stack gap="md">
      <Text c="dimmed" maw={760}>
        {t("rules.body")}
      </Text>
      <form
        className="panel"
        noValidate
        onSubmit={(e) => {
          e.preventDefault();
          if (changed) save.mutate({ draft: changed, before: saved });
        }}
      >
        {rules.length === 0 ? (
          <Stack gap={4} py="md" role="status">
            <Text fw={600}>{t("rules.emptyTitle")}</Text>
            <Text c="dimmed">{t("rules.emptyBody")}</Text>
          </Stack>
        ) : (
          <>
            <div className={`${styles.rule} ${styles.head}`} aria-hidden>
              <span />
              {(["rules.what", "rules.roles", "rules.verdict", "rules.note"] as const).map((word) => (
                <span key={word}>{t(word)}</span>
              ))}
            </div>
            <ol className={styles.rules}>
              {rules.map((row, i) => (
                <RuleRow
                  key={row.key}
                  row={row}
                  place={i}
                  last={i === rules.length - 1}
                  fault={(field) => at(`rules.${i}.${field}`)}
                  onChange={(rule) => change({ rules: rules.map((r) => (r.key === row.key ? { ...r, rule } : r)) })}
                  onMove={(by) => move(i, by)}
                  onRemove={() => change({ rules: rules.filter((r) => r.key !== row.key) })}
                />
              ))}
            </ol>
          </>
        )}
        <Button
          variant="default"
          leftSection={<IconPlus size={16} />}
          my="sm"
          onClick={() => change({ rules: [...rules, { key: ++rows, rule: { prefix: "", roles: [], allow: false } }] })}
        >
          {t("rules.add")}
        </Button>
        <div className={styles.rest}>
          <div>
            <Text size="xs" mb={4}>
              {t("rules.otherwise")}
            </Text>
            <Verdict
              label={t("rules.otherwise")}
              allow={draft.otherwise}
              onChange={(otherwise) => change({ otherwise })}
            />
          </div>
          {(
            [
              ["per_minute", "rules.perMinute", 120],
              ["per_minute_pbx", "rules.perMinutePbx", 6000],
            ] as const
          ).map(([field, word, most]) => (
            <NumberField
              key={field}
              label={t(word)}
              min={1}
              max={most}
              w={220}
              value={draft[field]}
              error={at(field)}
              onChange={(v) => change({ [field]: v })}
            />
          ))}
        </div>
        {save.error && !placed && (
          <Alert color="red" py={8} mt="md" role="alert">
            {conflict ? t("rules.conflict") : <Refusal error={save.error} />}
          </Alert>
        )}
        {undo.error && <Refusal error={undo.error} onClose={undo.reset} />}
        <Group justify="space-between" mt="md">
          <Text size="xs" c="dimmed" role="status">
            {changed ? (
              t("rules.changed")
            ) : saved.updated_at ? (
              <>
                {t("rules.last", { name: saved.updated_by })} <Moment at={saved.updated_at} />
              </>
            ) : (
              t("rules.never")
            )}
          </Text>
          <Group gap="xs">
            {changed && (
              <Button variant="default" onClick={discard}>
                {t("rules.revert")}
              </Button>
            )}
            <Button
              type="submit"
              disabled={!changed || Number.isNaN(draft.per_minute) || Number.isNaN(draft.per_minute_pbx)}
              loading={save.isPending}
            >
              {t("action.save")}
            </Button>
          </Group>
        </Group>
      </form>
      <section className="panel">
        <Title order={2}>{t("rules.test")}</Title>
        <DiallingTest />
      </section>
    </Stack>
  );
}
