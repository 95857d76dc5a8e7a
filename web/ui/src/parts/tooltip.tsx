// Mantine's tooltip in a chunk of its own (see hint.tsx): placing it is a fifth of all that the desk loads.
export { Tooltip as default } from "@mantine/core";
