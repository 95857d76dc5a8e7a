// A day and a time of it, picked: Jalali in Persian, Gregorian in English.
import { Time } from "@internationalized/date";
import { DateInput, DateSegment, I18nProvider, Label, TimeField } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { DayGrid } from "../calls/day-picker";
import days from "../calls/day-picker.module.css";
import { useFormat } from "../text/use-format";
import styles from "./followups.module.css";

interface Props {
  /** ISO day of the business time zone. */
  day: string;
  /** Minutes of that day. */
  minute: number;
  onPick: (day: string, minute: number) => void;
}

export function TimePicker({ day, minute, onPick }: Props) {
  const { t } = useTranslation();
  const f = useFormat();
  return (
    <div className={styles.picker}>
      <DayGrid label={t("followUps.day")} value={day} onChange={(d) => onPick(d, minute)} />
      <I18nProvider locale={f.locale}>
        <TimeField
          className={days.picker ?? ""}
          value={new Time(Math.floor(minute / 60), minute % 60)}
          onChange={(at) => at && onPick(day, at.hour * 60 + at.minute)}
          hourCycle={24}
          shouldForceLeadingZeros
        >
          <Label className={days.label ?? ""}>{t("followUps.time")}</Label>
          <div className={days.field} dir="ltr">
            <DateInput className={days.input ?? ""}>
              {(segment) => <DateSegment segment={segment} className={days.segment ?? ""} />}
            </DateInput>
          </div>
        </TimeField>
      </I18nProvider>
    </div>
  );
}
