import "../app/rest.css";
import { Alert, Button, Group, Modal, PasswordInput, Select, Stack, TagsInput, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { api, got } from "../api/client";
import { sayFault } from "../api/fault";
import { Problem, say } from "../api/problem";
import { queryClient } from "../api/queries";
import type { Agent, Role, Team } from "../api/types";
import { complain, notice } from "../parts/notice";
import { ascii } from "../text/digits";

const roles: Role[] = ["agent", "sales", "supervisor", "admin"];

interface Props {
  /** null: a new one. */
  agent: Agent | null;
  /** Whether it is the person who edits: they cannot archive themselves. */
  self: boolean;
  teams: Team[];
  onClose: () => void;
}

export function AgentForm({ agent, self, teams, onClose }: Props) {
  const { t } = useTranslation();
  const form = useForm({
    initialValues: {
      username: agent?.username ?? "",
      name: agent?.name ?? "",
      password: "",
      role: agent?.role ?? ("agent" as Role),
      extensions: agent?.extensions ?? [],
      team_id: agent?.team_id ?? null,
    },
    validate: {
      username: (v) => (v.trim() === "" ? t("login.required") : null),
      name: (v) => (v.trim() === "" ? t("login.required") : null),
      password: (v) => ((agent === null || v !== "") && v.length < 8 ? t("agents.passwordHint") : null),
    },
  });
  const done = () => {
    void queryClient.invalidateQueries({ queryKey: ["agents"] });
    if (self) void queryClient.invalidateQueries({ queryKey: ["me"] });
    onClose();
  };
  const save = useMutation({
    mutationFn: (v: typeof form.values) => {
      const body = {
        name: v.name.trim(),
        role: v.role,
        extensions: v.extensions.map((x) => ascii(x.trim())),
        team_id: v.team_id,
      };
      if (agent) {
        return got(
          api.PATCH("/api/v1/agents/{id}", {
            params: { path: { id: agent.id } },
            body: { ...body, version: agent.version, ...(v.password === "" ? {} : { password: v.password }) },
          }),
        );
      }
      return got(api.POST("/api/v1/agents", { body: { ...body, username: v.username.trim(), password: v.password } }));
    },
    onSuccess: (a) => {
      notice(t("agents.savedDone", { name: a.name }));
      done();
    },
    onError: (e) => {
      if (!(e instanceof Problem)) return;
      for (const [field, fault] of Object.entries(e.fields)) {
        form.setFieldError(field.split(".")[0] ?? field, sayFault(fault, t));
      }
    },
  });
  const archive = useMutation({
    mutationFn: (a: Agent) => got(api.DELETE("/api/v1/agents/{id}", { params: { path: { id: a.id } } })),
    onSuccess: (_, a) => {
      notice(t("agents.archivedDone", { name: a.name }));
      done();
    },
    onError: complain,
  });
  const teamOptions = teams.map((x) => ({ value: x.id, label: x.name }));

  return (
    <Modal
      opened
      onClose={onClose}
      size="lg"
      title={t(agent ? "agents.editTitle" : "agents.create")}
      closeButtonProps={{ "aria-label": t("action.close") }}
    >
      <form onSubmit={form.onSubmit((v) => save.mutate(v))} noValidate>
        <Stack gap="md">
          {save.error && (
            <Alert color="red" role="alert" py={8}>
              {say(save.error, t)}
            </Alert>
          )}
          <Group grow align="flex-start">
            <TextInput
              label={t("agents.name")}
              required
              dir="auto"
              data-autofocus
              autoComplete="off"
              {...form.getInputProps("name")}
            />
            <TextInput
              label={t("agents.username")}
              required
              dir="ltr"
              autoComplete="off"
              disabled={agent !== null}
              {...form.getInputProps("username")}
            />
          </Group>
          <Select
            label={t("agents.role")}
            description={t(`agents.roleBody.${form.values.role}`)}
            allowDeselect={false}
            data={roles.map((r) => ({ value: r, label: t(`agents.roles.${r}`) }))}
            {...form.getInputProps("role")}
          />
          <TagsInput
            label={t("agents.extensions")}
            description={t("agents.extensionsBody")}
            placeholder={t("agents.extensionsHint")}
            maxTags={20}
            {...form.getInputProps("extensions")}
          />
          <Select
            label={t("agents.team")}
            placeholder={t("agents.noTeam")}
            clearable
            clearButtonProps={{ "aria-label": t("action.remove") }}
            data={teamOptions}
            {...form.getInputProps("team_id")}
          />
          <PasswordInput
            label={t(agent ? "agents.passwordNew" : "agents.password")}
            description={t(agent ? "agents.passwordNewHint" : "agents.passwordHint")}
            required={agent === null}
            autoComplete="new-password"
            dir="ltr"
            visibilityToggleButtonProps={{ "aria-label": t("agents.password") }}
            {...form.getInputProps("password")}
          />
          <Group justify="space-between">
            <div>
              {agent && !self && (
                <Button variant="subtle" color="red" loading={archive.isPending} onClick={() => archive.mutate(agent)}>
                  {t("action.archive")}
                </Button>
              )}
            </div>
            <Group gap="xs">
              <Button variant="default" onClick={onClose}>
                {t("action.cancel")}
              </Button>
              <Button type="submit" loading={save.isPending}>
                {t(agent ? "action.save" : "action.create")}
              </Button>
            </Group>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
