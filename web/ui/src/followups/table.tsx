// The list of follow-ups: under headings by when they are due, each with what can be done to it.
import "../app/rest.css";
import { ActionIcon, Checkbox, Menu, Table } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import {
  IconAlertTriangle,
  IconCheck,
  IconChevronDown,
  IconChevronsUp,
  IconDotsVertical,
  IconListCheck,
  IconPhoneOutgoing,
} from "@tabler/icons-react";
import { Link, useNavigate } from "@tanstack/react-router";
import { Fragment, type KeyboardEvent, useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import type { FollowUp } from "../api/types";
import { now } from "../app/clock";
import { useMay } from "../app/may";
import { useAttempt } from "../dial/attempt";
import { CallButton } from "../dial/call-button";
import { Hint } from "../parts/hint";
import { Moment, Num } from "../parts/text";
import { useFormat } from "../text/use-format";
import { cancel, claim, closed, finish, followUpName, openAgain, release } from "./acts";
import styles from "./followups.module.css";
import { type Section, sectionOf } from "./search";

/** placeOf is where a follow-up's call is asked for, wherever that is on the page. */
export const placeOf = (f: FollowUp) => `follow-up:${f.id}`;

/**
 * useToDesk goes to the desk when the own phone begins to ring for a call that was asked for at a place: the customer is there,
 * with the call. Who comes back from there while it rings is left in peace.
 */
export function useToDesk(place: string): void {
  const navigate = useNavigate();
  const rings = useAttempt(place)?.state === "ringing";
  const rang = useRef(rings);
  useEffect(() => {
    if (rings && !rang.current) void navigate({ to: "/desk" });
    rang.current = rings;
  }, [rings, navigate]);
}

interface Props {
  items: FollowUp[];
  selected: ReadonlySet<string>;
  onSelect: (ids: string[], on: boolean) => void;
  onOpen: (f: FollowUp) => void;
  onEdit: (f: FollowUp) => void;
  onMove: (f: FollowUp) => void;
  onAssign: (f: FollowUp) => void;
}

export function FollowUpTable({ items, selected, onSelect, onOpen, ...acts }: Props) {
  const { t } = useTranslation();
  const f = useFormat();
  const at = new Date(now());
  const narrow = useMediaQuery("(max-width: 47.99em)", window.innerWidth < 768);
  const mayWrite = useMay("follow_ups.write") !== null;
  const open = mayWrite ? items.filter((x) => !closed(x)) : [];
  const chosen = open.filter((x) => selected.has(x.id)).length;
  let before: Section | undefined;
  return (
    <Table className={`table ${styles.list}`} aria-label={t("followUps.pageTitle")}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th w={36}>
            {open.length > 0 && (
              <Checkbox
                size="xs"
                aria-label={t("followUps.selectAll")}
                checked={chosen === open.length}
                indeterminate={chosen > 0 && chosen < open.length}
                onChange={(e) =>
                  onSelect(
                    open.map((x) => x.id),
                    e.currentTarget.checked,
                  )
                }
              />
            )}
          </Table.Th>
          <Table.Th className={styles.whenCell ?? ""}>{t("followUps.dueAt")}</Table.Th>
          <Table.Th>{t("followUps.what")}</Table.Th>
          <Table.Th className="only-wide">{t("followUps.who")}</Table.Th>
          <Table.Th className="only-wide">{t("followUps.ownerOf")}</Table.Th>
          <Table.Th className="only-wide">{t("followUps.stateOf")}</Table.Th>
          <Table.Th className={styles.actsCell ?? ""}>
            <span className="visually-hidden">{t("followUps.actions")}</span>
          </Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {items.map((item) => {
          const section = sectionOf(item, at, f);
          const head = section !== before && section !== "closed";
          before = section;
          return (
            <Fragment key={item.id}>
              {head && (
                <Table.Tr className={styles.section} data-section={section}>
                  <Table.Th colSpan={narrow ? 4 : 7} scope="rowgroup">
                    {t(`followUps.states.${section}`)}
                  </Table.Th>
                </Table.Tr>
              )}
              <Row
                item={item}
                section={section}
                selected={selected.has(item.id)}
                onSelect={onSelect}
                onOpen={onOpen}
                {...acts}
              />
            </Fragment>
          );
        })}
      </Table.Tbody>
    </Table>
  );
}

/** beside moves the focus to the row before or after the one that has it; without one to the first. */
export function beside(step: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>("tr[data-row]")];
  const at = rows.findIndex((r) => r.contains(document.activeElement));
  rows[at < 0 ? 0 : Math.min(Math.max(at + step, 0), rows.length - 1)]?.focus();
}

