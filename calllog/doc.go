// Package calllog remembers every call, and answers questions about them.
//
// # The way of a call into the log
//
//	pbx.Call ──► Recorder.Update ──► newest picture of each call, in memory
//	              never waits              │                    │
//	                                       │ ended: at once     │ every 20 ms, or when somebody waits
//	                                       ▼                    ▼
//	                            spool on disk (fsync)     one transaction ──► PostgreSQL
//	                                       │                    │                 ▲
//	                                       │ ◄── forgets ───────┘ written         │
//	                                       │                                      │
//	                                       └── read back, when only the disk has it
//
// Two goroutines, both Run's: one waits for the disk only, the other for the database. What has ended goes to disk
// before anything is believed of the database, so that a crash at any moment, with or without a database, loses no
// call that was over some milliseconds earlier. The fsync is shared by all calls that end while the one before is
// under way. While the database is away, live calls are spooled too, every second at most, and what has ended is kept
// on disk alone: memory stays small however long it takes. When the database is back, the spool is read in order,
// written, and deleted.
//
// A picture says whose its extensions were when it came. One that comes before the directory of agents is there, as when
// the database is away from the start, says so, and is named when it is written: nothing is written before.
//
// # Two nodes
//
// Every node that watches an exchange has a recorder, and all are told the same pictures. The one that leads (Lease) writes.
// The others keep what they are told until the database shows a row that tells at least as much, then forget it: whatever
// becomes of the leader, what it had not written is with them, and who takes over writes it. Every write carries the epoch
// of the leader under which it was decided, and is refused once there is a newer one: a process that was stopped for a
// while cannot write what it believed then. It stands by from then on, and compares.
//
// An ended call that a standby has known for 15 seconds and the leader has not written as completely (its stream was cut; it
// joined later), the standby writes. That needs no lead: pictures merge by what they tell.
//
// # Acting on calls
//
// Acts does what agents ask for on their screens: it permits, judges by the rules of dialling (package crm), has the exchange do
// it (package pbx), and audits it. A call to be placed is a row of dial_attempt first, and whoever inserts it is the one node
// that asks the exchange; its id is in the channel's, so that the recorder, on whichever node, gives the call its customer.
//
//	placing ──┬─▶ placed, with the call's id
//	          └─▶ refused, with a code; so is one that has been placing for 20 s: its node has ended
//
// # Follow-ups
//
// FollowUps keeps what is to be done later. Every change of state is moveFollowUp's: one conditional UPDATE that names the states
// from which it moves, with its line of history and its event in the same transaction, and followUpMoves is the whole of what
// moves there are. A callback is dialled in three steps, so that it is once, on any number of nodes:
//
//	follow_up ─▶ dialling, with the attempt's id, by one UPDATE: whoever comes second is told who has it
//	dial_attempt, inserted by Acts: whoever inserts it asks the exchange
//	the call, written by the recorder, moves the follow-up to what became of it (followCalls)
//
// A node may end between any two of them. FreeDials puts back what has come to nothing within the attempt's patience, and first
// makes the attempt one that was refused, so that a node which wakes up with it places nothing.
//
// Reminders do what happens to follow-ups by itself: they are offered when they are due, expire, and pass to somebody else when their
// owner has left, and claims lapse. That is one look at the table, which moves only what has not been moved: every node looks when the next one is
// due, and a job looks every minute. What calls do to follow-ups is done in the transaction that writes the calls, by what their
// rows say then. The table itself tells whose agenda a statement has changed, by a trigger, and to whom something was promised.
//
// # Guarantees
//
// Writing is idempotent and does not depend on order: pictures of one call may come twice, late, from several nodes
// or from a spool of last week, and give the same row (the rules are with the SQL, in write.go). What is ended never
// becomes live again, what was answered never becomes missed, what a whole picture said is not erased by a partial one.
//
// No call vanishes because of what it says. Text is made valid and cut to a length that PostgreSQL takes; a number that
// cannot be read stays in the log as it came. A call that the database refuses all the same goes to quarantine.jsonl
// in the spool's folder and holds up no other. A customer who cannot be looked up at once is looked up later.
//
// The spool is bounded. When it is full, or the disk is, what is on it stays, what ends then waits in memory (20,000
// calls at most), and Backlog, a metric and the log raise an alarm; only beyond that are calls lost, and counted.
//
// A spool has segments, NNN.spool: a line that names the format, then frames of length, CRC-32C and a picture in JSON.
// What a killed process left half-written at the end is cut off at the next start. A lock keeps the folder to one
// recorder.
//
// # What is kept
//
//	call             one row for each call; call_leg, call_agent: who took part
//	call_annotation  what people wrote: the recorder never touches it, nor call's columns chosen and note_search
//	call_note        every text that a note ever had
//	call_rest, …     where of these is kept what has no month's table
//	watch            when each exchange was heard
//
// A call that turned out to be part of another (pbx.Call.MergedInto) keeps its row and stays out of every list. What was
// written about it is added to the other's note, the one case in which the recorder writes a note; who asks for it by its
// id, or goes on writing about it, gets the other.
//
// A call's customer is the one that a person chose for it, else the one its number was matched to when it came (or
// that a person linked to the number later, up to a year after: Store.Annotate).
//
// # What was not heard
//
// Asterisk keeps no events for those who were away. A Watch writes for each exchange in which stretches of time this
// node's stream of it was complete (table watch), every three seconds and whenever one begins or ends; what no node's
// period covers, since the first, is a gap, and Store.Gaps tells it with its reason. Nothing has to be written at the
// moment of a failure: a killed node is one whose periods stop.
//
//	node a   ├────────────┤ disconnected      ├──────────┤ (killed)
//	node b            ├──────────┤ stopped                       ├─────
//	gaps                         ├────────────┤          ├───────┤
//
// When a stream becomes complete, the calls that the log takes for live are held against what the exchange has
// (Watch.settle): those that it has no more are closed, reconstructed, with the two moments between which they ended.
//
// # Months
//
// What grows with every call is cut by the month in which it began, by its id, which holds that moment (pbx.CallID): call_2026_11
// and so on, and what belongs to a call is cut in the same way. A call of a month that has no table goes to call_rest: nothing is
// refused, whatever the clock of an exchange says. Months makes the tables of the months to come, moves there what the rest has of
// them, and drops those that are kept no longer, each whole. A query that is to stay fast says which ids it is about, as far
// as it knows (idAt), or PostgreSQL looks into every month; a call begins within a week of what its id says (astray).
//
// # Reading
//
// A list is looked up in the newest month first; no query counts. Of one filter that is a walk along its index. Of several there is none: the
// newest calls of one of them are looked through. If this does not fill the page, what is sought is rare, and is gathered by its words
// (words.go), those of names and notes and of what a call is filtered by, which are all in one index of each month: from one month's table
// after another, in stretches of time as long as the page still wants, with plans that connections keep (gather.go), and all in one snapshot, so that
// no call is missed which moves to another table. Pages continue from a place in the list. What an actor may read is
// compiled into the SQL. Cursors are bound to their list: with another filter they are refused.
//
// States tells what an agent was doing: what was chosen and the wrap-ups (crm) with the legs of the agent's calls laid over
// them. Nothing is kept twice, so a call that is repaired repairs the agent's day.
//
// # The day
//
// Days reads what has become of the queues' calls since midnight (Day), every few seconds while somebody wants to know, once for
// all who do.
//
// # Files
//
// An Export is a list as a file, made while somebody fetches it: batches along the list's own walk, neither connection nor snapshot
// held in between, no file kept. What it is and how far it has come stands in the database, where every node can read it, and cancel it.
//
//	CreateExport ──► ready ──StartExport, by one node──► running ──Send──► done
//	                   │                                    └──► failed: why stands there
//	                   └── CancelExport, on any node ──► cancelled ◄──┘ noticed within a second
//
// # Gaps
//
// Watch writes when each exchange was heard; every other time is a gap (Store.Gaps). Repair reads the exchange's own records
// of such a time, where they can be had, and fills in what is missing, through the Recorder as everything else. A row says
// where what it tells is from (Record.Source).
//
// # What it leaves to others
//
// What makes a call and when it is over is package pbx's, who is calling is package crm's, what is on the desks now is
// package screenpop's.
package calllog
