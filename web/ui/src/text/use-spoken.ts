import { useTranslation } from "react-i18next";
import type { Language } from "../app/preferences";

/** useSpoken is the language whose words are on the page (it lags behind the preference while words load). */
export function useSpoken(): Language {
  return useTranslation().i18n.language === "en" ? "en" : "fa";
}
