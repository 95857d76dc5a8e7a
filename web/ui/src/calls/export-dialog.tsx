// Taking the list out as a file: what kind, how far the last ones have come, and what became of them. The browser downloads the
// file by itself, whatever becomes of this page.
import "../app/rest.css";
import { Alert, Button, Group, Modal, Progress, SegmentedControl, Stack, Text, Title } from "@mantine/core";
import { IconDownload, IconX } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { api, got } from "../api/client";
import { Problem, say } from "../api/problem";
import { estimate as estimateQuery, exports as exportsQuery, queryClient } from "../api/queries";
import type { CallFilter, CallQuery, Export } from "../api/types";
import { usePreferences } from "../app/preferences";
import { complain } from "../parts/notice";
import { Moment } from "../parts/text";
import { useFormat } from "../text/use-format";
import styles from "./export.module.css";

/** download lets the browser fetch a file beside the page. */
function download(e: Export) {
  const a = document.createElement("a");
  a.href = `/api/v1/exports/${e.id}/file`;
  a.download = "";
  document.body.append(a);
  a.click();
  a.remove();
}

export default function ExportDialog({ query, onClose }: { query: CallQuery; onClose: () => void }) {
  const { t } = useTranslation();
  const f = useFormat();
  const preferences = usePreferences();
  const [format, setFormat] = useState<Export["format"]>("xlsx");
  const [language, setLanguage] = useState<Export["language"]>(preferences.language);
  const [calendar, setCalendar] = useState<Export["calendar"]>(preferences.language === "fa" ? "jalali" : "gregorian");
  const about = useQuery({ ...estimateQuery(query), retry: false });
  const start = useMutation({
    mutationFn: () =>
      got(api.POST("/api/v1/exports", { body: { format, language, calendar, filter: query as CallFilter } })),
    onSuccess: download,
    onSettled: () => queryClient.invalidateQueries({ queryKey: ["exports"] }),
  });
  const rows = about.data?.rows ?? 0;
  const refused = start.error instanceof Problem && start.error.status === 429;
  return (
    <Modal
      opened
      onClose={onClose}
      title={t("export.title")}
      size="lg"
      closeButtonProps={{ "aria-label": t("action.close") }}
    >
      <Stack gap="md">
        <Text data-testid="export-size" role="status">
          {!about.data
            ? t("export.unknown")
            : about.data.exact
              ? t("export.exactly", { count: rows, n: f.number(rows) })
              : t("export.about", { n: f.number(rounded(rows)) })}
        </Text>
        <Choice
          word={t("export.format")}
          value={format}
          choices={(["xlsx", "csv"] as const).map((v) => ({ value: v, label: t(`export.formats.${v}`) }))}
          onChoose={setFormat}
        />
        {format === "csv" && (
          <Text size="sm" c="dimmed">
            {t("export.csvHint")}
          </Text>
        )}
        <Choice
          word={t("export.language")}
          value={language}
          choices={[
            { value: "fa", label: "فارسی" },
            { value: "en", label: "English" },
          ]}
          onChoose={(v) => {
            setLanguage(v);
            setCalendar(v === "fa" ? "jalali" : "gregorian");
          }}
        />
        <Choice
          word={t("export.calendar")}
          value={calendar}
          choices={(["jalali", "gregorian"] as const).map((v) => ({ value: v, label: t(`export.calendars.${v}`) }))}
          onChoose={setCalendar}
        />
        <Text size="sm" c="dimmed">
          {t("export.personal")}
        </Text>
        {start.error && (
          <Alert color="red" py={8} role="alert">
            {refused ? t("export.tooMany") : say(start.error, t)}
          </Alert>
        )}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            {t("action.close")}
          </Button>
          <Button
            leftSection={<IconDownload size={16} />}
            loading={start.isPending}
            onClick={() => start.mutate()}
            data-autofocus
          >
            {t("export.start")}
          </Button>
        </Group>
        <Mine />
      </Stack>
    </Modal>
  );
}

/** rounded leaves an estimate two figures: more would look counted. */
function rounded(n: number): number {
  const step = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, n))) - 1);
  return Math.round(n / step) * step;
}

interface ChoiceProps<T extends string> {
  word: string;
  value: T;
  choices: { value: T; label: string }[];
  onChoose: (v: T) => void;
}

function Choice<T extends string>({ word, value, choices, onChoose }: ChoiceProps<T>) {
  return (
    <div className={styles.choice}>
      <Text size="sm" fw={500} aria-hidden>
        {word}
      </Text>
      <SegmentedControl aria-label={word} data={choices} value={value} onChange={(v) => onChoose(v as T)} />
    </div>
  );
}

function Mine() {
  const { t } = useTranslation();
  const list = useQuery({ ...exportsQuery, retry: false });
  const heading = useId();
  const items = list.data?.items.slice(0, 8) ?? [];
  return (
    <section aria-labelledby={heading}>
      <Title order={3} size="sm" id={heading} mb={4}>
        {t("export.mine")}
      </Title>
      {items.length === 0 ? (
        <Text size="sm" c="dimmed">
          {list.isError ? say(list.error, t) : t("export.none")}
        </Text>
      ) : (
        <ul className={styles.list}>
          {items.map((e) => (
            <One key={e.id} export={e} />
          ))}
        </ul>
      )}
    </section>
  );
}

/** One tells how far an export has come, whatever node sends it and whichever page asked for it. */
function One({ export: e }: { export: Export }) {
  const { t } = useTranslation();
  const f = useFormat();
  const cancel = useMutation({
    mutationFn: () => got(api.DELETE("/api/v1/exports/{id}", { params: { path: { id: e.id } } })),
    onSettled: () => queryClient.invalidateQueries({ queryKey: ["exports"] }),
    onError: complain,
  });
  const open = e.state === "ready" || e.state === "running";
  const all = e.estimate ?? 0;
  const count =
    open && all > 0
      ? t(e.exact ? "export.progressExactly" : "export.progress", {
          n: f.number(e.rows),
          all: f.number(e.exact ? all : rounded(all)),
        })
      : t("export.rows", { count: e.rows, n: f.number(e.rows) });
  return (
    <li className={styles.one} data-state={e.state} data-testid="export">
      <div className={styles.what}>
        <span>
          <bdi>{t(`export.formats.${e.format}`)}</bdi> · <Moment at={e.created_at} />
        </span>
        <span className={styles.state} data-tone={e.state === "failed" ? "bad" : "quiet"}>
          {t(`export.states.${e.state}`)}
        </span>
        <span className={styles.count}>{count}</span>
      </div>
      {open && (
        <Button
          size="compact-sm"
          variant="default"
          leftSection={<IconX size={14} />}
          loading={cancel.isPending}
          onClick={() => cancel.mutate()}
          aria-label={t("export.cancel")}
        >
          {t("action.cancel")}
        </Button>
      )}
      {open && (
        <Progress
          className={styles.bar}
          value={all > 0 ? Math.min(99, (100 * e.rows) / all) : 100}
          animated={all === 0}
          aria-label={count}
        />
      )}
      {e.problem !== "" && <p className={styles.problem}>{t(`export.problems.${e.problem}`)}</p>}
    </li>
  );
}
