// Every word of the pages, in both languages.
import { en as english } from "../src/locale/en";
import { enLater } from "../src/locale/en-later";
import { fa as persian } from "../src/locale/fa";
import { faLater } from "../src/locale/fa-later";

export const en = { ...english, ...enLater };
export const fa = { ...persian, ...faLater };
