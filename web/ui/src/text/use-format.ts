import { useMemo } from "react";
import { usePreferences } from "../app/preferences";
import { Format } from "./format";
import { timeZone } from "./zone";

/** useFormat is the current person's Format; it changes when they switch language or digits. */
export function useFormat(): Format {
  const { language, digits } = usePreferences();
  return useMemo(() => new Format({ language, digits, timeZone }), [language, digits]);
}
