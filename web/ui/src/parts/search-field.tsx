import { TextInput, type TextInputProps } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconSearch } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";

type Props = Omit<TextInputProps, "value" | "onChange"> & { value: string; onSearch: (text: string) => void };

/** SearchField hands on what is typed after a short pause; the address it ends up in can also be changed from outside. */
export function SearchField({ value, onSearch, ...props }: Props) {
  const [text, setText] = useState(value);
  const sent = useRef(value);
  const send = useDebouncedCallback((v: string) => {
    sent.current = v.trim();
    onSearch(v.trim());
  }, 250);
  useEffect(() => {
    if (value !== sent.current) {
      sent.current = value;
      setText(value);
    }
  }, [value]);
  return (
    <TextInput
      type="search"
      autoComplete="off"
      leftSection={<IconSearch size={16} aria-hidden />}
      {...props}
      value={text}
      onChange={(e) => {
        setText(e.currentTarget.value);
        send(e.currentTarget.value);
      }}
    />
  );
}
