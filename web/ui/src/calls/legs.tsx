// A call's legs drawn on a time line, with the same as a table for who wants every time.
import "../app/rest.css";
import { Table, UnstyledButton } from "@mantine/core";
import {
  IconArrowForwardUp,
  IconArrowNarrowRight,
  IconChevronDown,
  IconChevronRight,
  IconHeadset,
  IconPhoneOff,
  IconUser,
  IconUsersGroup,
} from "@tabler/icons-react";
import { type CSSProperties, type KeyboardEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Call, Leg } from "../api/types";
import { useNow } from "../app/clock";
import { Hint } from "../parts/hint";
import { Duration, Num } from "../parts/text";
import { spaced } from "../text/digits";
import { useFormat } from "../text/use-format";
import { other } from "./call-table";
import styles from "./calls.module.css";
import {
  type Arrow,
  arrows,
  type Given,
  type Kind,
  type Lane,
  mainParty,
  type Row,
  rows,
  type Span,
  timeline,
} from "./timeline";

/** useNames says who is behind a leg: a name, an outside number, an extension. */
function useNames(call: Call): (leg: Leg) => { name: string; number: string } {
  const { t } = useTranslation();
  return (leg) => {
    if (leg.role === "agent") return { name: leg.agent, number: leg.extension };
    const number = other(call);
    const same = leg === mainParty(call) || leg.number === "" || leg.number === call.dialed.raw;
    if (!same) return { name: "", number: leg.number };
    const name = call.customer?.name || (call.direction === "outbound" ? "" : call.caller.name);
    if (call.caller.withheld && call.direction !== "outbound") return { name: name || t("desk.withheld"), number: "" };
    return { name, number: name ? "" : number };
  };
}

function Party({ leg, call }: { leg: Leg; call: Call }) {
  const { name, number } = useNames(call)(leg);
  return (
    <>
      {name && <bdi>{name}</bdi>}{" "}
      {number && (
        <span className={name ? "quiet" : undefined}>
          <Num value={number} plain={leg.role === "agent"} />
        </span>
      )}
      {leg.pbx !== call.pbx && <bdi className="quiet"> @{leg.pbx}</bdi>}
    </>
  );
}

/** Legs shows everybody's part in a call. */
export function Legs({ call }: { call: Call }) {
  const { t } = useTranslation();
  const f = useFormat();
  const now = useNow(call.state === "ended" ? null : 1000);
  const [open, setOpen] = useState(false);
  const [current, setCurrent] = useState<string | null>(null);
  const line = timeline(call, now);
  const all = rows(line, open);
  const bars = all.flatMap((r) => spansOf(r).map((_, i) => `${r.id} ${i}`));
  const focus = current !== null && bars.includes(current) ? current : bars[0];
  const kinds = [...new Set(all.flatMap((r) => spansOf(r).map((s) => (s.kind === "hold" ? "held" : s.kind))))];
  return (
    <>
      <div className={styles.line} role="group" aria-label={t("calls.timeline")} onKeyDown={walk}>
        <ol className={styles.lanes}>
          {all.map((row) => (
            <li className={styles.lane} key={row.id} data-member={row.kind === "lane" && row.member ? true : undefined}>
              <div className={styles.party}>
                {row.kind === "lane" ? (
                  <>
                    {row.lane.leg.role === "agent" ? (
                      <IconHeadset size={16} aria-hidden />
                    ) : (
                      <IconUser size={16} aria-hidden />
                    )}
                    <span>
                      <Party leg={row.lane.leg} call={call} />
                    </span>
                  </>
                ) : (
                  <UnstyledButton className={styles.rang} aria-expanded={open} onClick={() => setOpen(!open)}>
                    {open ? (
                      <IconChevronDown size={16} aria-hidden />
                    ) : (
                      <IconChevronRight size={16} aria-hidden className="turn" />
                    )}
                    <IconUsersGroup size={16} aria-hidden />
                    <span>{t("calls.rang", { count: row.lanes.length, n: f.number(row.lanes.length) })}</span>
                  </UnstyledButton>
                )}
              </div>
              {/* Time runs as the language reads: from the right in Persian. */}
              <div className={styles.track}>
                {spansOf(row).map((s, i) => (
                  <Bar
                    key={`${s.kind} ${s.at}`}
                    id={`${row.id} ${i}`}
                    row={row}
                    span={s}
                    call={call}
                    tabbable={`${row.id} ${i}` === focus}
                    onFocus={setCurrent}
                  />
                ))}
              </div>
              <div className={styles.how}>
                {row.kind === "lane" ? <How lane={row.lane} call={call} /> : <HowAll lanes={row.lanes} />}
              </div>
            </li>
          ))}
        </ol>
        <div className={styles.arrows} aria-hidden>
          {arrows(line, all).map((a) => (
            <Handed key={a.id} arrow={a} />
          ))}
        </div>
        <div className={styles.lane} data-axis aria-hidden>
          <div className={styles.party} />
          <div className={styles.ticks}>
            {line.ticks.map((x) => (
              <span key={x.ms} style={{ insetInlineStart: `${x.at * 100}%` }}>
                <bdi dir="ltr">{f.duration(x.ms)}</bdi>
              </span>
            ))}
          </div>
          <div className={styles.how} />
        </div>
        <ul className={styles.legend} aria-hidden>
          {kinds.map((kind) => (
            <li key={kind}>
              <span className={styles.span} data-kind={kind} />
              {t(`calls.${kind}`)}
            </li>
          ))}
        </ul>
      </div>
      <details className={styles.details}>
        <summary>{t("calls.details")}</summary>
        <Times call={call} lanes={line.lanes} now={now} />
      </details>
    </>
  );
}

