import { Button, Loader } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import { exports as exportsQuery } from "../api/queries";
import type { CallQuery } from "../api/types";
import { useMay } from "../app/may";

const ExportDialog = lazy(() => import("./export-dialog"));

/** ExportButton opens the dialog, and shows while an export of mine is being made, even one from before a reload. */
export function ExportButton({ query }: { query: CallQuery }) {
  const { t } = useTranslation();
  const may = useMay("calls.export");
  const [open, setOpen] = useState(false);
  const { data } = useQuery({ ...exportsQuery, enabled: may !== null, retry: false });
  if (may === null) return null;
  const running = data?.items.some((e) => e.state === "running") ?? false;
  return (
    <>
      <Button
        variant="default"
        leftSection={running ? <Loader size={16} /> : <IconDownload size={16} />}
        onClick={() => setOpen(true)}
        aria-haspopup="dialog"
        {...(running ? { title: t("export.running") } : {})}
      >
        {t("export.button")}
      </Button>
      {open && (
        <Suspense fallback={null}>
          <ExportDialog query={query} onClose={() => setOpen(false)} />
        </Suspense>
      )}
    </>
  );
}
