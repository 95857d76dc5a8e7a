// The look: one accent colour, three text sizes, an 8-px grid, and contrasts that hold WCAG AA in both schemes.
import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from "@mantine/core";

/** The accent. Shade 7 on white and white on shade 7 have a contrast of 5.9. */
const accent: MantineColorsTuple = [
  "#eef3fd",
  "#dbe5fa",
  "#b9ccf4",
  "#93b0ed",
  "#7397e6",
  "#4f78da",
  "#3c66cd",
  "#2f56b8",
  "#25469a",
  "#1a3577",
];

/** Mantine's dark greys, a little bluer and in step with the page's own. */
const dark: MantineColorsTuple = [
  "#dfe3e8",
  "#c3c9d1",
  "#a3abb6",
  "#828b97",
  "#3a4048",
  "#2e333a",
  "#22262c",
  "#1b1e23",
  "#16191d",
  "#131519",
];

const small = "0.8125rem";
const normal = "0.9375rem";
const large = "1.75rem";

export const theme = createTheme({
  primaryColor: "accent",
  primaryShade: { light: 7, dark: 6 },
  colors: { accent, dark },
  fontFamily: '"Vazirmatn Variable", system-ui, sans-serif',
  fontFamilyMonospace: 'ui-monospace, "Cascadia Mono", "DejaVu Sans Mono", monospace',
  fontSizes: { xs: small, sm: normal, md: normal, lg: normal, xl: large },
  lineHeights: { xs: "1.5", sm: "1.5", md: "1.6", lg: "1.5", xl: "1.3" },
  spacing: { xs: "0.5rem", sm: "0.75rem", md: "1rem", lg: "1.5rem", xl: "2rem" },
  headings: {
    fontWeight: "650",
    sizes: {
      h1: { fontSize: normal, lineHeight: "1.5" },
      h2: { fontSize: normal, lineHeight: "1.5" },
      h3: { fontSize: small, lineHeight: "1.5" },
    },
  },
  defaultRadius: "sm",
  radius: { sm: "6px", md: "8px" },
  cursorType: "pointer",
  focusRing: "auto",
  respectReducedMotion: true,
  components: {
    Tooltip: { defaultProps: { openDelay: 350, withArrow: true, fz: "xs" } },
    Modal: { defaultProps: { transitionProps: { duration: 120 } } },
    Badge: { defaultProps: { variant: "light", tt: "none", fw: 550, radius: "sm" } },
  },
});

/** Where Mantine's own colours miss AA contrast: dimmed and placeholder text, and the light variants. */
export const variables: CSSVariablesResolver = () => {
  const light: Record<string, string> = {
    "--mantine-color-body": "#ffffff",
    "--mantine-color-dimmed": "#5c6470",
    "--mantine-color-placeholder": "#6b7280",
    "--mantine-color-error": "#b91c1c",
    "--rb-page": "#f5f6f8",
    "--rb-line": "#e2e5ea",
    "--rb-accent-text": accent[7],
    "--rb-good": "#177245",
    "--rb-warn": "#9a5200",
    "--rb-bad": "#b91c1c",
    "--rb-quiet": "#5c6470",
  };
  const night: Record<string, string> = {
    "--mantine-color-body": "#1b1e23",
    "--mantine-color-text": "#dfe3e8",
    "--mantine-color-dimmed": "#a3abb6",
    "--mantine-color-placeholder": "#98a1ad",
    "--mantine-color-error": "#ff8f8f",
    "--mantine-color-default": "#22262c",
    "--mantine-color-default-border": "#3a4048",
    "--rb-page": "#131519",
    "--rb-line": "#2e333a",
    "--rb-accent-text": accent[3],
    "--rb-good": "#5fd39a",
    "--rb-warn": "#f2b366",
    "--rb-bad": "#ff8f8f",
    "--rb-quiet": "#a3abb6",
    "--mantine-color-anchor": accent[3],
  };
  for (const c of ["accent", "gray", "red", "green", "orange"]) {
    light[`--mantine-color-${c}-light-color`] = c === "accent" ? accent[8] : `var(--mantine-color-${c}-9)`;
    night[`--mantine-color-${c}-light-color`] = c === "accent" ? accent[2] : `var(--mantine-color-${c}-2)`;
  }
  light["--mantine-color-green-light-color"] = "#12592f";
  light["--mantine-color-orange-light-color"] = "#7f3f00";
  light["--mantine-color-gray-light-color"] = "#3f4650";
  return { variables: {}, light, dark: night };
};
