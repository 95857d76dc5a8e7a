// Package ami speaks the Asterisk Manager Interface (Asterisk 16 to 22): one connection per PBX, its events in order, and
// actions with their answers. It is for what ARI cannot do: queues with their members and callers, pausing, and a few
// things done to calls outside of Stasis. It is optional; without it everything else works.
//
//	            +------------------ pause, jittered: 100 ms to 5 s; -------------------+
//	            |                   15 s to 30 s where a person must mend it          |
//	            v                                                                     |
//	      +------------+  banner  +------------+  Success  +------------+  +--------+ |
//	----->| connecting |--------->| logging in |---------->| setting up |->|  live  | |
//	 Gap  +------------+          +------------+           +------------+  +--------+ |
//	(start)     | refused, TLS,       | wrong password,          |         Live | Gap |
//	            | not AMI             | access list              |              |     |
//	            +---------------------+--------------------------+--------------+-----+
//	                                                                disconnected: the socket ended
//	                                                                silent:       a ping was not answered
//	                                                                overflow:     the consumer was too slow
//
// After a refused log-in the pauses grow from half a minute to minutes: PBXes have guards (fail2ban) that shut out a machine
// which fails to log in five times in ten minutes, and with AMI ARI would be gone.
//
// Logging in is by an MD5 challenge; the password itself is sent over TLS only, and only where the PBX knows no challenge.
// Of the events only those of the classes agent and system are asked for, in the log-in itself, and where the user may
// (write=system) a filter keeps all but the queues' at the PBX. Setting up asks which actions the user may use
// (ListCommands names no others), so that it is known beforehand what will be refused.
//
// # Who waits for whom
//
//	socket --> read --> ring (bounded) --> Run: follow
//	             |  \
//	             |   \--> the Do whose ActionID it is; list answers are collected up to their end
//	           keep: pings
//
// The manager does one action of a connection after the other in the thread that sends it events. So an answered
// ping proves that events come too, and no test event is needed as with ARI; and an action that takes long holds
// back everything. read never waits. Answers may come in any order. What comes for a Do that is not there any more is
// dropped and counted.
//
// # What is guaranteed
//
//   - Between a Live and the next Gap every event that the PBX sent is given to follow, once and in order.
//   - Do ends: with the whole answer, or an *Error. A list of which a part is missing is an error.
//   - Nothing that is given to Do begins an action of its own: line ends are refused (ErrInvalid).
//   - Memory is bounded: see maxLine and its neighbours, Config.Ring, actionsAtOnce.
//   - Passwords, names and numbers are in no error and no log.
//
// The recordings in testdata are what a real Asterisk 22 said.
package ami
