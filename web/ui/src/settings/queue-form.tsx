import { Alert, Button, Group, Select, Switch, Table, Textarea, TextInput } from "@mantine/core";
import { IconPlayerPause } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { sayFault } from "../api/fault";
import { Problem } from "../api/problem";
import type { Queue, QueuePatch, Team } from "../api/types";
import { Moment, Num } from "../parts/text";
import { ascii } from "../text/digits";
import { useFormat } from "../text/use-format";
import { FormFrame } from "./form-frame";
import { numbersOf, type Sayable } from "./queue";
import styles from "./settings.module.css";

interface Props {
  /** As it was when the form was opened. */
  queue: Queue;
  /** As it is now. */
  now: Queue;
  teams: Team[];
  /** What the server said to the last attempt. */
  fault: Error | null;
  saving: boolean;
  onSave: (change: QueuePatch) => void;
  onClose: () => void;
}

/** QueueForm says what a queue is called and how its calls are taken, and what goes on in it. */
export function QueueForm({ queue: q, now, teams, fault, saving, onSave, onClose }: Props) {
  const { t } = useTranslation();
  const f = useFormat();
  const [label, setLabel] = useState(q.label);
  const [numbers, setNumbers] = useState(q.numbers.join(", "));
  const [seconds, setSeconds] = useState(String(q.service_level_s));
  const [percent, setPercent] = useState(String(q.service_level_percent));
  const [wrapUp, setWrapUp] = useState(String(q.wrap_up_s));
  const [team, setTeam] = useState(q.team_id);
  const [script, setScript] = useState(q.script);
  const [archived, setArchived] = useState(q.archived_at !== null);
  const [learned, setLearned] = useState<Sayable[]>([]);
  const placed = ["label", "numbers", "service_level_s", "service_level_percent", "wrap_up_s", "script", "team_id"];
  const faults = fault instanceof Problem ? fault.fields : {};
  const at = (field: string) => {
    const key = Object.keys(faults).find((k) => k === field || k.startsWith(`${field}.`) || k.startsWith(`${field}[`));
    return key ? sayFault(faults[key] ?? "", t) : undefined;
  };
  const whole = (typed: string) => Number(ascii(typed.trim() || "0"));

  const save = () => {
    const change: QueuePatch = {};
    const list = numbersOf(numbers);
    if (learned.includes("label")) change.label = null;
    else if (label.trim() !== q.label) change.label = label.trim();
    if (learned.includes("numbers")) change.numbers = null;
    else if (list.join() !== q.numbers.join()) change.numbers = list;
    if (learned.includes("service_level_s")) change.service_level_s = null;
    else if (whole(seconds) !== q.service_level_s) change.service_level_s = whole(seconds);
    if (whole(percent) !== q.service_level_percent) change.service_level_percent = whole(percent);
    if (whole(wrapUp) !== q.wrap_up_s) change.wrap_up_s = whole(wrapUp);
    if (team !== q.team_id) change.team_id = team;
    if (script.trim() !== q.script) change.script = script;
    if (archived !== (q.archived_at !== null)) change.archived = archived;
    if (Object.keys(change).length === 0) onClose();
    else onSave(change);
  };

  /** known says whether a field is learned or who said it; then with a button that takes that back. */
  const known = (field: Sayable, back: () => void): ReactNode => {
    const by = q.said.find((s) => s.field === field);
    if (!by || learned.includes(field)) {
      const usual = field === "service_level_s" && q.learned.service_level_s === null;
      return t(usual ? "queues.usual" : "queues.learned");
    }
    return (
      <span className={styles.said}>
        <span>
          {t("queues.saidBy", { name: by.by })} <Moment at={by.at} />
        </span>
        <Button
          size="compact-xs"
          variant="default"
          onClick={() => {
            setLearned([...learned, field]);
            back();
          }}
          aria-label={`${t("queues.asLearned")}: ${t(`queues.field.${field}`)}`}
        >
          {t("queues.asLearned")}
        </Button>
      </span>
    );
  };
  const typed = (field: Sayable) => setLearned(learned.filter((x) => x !== field));

  return (
    <FormFrame
      title={t("queues.edit")}
      name={q.name}
      size="lg"
      fault={placed.some(at) ? null : fault}
      saving={saving}
      ready={label.trim() !== ""}
      onSave={save}
      onClose={onClose}
      aside={
        <span className="quiet">
          {now.strategy ? t("queues.strategy", { name: now.strategy }) : t("queues.since")}{" "}
          {!now.strategy && f.date(new Date(q.learned_at))}
        </span>
      }
    >
      {q.gone_at && (
        <Alert color="gray" py={8}>
          {t("queues.goneBody")} <Moment at={q.gone_at} />
        </Alert>
      )}
      <TextInput
        label={t("queues.field.label")}
        description={known("label", () => setLabel(q.name))}
        data-autofocus
        dir="auto"
        autoComplete="off"
        value={label}
        error={at("label")}
        onChange={(e) => {
          typed("label");
          setLabel(e.currentTarget.value);
        }}
      />
      <TextInput
        label={t("queues.field.numbers")}
        description={known("numbers", () => setNumbers(q.learned.numbers.join(", ")))}
        placeholder={t("queues.numbersHint")}
        dir="ltr"
        autoComplete="off"
        value={numbers}
        error={at("numbers")}
        onChange={(e) => {
          typed("numbers");
          setNumbers(e.currentTarget.value);
        }}
      />
      <TextInput
        label={t("queues.field.service_level_s")}
        description={known("service_level_s", () => setSeconds(String(q.learned.service_level_s ?? 20)))}
        dir="ltr"
        inputMode="numeric"
        autoComplete="off"
        value={seconds}
        error={at("service_level_s")}
        onChange={(e) => {
          typed("service_level_s");
          setSeconds(e.currentTarget.value);
        }}
      />
      <Group grow align="flex-start">
        <TextInput
          label={t("queues.percent")}
          dir="ltr"
          inputMode="numeric"
          autoComplete="off"
          value={percent}
          error={at("service_level_percent")}
          onChange={(e) => setPercent(e.currentTarget.value)}
        />
        <TextInput
          label={t("queues.wrapUpSeconds")}
          dir="ltr"
          inputMode="numeric"
          autoComplete="off"
          value={wrapUp}
          error={at("wrap_up_s")}
          onChange={(e) => setWrapUp(e.currentTarget.value)}
        />
      </Group>
      <Select
        label={t("queues.team")}
        description={t("queues.teamBody")}
        placeholder={t("queues.noTeam")}
        clearable
        clearButtonProps={{ "aria-label": t("action.remove") }}
        data={teams.map((x) => ({ value: x.id, label: x.name }))}
        value={team}
        error={at("team_id")}
        onChange={setTeam}
      />
      <Textarea
        label={t("queues.script")}
        description={t("queues.scriptBody")}
        dir="auto"
        autosize
        minRows={3}
        maxRows={12}
        value={script}
        error={at("script")}
        onChange={(e) => setScript(e.currentTarget.value)}
      />
      <Switch
        label={t("queues.archived")}
        description={t("queues.archivedBody")}
        checked={archived}
        onChange={(e) => setArchived(e.currentTarget.checked)}
      />
      <Live queue={now} />
    </FormFrame>
  );
}

