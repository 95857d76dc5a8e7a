// When something is due: written as people say it, with what it means beside it, or picked.
import "../app/rest.css";
import { ActionIcon, Button, Group, Skeleton, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconCalendarTime } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import { sayFault } from "../api/fault";
import { Problem, say } from "../api/problem";
import { queryClient, when as whenQuery } from "../api/queries";
import { now } from "../app/clock";
import { minuteOf, momentOf } from "../calls/search";
import type { Format } from "../text/format";
import { useFormat } from "../text/use-format";
import styles from "./followups.module.css";

const TimePicker = lazy(async () => ({ default: (await import("./time-picker")).TimePicker }));

/** dueText writes a moment so that the field reads it again. */
export function dueText(at: Date, f: Format): string {
  return `${f.date(at)} ${f.time(at)}`;
}

/** readDue is the moment that a text means, as the server reads it; it throws a Problem that names the field "q". */
export async function readDue(text: string, f: Format): Promise<string> {
  const { at } = await queryClient.fetchQuery({ ...whenQuery(text.trim(), f.language), staleTime: 0 });
  return at;
}

/** dueFault is what is wrong with a due time, in the reader's words. */
export function useDueFault(): (error: unknown) => string {
  const { t } = useTranslation();
  return (error) => {
    if (error instanceof Problem) {
      const fault = error.fields.q ?? error.fields.due_at;
      if (fault !== undefined) return sayFault(fault, t);
    }
    return say(error, t);
  };
}

interface Props {
  value: string;
  onChange: (text: string) => void;
  /** What the server said when it was saved. */
  error?: string | undefined;
  focus?: boolean;
}

const quick = ["hour", "evening", "tomorrow", "saturday", "week"] as const;

export function DueField({ value, onChange, error, focus }: Props) {
  const { t } = useTranslation();
  const f = useFormat();
  const [picking, setPicking] = useState(false);
  const sayDue = useDueFault();
  const [asked] = useDebouncedValue(value.trim(), 200);
  const { data, error: fault } = useQuery({ ...whenQuery(asked, f.language), retry: false });
  const fresh = asked === value.trim();
  const at = data && fresh && !fault ? new Date(data.at) : null;
  // Faults wait for a pause in typing; what is still being written is no mistake.
  const [settled] = useDebouncedValue(value, 900);
  const wrong = error ?? (fault && fresh && settled === value && asked !== "" ? sayDue(fault) : undefined);
  const pick = (day: string, minute: number) => onChange(dueText(momentOf(day, minute), f));
  const offered = quick.filter((q) => q !== "evening" || minuteOf(new Date(now())) < 17 * 60);
  const shown = at ?? new Date(now() + 3_600_000);
  return (
    <div className={styles.due}>
      <TextInput
        label={t("followUps.due")}
        placeholder={t("followUps.dueHint")}
        required
        withAsterisk={false}
        autoComplete="off"
        maxLength={200}
        {...(focus ? { "data-autofocus": true } : {})}
        value={value}
        // What is proposed gives way to what is typed.
        onFocus={(e) => e.currentTarget.select()}
        onChange={(e) => onChange(e.currentTarget.value)}
        error={wrong}
        rightSection={
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={t("followUps.pick")}
            aria-expanded={picking}
            onClick={() => setPicking(!picking)}
          >
            <IconCalendarTime size={18} />
          </ActionIcon>
        }
      />
      <p className={styles.reading} role="status" data-testid="due-reading">
        {at && (
          <>
            <strong>{t("followUps.reading", { day: f.longDate(at), time: f.time(at) })}</strong>{" "}
            <span className="quiet">{data?.moved ? t("followUps.moved") : f.ago(at, new Date(now()))}</span>
          </>
        )}
      </p>
      {picking ? (
        <Suspense fallback={<Skeleton h={280} />}>
          <TimePicker day={f.dayKey(shown)} minute={minuteOf(shown)} onPick={pick} />
        </Suspense>
      ) : (
        <Group gap={6}>
          {offered.map((q) => (
            <Button key={q} size="compact-xs" variant="default" onClick={() => onChange(t(`followUps.quick.${q}`))}>
              {t(`followUps.quick.${q}`)}
            </Button>
          ))}
        </Group>
      )}
    </div>
  );
}
