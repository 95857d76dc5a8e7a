import "../app/rest.css";
import { Alert, Button, PasswordInput, SegmentedControl, Stack, Text, TextInput, Title } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation } from "@tanstack/react-query";
import { useRouter, useSearch } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { api, got } from "../api/client";
import { Problem, say } from "../api/problem";
import { me, queryClient } from "../api/queries";
import { choose, follow } from "../app/choose";
import { type Language, setPreferences, usePreferences } from "../app/preferences";
import { setPageTitle } from "../app/title";
import { useFormat } from "../text/use-format";
import styles from "./login.module.css";

export function LoginPage() {
  const { t } = useTranslation();
  const f = useFormat();
  const router = useRouter();
  const { next, kept } = useSearch({ from: "/login" });
  const { language } = usePreferences();
  const chose = useRef(false);
  useEffect(() => setPageTitle(t("login.title")), [t]);

  const form = useForm({
    initialValues: { username: "", password: "" },
    validate: {
      username: (v) => (v.trim() === "" ? t("login.required") : null),
      password: (v) => (v === "" ? t("login.required") : null),
    },
  });
  const login = useMutation({
    mutationFn: (body: { username: string; password: string }) => got(api.POST("/api/v1/session", { body })),
    onSuccess: (data) => {
      queryClient.clear();
      queryClient.setQueryData(me.queryKey, data);
      // A language chosen on this page is the person's newest word; otherwise what the server remembers of them holds.
      if (chose.current) choose({ language });
      else follow(data.preferences);
      router.history.push(next ?? "/");
    },
    onError: () => form.setFieldValue("password", ""),
  });

  const e = login.error;
  const problem = !(e instanceof Problem)
    ? e && say(e, t)
    : e.status === 401 || e.status === 422
      ? t("login.wrong")
      : e.status === 429
        ? e.retryAfter
          ? t("login.throttledFor", { n: f.number(e.retryAfter) })
          : t("login.throttled")
        : say(e, t);

  return (
    <main className={styles.page}>
      <div className={styles.card}>
        <div className={styles.brand}>
          <img src="/icon.svg" alt="" width={36} height={36} />
          <span>{t("app.name")}</span>
        </div>
        <Title order={1} className="visually-hidden">
          {t("login.title")}
        </Title>
        {kept && <Alert py={8}>{t("login.kept")}</Alert>}
        <form onSubmit={form.onSubmit((v) => login.mutate({ ...v, username: v.username.trim() }))} noValidate>
          <Stack gap="md">
            <TextInput
              label={t("login.username")}
              name="username"
              autoComplete="username"
              autoCapitalize="none"
              spellCheck={false}
              dir="ltr"
              autoFocus
              {...form.getInputProps("username")}
            />
            <PasswordInput
              label={t("login.password")}
              name="password"
              autoComplete="current-password"
              dir="ltr"
              visibilityToggleButtonProps={{ "aria-label": t("login.password") }}
              {...form.getInputProps("password")}
            />
            {problem && (
              <Text role="alert" c="var(--rb-bad)">
                {problem}
              </Text>
            )}
            <Button type="submit" fullWidth loading={login.isPending}>
              {t("login.submit")}
            </Button>
          </Stack>
        </form>
      </div>
      <SegmentedControl
        size="xs"
        aria-label={t("app.language")}
        value={language}
        data={[
          { value: "fa", label: "فارسی" },
          { value: "en", label: "English" },
        ]}
        onChange={(v) => {
          chose.current = true;
          setPreferences({ language: v as Language });
        }}
      />
    </main>
  );
}
