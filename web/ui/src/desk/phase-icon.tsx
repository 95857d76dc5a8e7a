import {
  IconPhoneCall,
  IconPhoneCheck,
  IconPhoneIncoming,
  IconPhoneOff,
  IconPhoneOutgoing,
  IconPhonePause,
  IconPhoneX,
} from "@tabler/icons-react";
import type { Phase } from "./store";

const icons = {
  ringing: IconPhoneIncoming,
  dialing: IconPhoneOutgoing,
  talking: IconPhoneCall,
  held: IconPhonePause,
  answered_elsewhere: IconPhoneCheck,
  missed: IconPhoneX,
  ended: IconPhoneOff,
} satisfies Record<Phase, unknown>;

export function PhaseIcon({ phase, size }: { phase: Phase; size: number }) {
  const Icon = icons[phase];
  return <Icon size={size} stroke={1.7} aria-hidden />;
}
