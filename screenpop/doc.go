// Package screenpop decides what each desk, and the supervisors' floor, should show right now.
//
// # Model
//
// A Board folds pictures of calls (pbx.Call) into pictures of desks (Desk). A desk is an agent's place: all the
// agent's extensions and all the browsers the agent has open. A Pop is one call on one desk; several devices of an
// agent that ring for the same call make one pop.
//
//	pbx.Call ──► Update ──► card (one per call) ──► pops on the desks that are rung
//	                │                                      │
//	                ▼ never waits                          ▼ capacity-one nudge
//	          queue of look-ups                     Watch.C ──► Watch.Desk ──► browser
//	                │                                      ▲
//	                └──► Run's workers: customer, last calls, note
//
// A nudge says only that the desk changed. Whoever receives it asks for the whole picture, so nudges may merge but
// cannot be lost, a slow browser skips what it missed, and a reconnect is a first connect: a new Watch has a nudge
// waiting.
//
// # A pop's life
//
//	           rung                     answered here                    left, or call over
//	(nothing) ─────► ringing / dialing ───────────────► talking ⇄ held ─────────────────────► ended ─► dismissed,
//	                    │                                                                              or replaced by
//	                    │ answered by another ─► elsewhere ──┐                                         the next one
//	                    │ nobody answered here ─► missed ────┴─ 5 s ─► (nothing)
//
// A pop is made only by a leg of the agent that rings or talks at this moment: an agent who is away or offline gets
// one only if a phone of theirs really rings. A desk that merely rang shows for Linger who took the call (or that it
// was missed). The call an agent has finished stays on their desk until they dismiss it or finish another one, so
// that a note can be written; a desk holds at most one finished call.
//
// Of a call that turned out to be part of another (an agent asked a colleague, who then took the customer over) nothing
// stays on a desk: the colleague's shows the customer's call from then on, and who sent it.
//
// # What agents are doing
//
// Every agent has a Presence, worked out when it is asked for, from memory: a pop that talks or rings decides, then a wrap-up,
// then what the agent chose (States):
//
//	talking, held, dialling ─► talking      ringing ─► ringing      else: crm.Standing.At, that is
//	a finished call's wrap-up ─► wrap_up    chosen ─► available, paused, offline
//
// The board tells States when an answered call has ended, and when the agent puts it away. A wrap-up that is over leaves the
// finished call where it is. To be paused or offline makes no pop go: see above.
//
// # The floor
//
// A Room makes of the same cards, presences and of the exchanges' queues one picture of everything (Floor), at most one every
// Pace for all who look, and none while nobody does; a View cuts out of it what somebody may see. It holds moments, so that a
// picture stays right while nothing changes.
//
// # What is to be done
//
// An agent's desk shows follow-ups (Agenda): the agent's own of today, and, while the agent is available, those of the team and of
// anyone that are due. Each owner's are read once for all desks, when the first desk that may show them is opened and when
// RefreshAgenda says that they have changed, and kept in memory: at most twenty each. A pop shows the open ones with its customer
// or number, read beside the last calls.
//
// # Guarantees
//
// Update takes a time that depends only on the number of legs, and waits for nobody: not for the database, not for a
// browser. Look-ups run beside it, bounded in number; calls that ask the same share one. The first picture of a call
// waits at most Patience for its look-up. Until the look-up has succeeded the pop says so (LookedUp is false:
// "unchecked", which is not "unknown"); a failed look-up is tried again for as long as the call is on the board.
//
// Memory is bounded by the calls that are live, one finished call per agent, the watches, and twenty follow-ups for each agent with a
// watch and each team.
//
// # What it leaves to others
//
// Which events make which call is package pbx's, who is calling is package crm's, the JSON is package web's.
package screenpop