const spansOf = (row: Row): Span[] => (row.kind === "lane" ? row.lane.spans : row.spans);

/** walk goes from bar to bar with the arrow keys: along the row as time goes, and to the nearest bar of the next row. */
function walk(e: KeyboardEvent<HTMLElement>): void {
  const bars = [...e.currentTarget.querySelectorAll<HTMLElement>("button[data-bar]")];
  const here = bars.indexOf(e.target as HTMLElement);
  const from = bars[here];
  if (!from) return;
  const later = getComputedStyle(e.currentTarget).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
  const lane = (b: HTMLElement) => b.parentElement;
  let to: HTMLElement | undefined;
  if (e.key === "ArrowLeft" || e.key === "ArrowRight") {
    const next = bars[here + (e.key === later ? 1 : -1)];
    if (next && lane(next) === lane(from)) to = next;
  } else if (e.key === "ArrowDown" || e.key === "ArrowUp") {
    const tracks = [...new Set(bars.map(lane))];
    const row = tracks[tracks.indexOf(lane(from)) + (e.key === "ArrowDown" ? 1 : -1)];
    const x = (b: HTMLElement) => b.getBoundingClientRect().left;
    to = bars
      .filter((b) => row && lane(b) === row)
      .sort((a, b) => Math.abs(x(a) - x(from)) - Math.abs(x(b) - x(from)))[0];
  } else if (e.key === "Home") to = bars[0];
  else if (e.key === "End") to = bars.at(-1);
  else return;
  e.preventDefault();
  to?.focus();
}

interface BarProps {
  id: string;
  row: Row;
  span: Span;
  call: Call;
  tabbable: boolean;
  onFocus: (id: string) => void;
}

/** Bar is one stretch of a party's time. It says from when to when on hover, focus and touch. */
function Bar({ id, row, span, call, tabbable, onFocus }: BarProps) {
  const { t } = useTranslation();
  const f = useFormat();
  const names = useNames(call);
  const word = t(`calls.${span.kind}`);
  const duration = f.duration(span.to - span.at);
  const at = f.timeWithSeconds(new Date(span.at));
  const to = f.timeWithSeconds(new Date(span.to));
  let who = "";
  if (row.kind === "lane") {
    const { name, number } = names(row.lane.leg);
    who = `${name} ${f.digits(number)}`.trim();
  } else who = t("calls.rang", { count: row.lanes.length, n: f.number(row.lanes.length) });
  return (
    <Hint
      events={{ hover: true, focus: true, touch: true }}
      label={
        <span>
          <bdi>{word}</bdi> <bdi dir="ltr">{duration}</bdi> · <bdi dir="ltr">{`${at} – ${to}`}</bdi>
        </span>
      }
    >
      <button
        type="button"
        data-bar
        data-kind={span.kind}
        className={styles.span}
        style={{ insetInlineStart: `${span.from * 100}%`, width: `max(4px, ${span.width * 100}%)` }}
        tabIndex={tabbable ? 0 : -1}
        aria-label={`${who}: ${word}, ${duration}, ${at} – ${to}`}
        onFocus={() => onFocus(id)}
      >
        <span className={styles.spanText}>
          <bdi className={styles.spanWord}>{shortWord(span.kind) ? t("calls.held") : word}</bdi>{" "}
          <bdi dir="ltr">{duration}</bdi>
        </span>
      </button>
    </Hint>
  );
}

/** In a bar both sides of a hold read "on hold". */
const shortWord = (kind: Kind) => kind === "hold" || kind === "held";

