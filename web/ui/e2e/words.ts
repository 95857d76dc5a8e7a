// Every word of the pages, in both languages.
import { allWords } from "../src/locale/all";

export const { en, fa } = allWords;
