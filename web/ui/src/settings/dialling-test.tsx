// What the saved rules say about a number.
import { Button, Select, Text, TextInput } from "@mantine/core";
import { IconCircleCheck, IconCircleX } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, got } from "../api/client";
import { sayFault } from "../api/fault";
import { Problem } from "../api/problem";
import type { Role } from "../api/types";
import { Refusal } from "../parts/refusal";
import { Num } from "../parts/text";
import { ascii } from "../text/digits";
import { useFormat } from "../text/use-format";
import { roles } from "./rule-row";
import styles from "./rules.module.css";

export function DiallingTest() {
  const { t } = useTranslation();
  const f = useFormat();
  const [number, setNumber] = useState("");
  const [role, setRole] = useState<Role>("agent");
  const run = useMutation({
    mutationFn: (query: { number: string; role: Role }) => got(api.GET("/api/v1/dialling/test", { params: { query } })),
  });
  const fault = run.error instanceof Problem ? run.error.fields.number : undefined;
  const v = run.data;
  const why = () => {
    if (!v) return "";
    if (v.class === "emergency") return t("rules.testEmergency");
    return v.rule === null ? t("rules.testOtherwise") : t("rules.testRule", { n: f.number(v.rule + 1) });
  };
  return (
    <form
      noValidate
      onSubmit={(e) => {
        e.preventDefault();
        if (number.trim() !== "") run.mutate({ number: ascii(number.trim()), role });
      }}
    >
      <Text size="xs" c="dimmed" mb="xs">
        {t("rules.testBody")}
      </Text>
      <div className={styles.rest}>
        <TextInput
          label={t("rules.testNumber")}
          dir="ltr"
          type="tel"
          inputMode="tel"
          autoComplete="off"
          w={220}
          value={number}
          error={fault && sayFault(fault, t)}
          onChange={(e) => {
            setNumber(e.currentTarget.value);
            run.reset();
          }}
        />
        <Select
          label={t("rules.testRole")}
          allowDeselect={false}
          w={180}
          data={roles.map((r) => ({ value: r, label: t(`agents.roles.${r}`) }))}
          value={role}
          onChange={(r) => {
            if (r) setRole(r as Role);
            run.reset();
          }}
        />
        <Button type="submit" variant="default" loading={run.isPending} disabled={number.trim() === ""}>
          {t("rules.testRun")}
        </Button>
      </div>
      <div role="status" className={styles.verdict} data-testid="verdict">
        {v && (
          <>
            <span className="outcome" data-tone={v.allowed ? "good" : "bad"}>
              {v.allowed ? <IconCircleCheck size={16} aria-hidden /> : <IconCircleX size={16} aria-hidden />}
              {t(v.allowed ? "rules.testAllowed" : "rules.testForbidden")}
            </span>
            <span className="quiet">
              {t(`rules.class.${v.class}`)}, {why()}. {t("rules.testDialled")} <Num value={v.dialled} plain />
            </span>
          </>
        )}
      </div>
      {run.error && !fault && <Refusal error={run.error} onClose={run.reset} />}
    </form>
  );
}