/** How says how a party's part ended: who hung up, to whom it was transferred. */
function How({ lane, call }: { lane: Lane; call: Call }) {
  const { t } = useTranslation();
  const { leg, given } = lane;
  const name = useTaker(call);
  if (leg.end === null) return <span className={styles.live}>{t("outcome.live")}</span>;
  if (given) {
    return (
      <span className={styles.given}>
        <span className={styles.end}>
          <IconArrowForwardUp size={16} aria-hidden className="turn" />
          <span>{t(given.kind === "forward" ? "calls.forwardedTo" : "calls.transferredTo", { to: name(given) })}</span>
        </span>
        <span className="quiet">
          {t(`calls.transferKind.${given.kind}`)} · <Num value={given.by} plain />{" "}
          <IconArrowNarrowRight size={14} aria-label="→" role="img" className="turn" />{" "}
          {given.to === "parking" ? t("calls.toParking") : <Num value={given.to} plain={given.to.length < 8} />}
        </span>
      </span>
    );
  }
  if (lane.ended) {
    return (
      <span className={styles.end}>
        <IconPhoneOff size={16} aria-hidden />
        {t("calls.hungUp")}
      </span>
    );
  }
  if (lane.asks) return <>{t("calls.secondLine")}</>;
  return <>{lane.stayed ? t("calls.stayed") : t(`end.${leg.end}`)}</>;
}

/** useTaker names who took a call over, as well as it is known. */
function useTaker(call: Call): (given: Given) => string {
  const { t } = useTranslation();
  const f = useFormat();
  const names = useNames(call);
  return ({ leg, to }) => {
    if (leg && (leg.extension === to || leg.answered_at !== null)) {
      const { name, number } = names(leg);
      return name || f.digits(leg.role === "agent" ? number : spaced(number));
    }
    return to === "parking" ? t("calls.toParking") : f.digits(to);
  };
}

/** HowAll counts how those ended who merely rang. */
function HowAll({ lanes }: { lanes: Lane[] }) {
  const { t } = useTranslation();
  const f = useFormat();
  const ends = [...new Set(lanes.flatMap((l) => l.leg.end ?? []))];
  const [only] = ends;
  if (ends.length === 1 && only) return <>{t(`end.${only}`)}</>;
  return (
    <>{ends.map((e) => `${f.number(lanes.filter((l) => l.leg.end === e).length)} ${t(`end.${e}`)}`).join(" · ")}</>
  );
}

/** Handed is the arrow from who gave the call away to who took it. */
function Handed({ arrow: { given, x, from, to } }: { arrow: Arrow }) {
  const place = { "--from": from, "--to": to, insetInlineStart: `${x * 100}%` } as CSSProperties;
  return (
    <div
      className={styles.arrow}
      data-kind={given.kind}
      data-up={to < from || undefined}
      data-testid="transfer"
      style={place}
    />
  );
}

/** Times is the table of all that the time line shows. */
function Times({ call, lanes, now }: { call: Call; lanes: Lane[]; now: number }) {
  const { t } = useTranslation();
  const f = useFormat();
  const at = (time: string | null) => time && <bdi dir="ltr">{f.timeWithSeconds(new Date(time))}</bdi>;
  const sum = (lane: Lane, kinds: Kind[]) => {
    const open = lane.leg.ended_at === null;
    const ms = lane.spans.filter((s) => kinds.includes(s.kind)).reduce((n, s) => n + s.to - s.at, 0);
    return open ? Math.min(ms, now) : ms;
  };
  const heads = ["party", "role", "offered", "answered", "ended", "talked", "onHold", "how", "through"] as const;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard.
    <section className={styles.times} tabIndex={0} aria-label={t("calls.details")}>
      <Table aria-label={t("calls.legs")} className="table">
        <Table.Thead>
          <Table.Tr>
            {heads.map((h) => (
              <Table.Th key={h}>{t(`calls.${h}`)}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {lanes.map((lane) => {
            const { leg } = lane;
            const parent = call.legs.find((l) => l.id === leg.parent);
            const held = sum(lane, ["hold", "held"]);
            const talked = leg.end === null ? sum(lane, ["talk", "hold", "held"]) : leg.talk_ms;
            return (
              <Table.Tr key={leg.id}>
                <Table.Td>
                  <Party leg={leg} call={call} />
                </Table.Td>
                <Table.Td>{t(`calls.roles.${leg.role}`)}</Table.Td>
                <Table.Td>{at(leg.offered_at)}</Table.Td>
                <Table.Td>{at(leg.answered_at)}</Table.Td>
                <Table.Td>{at(leg.ended_at)}</Table.Td>
                <Table.Td>{talked > 0 && <Duration ms={talked} />}</Table.Td>
                <Table.Td>{held > 0 && <Duration ms={held} />}</Table.Td>
                <Table.Td>
                  <How lane={lane} call={call} />
                </Table.Td>
                <Table.Td>{parent && <Party leg={parent} call={call} />}</Table.Td>
              </Table.Tr>
            );
          })}
        </Table.Tbody>
      </Table>
    </section>
  );
}
