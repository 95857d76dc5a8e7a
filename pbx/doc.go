// Package pbx folds the event stream of an Asterisk into calls.
//
// Asterisk speaks of channels, bridges and dialling; nothing above this package does. A Tracker takes the items of a
// stream (package pbx/ari) one by one and gives out, for each, the pictures of the calls that it changed. A picture is
// complete: whoever has the latest has everything. An Exchange joins a Tracker to a live PBX.
//
// # What a call is
//
// A call begins with a root channel: one that called in (state Ring), or that the PBX dialled because somebody
// outside asked it to (a Dial event without caller). Further channels become part of it by edges, never by linkedid,
// which the JSON of channels does not hold and which merges calls that have little to do with each other:
//
//	caller ──Dial──▶ peer             one channel dialled the other
//	Local/x;1 ═════ Local/x;2         two halves of a Local channel, told by their names
//	a ─── bridge ─── b                they hear each other; proof enough where the Dial event was lost
//
//	            root                       PJSIP/trunk, the customer          leg 1, customer
//	             ├── Dial ── PJSIP/1001    rang, answered elsewhere           leg 2, agent 1001
//	             └── Dial ── Local/..;1 ═ Local/..;2                          no legs: nobody's phones
//	                                        └── Dial ── PJSIP/1002  talks     leg 3, agent 1002
//
// Each channel of a real technology has a Leg. Local channels are pipes and have none. Service channels (Snoop,
// Recorder, Announcer and the like, see service) are not seen at all. The call ends when its last channel is gone.
//
// # States
//
//	                in Queue(), and nobody rings
//	begins ──▶ ringing ──────────────────────▶ queued
//	              │    ◀──────────────────────   │
//	              │          a member rings      │
//	              └──────────────┬───────────────┘
//	                             ▼ one who was called answers
//	                  hold ┌─ talking ──▶ ended, when all channels are gone; from every state
//	                       ▼     ▲
//	                      held ──┘ unhold
//
// Ringing also stands for what precedes: an IVR, an announcement. State is worked out anew for every picture from the
// legs and from where the caller stands in the dialplan, so no event has to be seen for it to be right later on.
//
// A call is answered when one who was called answers: the status ANSWER of its Dial event, or, if that was lost, its
// entering a bridge with another party. That the caller's own channel is Up means nothing, because an IVR or a queue
// with music answers it (Asterisk source, apps/app_queue.c, apps/app_dial.c). Talk is counted per leg, from hearing
// another party to not hearing it, through Local channels as well; music, recordings and snoops are no party.
//
// # Outcome
//
//	answered     one who was called answered. Else:
//	voicemail    the caller reached VoiceMail().
//	inbound      abandoned: the caller hung up in a queue (also while members ring); busy: outside of a queue the
//	             one called was engaged; missed: all others. The same for an agent who calls a queue.
//	outbound     cancelled: the agent gave up while it rang, or never picked up a call dialled from the screen;
//	             busy: engaged or refused; missed: it rang until the PBX or the network gave up; failed: the PBX or
//	             the network could not place it (no such number, congestion).
//	internal     busy, failed as outbound; cancelled: hung up before anybody was called (an echo test); missed: all
//	             others.
//
// How the leg of one who did not answer ended is told twice by Asterisk, in part each time: by the status of the
// Dial event and by the cause of the channel's end; see call.unanswered. Who hung up is the first
// ChannelHangupRequest of a party. Soft requests are the PBX's own and count only where they cut something short.
//
// # Changing hands
//
//	blind        BridgeBlindTransfer; the customer's channel goes on in the dialplan, and who is dialled joins by Dial
//	attended     BridgeAttendedTransfer. With *2 the colleague is part of the call from the first ring. With two lines
//	             of a phone the consultation was a call of its own, which becomes part of the customer's (merge)
//	parking      entering a bridge of class parking; who fetches it had called a slot, and that call is merged
//	pickup       one who was not called answers: Dial ANSWER, or a bridge with the caller; that one's call is merged
//	forward      Dial CANCEL with a new channel; a leg that ended as transferred, and no Transfer
//
// Two calls become one when a Dial or a bridge joins them, except in conferences, where everybody has called for himself.
// The customer's stays, or the older: with its id, its caller and its start. The other's last picture says MergedInto;
// its legs move over with their talk. The leg that gave the call away ends then, and is the Parent of those that came
// through it: talk of one who has left is never counted, however many Local channels remain (L5).
//
// # Acting
//
// An Exchange is asked to dial from an agent's phone (Dial), to hang a channel up, to transfer and to hold. Dialling and hanging
// up are ARI's; the rest, on channels that are none of ours, is AMI's (UseAMI): an attended transfer is the digits that the agent
// would type, hold is the phone's own key, told to it. Whether it happened is read from the calls. What is not done is a Refusal
// with a Code; what can be done now is told without asking anybody (Abilities, CanDial).
//
//	Dial ─▶ phone free? ─▶ POST /channels ─┬─ 200 ───────────────────▶ placed: the call's id
//	                                       ├─ no, and why ───────────▶ refused
//	                                       └─ no answer ─▶ is it there? ─┬─ yes ─▶ placed
//	                                                                     └─ no ──▶ refused; hung up, should it come
//
// The id of the channel is made of the attempt's, and so says later which attempt began the call (AttemptOf).
//
// # Several exchanges
//
// A call that passes two exchanges over a line between them is a call on each. A Joint makes one of them: the two ends of
// the line are the same SIP dialog.
//
//	a: customer ── Dial ── PJSIP/b, line ═══ same Call-ID ═══ line, root of b's call ── Queue, Dial ── PJSIP/1001 :b
//	   └──────────── one call, of a's id: the customer, and 1001 of b ─────────────────────────────────────┘
//
// # Queues
//
// Of queues ARI shows no more than that a caller is in Queue(). Where the PBX's manager is configured (Exchange.UseAMI, package
// pbx/ami), an Exchange also keeps a picture of every queue: its members with pause, penalty and state, and who waits at
// which position, with the ids of their calls.
//
//	QueueStatus (a survey) ──▶ queueBoard ◀── QueueMember*, QueueCaller*, Agent* (events)
//	   at Live, after a reload,     │
//	   and again and again          └──▶ Queues, OnQueue: whole pictures, as of calls
//
// While a survey is made, from the question to the answer, no event is folded: so one that is newer than the answer is never
// folded before it. One that is older comes after it and ends where the answer is, for events tell all of a member. A
// reload of the queues by itself tells nothing, so surveys are repeated, as often as costs the PBX a thousandth of its
// time: every 1.5 s where one takes 1.5 ms or less. Without a manager, or while it is away, nothing is said of queues.
//
// # What is guaranteed
//
// Events may be lost, repeated and out of order; fields may be null; the PBX's clock may be set back. Whatever comes:
//
//   - An answered call stays answered, an ended one ended. The ids of channels that are gone are remembered for ten
//     minutes, so that a late event does not bring them back.
//   - Events that come up to 50 ms late, or twice, change no record: what counts is the PBX's time, and at the same
//     millisecond what is more certain. A channel that has just gone comes back for an event that is late (Tracker.raise).
//     Only what comes after the last picture of its call is lost: that picture waits for nothing.
//   - Times within a call never go back by more than that. A clock that does costs duration, nothing else.
//   - One root channel is one call with one id (CallID), whichever node sees it and whenever.
//   - What was not seen is said: Partial (joined in the middle), Reconstructed (the end was inferred, with End lost).
//   - Memory is bounded: see maxChannels and its neighbours.
//   - An event costs as much as its own call is big, however many others are live. Snapshots (ari.Live) cost as much
//     as the PBX is big.
//   - The picture of a queue holds nobody twice, and its callers are at 1, 2, 3, whatever the events say.
//
// The recordings in testdata are what a real Asterisk 22 sent; the tests fold them whole, shuffled and damaged.
package pbx