/** Live tells who takes the queue's calls now, or why that is not known. */
function Live({ queue: q }: { queue: Queue }) {
  const { t } = useTranslation();
  const f = useFormat();
  if (!q.known) {
    const why = q.unknown === "ami_needed" || q.unknown === "ami_away" ? q.unknown : "other";
    return (
      <Alert color="gray" py={8} title={t("queues.notKnown")}>
        {t(`queues.why.${why}`)}
      </Alert>
    );
  }
  return (
    <div>
      <p className={styles.live}>{t("queues.waiting", { n: f.number(q.waiting ?? 0) })}</p>
      {q.members.length === 0 ? (
        <p className="quiet">{t("queues.noMembers")}</p>
      ) : (
        <Table className="table" aria-label={t("queues.members")}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t("queues.members")}</Table.Th>
              <Table.Th>{t("phones.extension")}</Table.Th>
              <Table.Th>{t("phones.state")}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {q.members.map((m) => (
              <Table.Tr key={m.interface} data-member={m.interface}>
                <Table.Td>{m.name ? <bdi>{m.name}</bdi> : <bdi dir="ltr">{m.interface}</bdi>}</Table.Td>
                <Table.Td>{m.extension && <Num value={m.extension} plain />}</Table.Td>
                <Table.Td>
                  {m.paused ? (
                    <span className={styles.paused}>
                      <IconPlayerPause size={16} aria-hidden /> {t("queues.paused")}{" "}
                      {m.reason && <bdi className="quiet">{m.reason}</bdi>}
                    </span>
                  ) : (
                    t(`queues.status.${m.status}`)
                  )}
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
    </div>
  );
}
