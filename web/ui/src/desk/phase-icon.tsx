import { IconPhoneCall, IconPhoneCheck, IconPhoneIncoming, IconPhoneOff, IconPhonePause } from "@tabler/icons-react";
import type { Phase } from "./store";

const icons = {
  ringing: IconPhoneIncoming,
  talking: IconPhoneCall,
  held: IconPhonePause,
  elsewhere: IconPhoneCheck,
  ended: IconPhoneOff,
} satisfies Record<Phase, unknown>;

export function PhaseIcon({ phase, size }: { phase: Phase; size: number }) {
  const Icon = icons[phase];
  return <Icon size={size} stroke={1.7} aria-hidden />;
}
