// The two languages. English is the reference for the keys; fa.ts must have the same ones or the type check fails.
import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import { type Language, onPreferences, preferences } from "../app/preferences";
import type { en } from "../locale/en";
import type { enLater } from "../locale/en-later";

declare module "i18next" {
  interface CustomTypeOptions {
    defaultNS: "translation";
    resources: { translation: typeof en & typeof enLater };
  }
}

/** Words is the shape that every language fills. */
export type Words<T = typeof en> = { [K in keyof T]: T[K] extends string ? string : Words<T[K]> };

async function words(language: Language): Promise<Words> {
  return language === "fa" ? (await import("../locale/fa")).fa : (await import("../locale/en")).en;
}

const laterWords = new Map<Language, Promise<void>>();

/** sayMore loads the words that only later pages say. */
function sayMore(language = i18next.language as Language): Promise<void> {
  const known = laterWords.get(language);
  if (known) return known;
  const loaded = (
    language === "fa"
      ? import("../locale/fa-later").then((m) => m.faLater)
      : import("../locale/en-later").then((m) => m.enLater)
  ).then(
    (more) => void i18next.addResourceBundle(language, "translation", more, true),
    (error) => {
      laterWords.delete(language);
      throw error;
    },
  );
  laterWords.set(language, loaded);
  return loaded;
}

/** withWords loads a part of the program together with the words that only such parts say. */
export function withWords<T>(part: () => Promise<T>): () => Promise<T> {
  return async () => (await Promise.all([part(), sayMore()]))[0];
}

/** speak loads a language if need be, and switches the page to it: words, lang and dir. */
export async function speak(language: Language): Promise<void> {
  if (!i18next.isInitialized) {
    await i18next.use(initReactI18next).init({
      lng: language,
      resources: { [language]: { translation: await words(language) } },
      // React escapes. Numbers are handed over as text, written by Format.
      interpolation: { escapeValue: false },
      returnNull: false,
    });
  } else {
    if (!i18next.hasResourceBundle(language, "translation")) {
      i18next.addResourceBundle(language, "translation", await words(language));
    }
    // A page that has them in one language has them in the other.
    if (laterWords.size > 0) await sayMore(language);
    await i18next.changeLanguage(language);
  }
  document.documentElement.lang = language;
  document.documentElement.dir = language === "fa" ? "rtl" : "ltr";
}

onPreferences(() => {
  const { language } = preferences();
  if (i18next.isInitialized && i18next.language !== language) void speak(language);
});
