// Every word of the pages, in both languages: for tests.
import { en } from "./en";
import { enLater } from "./en-later";
import { fa } from "./fa";
import { faLater } from "./fa-later";

type Sections = Record<string, object>;

function together<A extends Sections, B extends Sections>(first: A, later: B): A & B {
  const all: Sections = { ...first };
  for (const [name, words] of Object.entries(later)) all[name] = { ...all[name], ...words };
  return all as A & B;
}

export const allWords = { en: together(en, enLater), fa: together(fa, faLater) };
