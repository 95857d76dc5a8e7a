// Picks a day: Jalali in Persian, Gregorian in English; weeks begin on Saturday. What it hands on is an ISO day.
import { type CalendarDate, GregorianCalendar, parseDate, toCalendar } from "@internationalized/date";
import { IconCalendar, IconChevronLeft, IconChevronRight, IconX } from "@tabler/icons-react";
import { useContext } from "react";
import {
  Button,
  Calendar,
  CalendarCell,
  CalendarGrid,
  CalendarGridBody,
  CalendarGridHeader,
  CalendarHeaderCell,
  CalendarStateContext,
  DateInput,
  DatePicker,
  DateSegment,
  Dialog,
  Group,
  I18nProvider,
  Label,
  Popover,
} from "react-aria-components";
import { useTranslation } from "react-i18next";
import { useFormat } from "../text/use-format";
import styles from "./day-picker.module.css";

interface Props {
  label: string;
  /** ISO day, as 2026-11-22; empty: none. */
  value: string;
  onChange: (day: string) => void;
}

function iso(d: CalendarDate | null): string {
  return d ? toCalendar(d, new GregorianCalendar()).toString() : "";
}

export function DayPicker({ label, value, onChange }: Props) {
  const { t } = useTranslation();
  const f = useFormat();
  return (
    <I18nProvider locale={f.locale}>
      <DatePicker<CalendarDate>
        className={styles.picker ?? ""}
        value={value ? (parseDate(value) as CalendarDate) : null}
        onChange={(d) => onChange(iso(d))}
        firstDayOfWeek="sat"
        granularity="day"
        shouldForceLeadingZeros
      >
        <Label className={styles.label ?? ""}>{label}</Label>
        <Group className={styles.field ?? ""}>
          <DateInput className={styles.input ?? ""}>
            {(segment) => <DateSegment segment={segment} className={styles.segment ?? ""} />}
          </DateInput>
          {value && (
            <button type="button" className={styles.icon} aria-label={t("calls.clearDay")} onClick={() => onChange("")}>
              <IconX size={16} />
            </button>
          )}
          <Button className={styles.icon ?? ""} aria-label={t("calls.pickDay")}>
            <IconCalendar size={16} />
          </Button>
        </Group>
        <Popover className={styles.popover ?? ""} placement="bottom start">
          <Dialog className={styles.dialog ?? ""} aria-label={label}>
            <Calendar firstDayOfWeek="sat">
              <Month />
            </Calendar>
          </Dialog>
        </Popover>
      </DatePicker>
    </I18nProvider>
  );
}

/** DayGrid is a month in sight, in which a day is picked. */
export function DayGrid({ label, value, onChange }: Props) {
  const f = useFormat();
  return (
    <I18nProvider locale={f.locale}>
      <Calendar<CalendarDate>
        aria-label={label}
        firstDayOfWeek="sat"
        value={value ? (parseDate(value) as CalendarDate) : null}
        onChange={(d) => onChange(iso(d))}
      >
        <Month />
      </Calendar>
    </I18nProvider>
  );
}

/** Month is what a calendar shows. */
function Month() {
  const { t } = useTranslation();
  const f = useFormat();
  const state = useContext(CalendarStateContext);
  if (!state) return null;
  return (
    <>
      <header className={styles.head}>
        <Button slot="previous" className={styles.icon ?? ""} aria-label={t("calls.previousMonth")}>
          <IconChevronLeft size={18} className="turn" />
        </Button>
        {/* CLDR's Persian month heading has the wrong order; ours is month, then year. */}
        <strong aria-hidden>{monthHeading(state.visibleRange.start.toDate(f.timeZone), f.locale, f.timeZone)}</strong>
        <Button slot="next" className={styles.icon ?? ""} aria-label={t("calls.nextMonth")}>
          <IconChevronRight size={18} className="turn" />
        </Button>
      </header>
      <CalendarGrid weekdayStyle="narrow">
        <CalendarGridHeader>
          {(day) => <CalendarHeaderCell className={styles.weekday ?? ""}>{day}</CalendarHeaderCell>}
        </CalendarGridHeader>
        <CalendarGridBody>{(date) => <CalendarCell date={date} className={styles.day ?? ""} />}</CalendarGridBody>
      </CalendarGrid>
    </>
  );
}

/** monthHeading writes month and year: آذر ۱۴۰۵, November 2026. */
export function monthHeading(at: Date, locale: string, timeZone: string): string {
  const month = new Intl.DateTimeFormat(locale, { month: "long", timeZone }).format(at);
  const year = new Intl.DateTimeFormat(locale, { year: "numeric", timeZone })
    .formatToParts(at)
    .find((p) => p.type === "year")?.value;
  return `${month} ${year}`;
}
