import type { TooltipProps } from "@mantine/core";
import { lazy, Suspense } from "react";

const Tooltip = lazy(() => import("./tooltip"));

/** Hint shows a tooltip at its child, which does not wait for it. */
export function Hint({ children, ...props }: TooltipProps) {
  return (
    <Suspense fallback={children}>
      <Tooltip {...props}>{children}</Tooltip>
    </Suspense>
  );
}