/** stepOff moves the focus away from a row that will go: to the one after it, or before it where it is the last. */
export function stepOff(id: string): void {
  const rows = [...document.querySelectorAll<HTMLElement>("tr[data-row]")];
  const at = rows.findIndex((r) => r.dataset.row === id);
  if (rows[at]?.contains(document.activeElement)) (rows[at + 1] ?? rows[at - 1])?.focus();
}

/** focused is the id of the row that has the focus. */
export function focused(): string | undefined {
  return document.activeElement?.closest<HTMLElement>("tr[data-row]")?.dataset.row;
}

type RowProps = Omit<Props, "items" | "selected"> & { item: FollowUp; section: Section; selected: boolean };

function Row({ item, section, selected, onSelect, onOpen, ...acts }: RowProps) {
  const { t } = useTranslation();
  const mayWrite = useMay("follow_ups.write") !== null;
  useToDesk(placeOf(item));
  const name = followUpName(item);
  const keys = (e: KeyboardEvent) => {
    if (e.target !== e.currentTarget || e.ctrlKey || e.altKey || e.metaKey) return;
    const act = { ArrowDown: () => beside(1), ArrowUp: () => beside(-1), Enter: () => onOpen(item) }[e.key];
    if (!act) return;
    e.preventDefault();
    act();
  };
  return (
    <Table.Tr
      data-link
      data-row={item.id}
      data-selected={selected || undefined}
      tabIndex={0}
      className={styles.row}
      onClick={() => onOpen(item)}
      onKeyDown={keys}
    >
      <Table.Td onClick={(e) => e.stopPropagation()}>
        {mayWrite && !closed(item) && (
          <Checkbox
            size="xs"
            aria-label={t("followUps.select", { name })}
            checked={selected}
            onChange={(e) => onSelect([item.id], e.currentTarget.checked)}
          />
        )}
      </Table.Td>
      <Table.Td>
        <span className={styles.when} data-section={section}>
          {section === "overdue" && (
            <IconAlertTriangle size={16} role="img" aria-label={t("followUps.states.overdue")} />
          )}
          <Moment at={item.closed_at ?? item.due_at} />
        </span>
      </Table.Td>
      <Table.Td>
        <What item={item} onOpen={onOpen} />
        <div className={styles.onlyNarrow}>
          <Whom item={item} />
        </div>
      </Table.Td>
      <Table.Td className="only-wide">
        <Whom item={item} />
      </Table.Td>
      <Table.Td className="only-wide">
        <OwnerText item={item} />
      </Table.Td>
      <Table.Td className="only-wide">
        <StateText item={item} />
      </Table.Td>
      <Table.Td className={styles.acts} onClick={(e) => e.stopPropagation()}>
        {!closed(item) && item.kind === "callback" && (
          <CallButton number={item.number} customer={item.customer?.id} followUp={item.id} place={placeOf(item)} />
        )}
        {mayWrite && !closed(item) && (
          <Hint label={t("followUps.done")}>
            <ActionIcon
              variant="subtle"
              size={28}
              aria-label={`${t("followUps.done")}: ${name}`}
              data-testid="done"
              onClick={() => {
                stepOff(item.id);
                void finish(item);
              }}
            >
              <IconCheck size={18} />
            </ActionIcon>
          </Hint>
        )}
        {mayWrite && <RowMenu item={item} name={name} {...acts} />}
      </Table.Td>
    </Table.Tr>
  );
}

