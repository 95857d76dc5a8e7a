import { useMemo } from "react";
import { usePreferences } from "../app/preferences";
import { Format } from "./format";
import { timeZone } from "./zone";

/** useFormat is the current person's Format; it changes when they switch language or digits, and when the time zone is learnt. */
export function useFormat(): Format {
  const { language, digits } = usePreferences();
  const zone = timeZone;
  // biome-ignore lint/correctness/useExhaustiveDependencies: another zone may be learnt between two renders
  return useMemo(() => new Format({ language, digits, timeZone: zone }), [language, digits, zone]);
}
