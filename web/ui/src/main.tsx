import "@fontsource-variable/vazirmatn/wght.css";
import "./app/first.css";
import "./app/app.css";
import { DirectionProvider, MantineProvider, useDirection } from "@mantine/core";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { lazy, StrictMode, Suspense, useEffect } from "react";
import { createRoot } from "react-dom/client";
import { queryClient } from "./api/queries";
import { preferences, usePreferences } from "./app/preferences";
import { router } from "./app/router";
import { theme, variables } from "./app/theme";
import { installCopy } from "./parts/copy";
import { speak } from "./text/i18n";
import { useSpoken } from "./text/use-spoken";

const Toaster = lazy(() => import("./parts/toaster"));

function App() {
  const { theme: colours } = usePreferences();
  const language = useSpoken();
  return (
    <DirectionProvider initialDirection={language === "fa" ? "rtl" : "ltr"} detectDirection={false}>
      <Turn to={language === "fa" ? "rtl" : "ltr"} />
      <MantineProvider
        theme={theme}
        cssVariablesResolver={variables}
        defaultColorScheme="auto"
        getStyleNonce={styleNonce}
        {...(colours === "auto" ? {} : { forceColorScheme: colours })}
      >
        <QueryClientProvider client={queryClient}>
          <RouterProvider router={router} />
          <Suspense>
            <Toaster />
          </Suspense>
        </QueryClientProvider>
      </MantineProvider>
    </DirectionProvider>
  );
}

/** Turn hands the direction of a newly chosen language to Mantine, without losing what is on the page. */
function Turn({ to }: { to: "rtl" | "ltr" }) {
  const { setDirection } = useDirection();
  useEffect(() => setDirection(to), [to, setDirection]);
  return null;
}

/** styleNonce is what the server's policy wants on <style> elements. */
function styleNonce(): string {
  return document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? "";
}

installCopy();
await speak(preferences().language);
const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