function RowMenu({
  item,
  name,
  onEdit,
  onMove,
  onAssign,
}: Pick<Props, "onEdit" | "onMove" | "onAssign"> & { item: FollowUp; name: string }) {
  const { t } = useTranslation();
  const open = !closed(item);
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size={28} aria-label={t("followUps.more", { name })}>
          <IconDotsVertical size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {open && <Menu.Item onClick={() => onMove(item)}>{t("followUps.reschedule")}…</Menu.Item>}
        {open && <Menu.Item onClick={() => onAssign(item)}>{t("followUps.assign")}</Menu.Item>}
        <Menu.Item onClick={() => onEdit(item)}>{t("followUps.edit")}…</Menu.Item>
        {open && item.state === "claimed" && (
          <Menu.Item onClick={() => void release(item)}>{t("followUps.release")}</Menu.Item>
        )}
        {open && !item.claimed_by && <Menu.Item onClick={() => void claim(item)}>{t("followUps.claim")}</Menu.Item>}
        <Menu.Divider />
        {open ? (
          <Menu.Item onClick={() => void cancel(item)}>{t("followUps.cancel")}</Menu.Item>
        ) : (
          <Menu.Item onClick={() => void openAgain(item)}>{t("followUps.reopen")}</Menu.Item>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}

function What({ item, onOpen }: { item: FollowUp; onOpen: (f: FollowUp) => void }) {
  const { t } = useTranslation();
  const Kind = item.kind === "callback" ? IconPhoneOutgoing : IconListCheck;
  return (
    <>
      <span className={styles.what}>
        <Kind size={16} role="img" aria-label={t(`followUps.kinds.${item.kind}`)} className={styles.quietIcon} />
        {item.priority === "high" && (
          <IconChevronsUp size={16} role="img" aria-label={t("followUps.highPriority")} className={styles.high} />
        )}
        {item.priority === "low" && (
          <IconChevronDown size={16} role="img" aria-label={t("followUps.lowPriority")} className={styles.quietIcon} />
        )}
        <button
          type="button"
          className={styles.title}
          tabIndex={-1}
          onClick={(e) => {
            e.stopPropagation();
            onOpen(item);
          }}
        >
          <bdi>{item.title || t("followUps.untitled")}</bdi>
        </button>
      </span>
      {item.note && (
        <div className={`clip quiet ${styles.note}`} dir="auto" title={item.note}>
          {item.note}
        </div>
      )}
    </>
  );
}

/** Whom is the customer of a follow-up, and the number that would be called. */
export function Whom({ item }: { item: FollowUp }) {
  return (
    <span className={styles.whom}>
      {item.customer && (
        <Link
          to="/customers/$id"
          params={{ id: item.customer.id }}
          className="row-link"
          onClick={(e) => e.stopPropagation()}
        >
          <bdi>{item.customer.name}</bdi>
        </Link>
      )}
      {item.number && (
        <span className={item.customer ? "quiet" : ""}>
          <Num value={item.number} />
        </span>
      )}
    </span>
  );
}

export function OwnerText({ item }: { item: FollowUp }) {
  const { t } = useTranslation();
  return <bdi>{item.assignee?.name ?? item.team?.name ?? t("followUps.anyone")}</bdi>;
}

export function StateText({ item }: { item: FollowUp }) {
  const { t } = useTranslation();
  const f = useFormat();
  const detail = [
    item.claimed_by && t("followUps.claimedBy", { name: `\u2068${item.claimed_by.name}\u2069` }),
    item.tries > 0 && t("followUps.tries", { count: item.tries, n: f.number(item.tries) }),
  ].filter(Boolean);
  return (
    <span className={styles.state} data-state={item.state}>
      <span>{t(`followUps.state.${item.state}`)}</span>
      {detail.length > 0 && <span className="quiet">{detail.join(" · ")}</span>}
    </span>
  );
}
