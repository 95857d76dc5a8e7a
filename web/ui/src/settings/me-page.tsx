import "../app/rest.css";
import { Button, PasswordInput, SegmentedControl, Stack, Switch, Text, Title } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { api, got } from "../api/client";
import { sayFault } from "../api/fault";
import { Problem, say } from "../api/problem";
import { askToNotify } from "../app/attention";
import { choose } from "../app/choose";
import { type Preferences, usePreferences } from "../app/preferences";
import { notice } from "../parts/notice";
import { chime } from "../push/sound";
import styles from "./settings.module.css";

export function MePage() {
  const { t } = useTranslation();
  const p = usePreferences();
  return (
    <div className={styles.columns}>
      <section className="panel">
        <Title order={2} mb="md">
          {t("settings.preferences")}
        </Title>
        <Stack gap="md">
          <Choice word={t("settings.language")}>
            <SegmentedControl
              aria-label={t("settings.language")}
              value={p.language}
              data={[
                { value: "fa", label: "فارسی" },
                { value: "en", label: "English" },
              ]}
              onChange={(v) => choose({ language: v as Preferences["language"] })}
            />
          </Choice>
          <Choice word={t("settings.digits")}>
            <SegmentedControl
              aria-label={t("settings.digits")}
              value={p.digits}
              data={[
                { value: "language", label: t("settings.digitsLanguage") },
                { value: "persian", label: t("settings.digitsPersian") },
                { value: "latin", label: t("settings.digitsLatin") },
              ]}
              onChange={(v) => choose({ digits: v as Preferences["digits"] })}
            />
          </Choice>
          <Choice word={t("settings.theme")}>
            <SegmentedControl
              aria-label={t("settings.theme")}
              value={p.theme}
              data={[
                { value: "auto", label: t("settings.themeAuto") },
                { value: "light", label: t("settings.themeLight") },
                { value: "dark", label: t("settings.themeDark") },
              ]}
              onChange={(v) => choose({ theme: v as Preferences["theme"] })}
            />
          </Choice>
          <Switch
            label={t("settings.notify")}
            checked={p.notify}
            onChange={async (e) => {
              const on = e.currentTarget.checked;
              if (!on || (await askToNotify())) choose({ notify: on });
              else notice(t("settings.notifyDenied"));
            }}
          />
          <Switch
            label={t("settings.sound")}
            description={t("settings.soundHint")}
            checked={p.sound}
            onChange={(e) => choose({ sound: e.currentTarget.checked })}
          />
          <Button variant="default" onClick={() => chime()} style={{ alignSelf: "flex-start" }}>
            {t("settings.soundTry")}
          </Button>
        </Stack>
      </section>
      <Password />
    </div>
  );
}

function Choice({ word, children }: { word: string; children: ReactNode }) {
  return (
    <div>
      <Text fw={500} mb={4}>
        {word}
      </Text>
      {children}
    </div>
  );
}

function Password() {
  const { t } = useTranslation();
  const form = useForm({
    initialValues: { current: "", new: "" },
    validate: { new: (v) => (v.length < 8 ? t("agents.passwordHint") : null) },
  });
  const change = useMutation({
    mutationFn: (body: { current: string; new: string }) => got(api.POST("/api/v1/me/password", { body })),
    onSuccess: () => {
      form.reset();
      notice(t("settings.passwordChanged"));
    },
    onError: (e) => {
      if (!(e instanceof Problem)) return;
      if (e.fields.new) form.setFieldError("new", sayFault(e.fields.new, t));
      else if (e.fields.current || e.status === 403) form.setFieldError("current", t("settings.passwordWrong"));
      else form.setFieldError("current", say(e, t));
    },
  });
  return (
    <section className="panel">
      <Title order={2} mb="md">
        {t("settings.password")}
      </Title>
      <form onSubmit={form.onSubmit((v) => change.mutate(v))} noValidate>
        <Stack gap="md">
          <PasswordInput
            label={t("settings.passwordCurrent")}
            autoComplete="current-password"
            dir="ltr"
            visibilityToggleButtonProps={{ "aria-label": t("settings.passwordCurrent") }}
            {...form.getInputProps("current")}
          />
          <PasswordInput
            label={t("settings.passwordNew")}
            description={t("settings.passwordHint")}
            autoComplete="new-password"
            dir="ltr"
            visibilityToggleButtonProps={{ "aria-label": t("settings.passwordNew") }}
            {...form.getInputProps("new")}
          />
          <Button type="submit" variant="default" loading={change.isPending} style={{ alignSelf: "flex-start" }}>
            {t("settings.passwordChange")}
          </Button>
        </Stack>
      </form>
    </section>
  );
}
