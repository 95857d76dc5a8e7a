// Package crm knows who calls and who answers: customers and their telephone numbers on one side, agents with
// their extensions, teams, roles and accounts on the other, and the queues between them.
//
// # Model
//
// A Customer is a person or an organization; a person may belong to one organization. A customer has any number of
// telephone numbers, each with a label. Several customers may share a number: a switchboard, a family. A number that
// is taken off a customer is kept as historic and still matches. Nothing is deleted: customers, agents and teams are
// archived, and what is archived is never matched and never counted.
//
// An Agent has a role, at most one team and any number of extensions. A supervisor leads teams. Who may do what is
// a table in permission.go: role → permission → scope (own, team, all), and what it does not name is refused. Every
// method that takes an Actor checks it; lists are cut to the actor's scope in SQL.
//
// # States
//
// What an agent chose to be (Choice: available, paused with a PauseReason, offline) is a row with its beginning, its end and by whom;
// the row without an end counts, and an agent without one is available. Ringing and talking follow from calls (screenpop). A
// wrap-up is a row too: begun by every node that sees an answered call of the agent end, the same one, and over when the
// agent puts the call away, chooses a state, finishes another call, or at a time that was set when it began. Nothing has to be
// written for it to be over, so that it is over wherever and whenever somebody looks.
//
//	            log in, or choose           choose, or the phone
//	offline ───────────────────► available ◄─────────────────────► paused
//	   ▲                             │                                │
//	   └─────── log out, or choose ──┴────────────────────────────────┘
//
// Nothing but a person's word moves an agent along these arrows: no closed browser, no lost network, no timer. States knows all
// of it in memory. Times are the database's clock, and a clock that is set back makes no stretch negative. A Follow is on what
// an agent's choice and the queues of an exchange last agreed; cmd keeps them in step.
//
// # Phones
//
// An endpoint of a PBX ("PJSIP/1001") is told by its name which extension it is, and the extension whose it is: the rule is
// with Directory.Identify. Where the rule is wrong an administrator corrects it (Store.CorrectPhone), for that endpoint.
//
// # Queues
//
// A queue is a PBX's; its id is made of the PBX's name and its own (QueueID), as the database makes it for each call. It is
// learned from the calls that are written, in their transaction (Store.LearnQueues), and from what the PBX tells of it
// (Store.HearQueue); only what is new is written, and any node may. What an administrator says (Store.UpdateQueue) stands in
// columns of its own, so that learning cannot change it, and taking it back shows what is learned by then. Nothing is deleted:
// a queue that the PBX has no more is gone, one that people do not want to see is archived, and the log keeps the labels of both.
//
// # Numbers
//
// ParseNumber is the only place that knows what a telephone number means; forms, the API, imports and callers all go
// through it, so that a number matches however it came. Number.Key is what is stored and compared.
//
// # Match
//
// Store.Match names the customer behind a call, by the first rule that holds:
//
//	ivr       the dialplan named the customer (its id, or its reference)
//	withheld  the caller hides the number: nobody is looked up
//	linked    an agent chose a customer for this number before (Store.Link)
//	exact     one customer has the number
//	shared    several have it: all are candidates, current numbers before historic ones, then the oldest record
//	none      nobody has it
//
// # Due times
//
// ReadWhen reads a due time as people write it, in both languages and both calendars. It is the only place that does; pages ask it
// while one types.
//
// # Guarantees
//
// Writes are versioned (ErrConflict) and audited in the same transaction. Bad input is FieldErrors, each naming the
// field as JSON has it. A parsed number, folded text and every stored string is valid UTF-8 without NUL. Passwords
// are stored as argon2id, session and API tokens as SHA-256. The Directory answers from memory.
//
// What is written is told in the same transaction to all nodes that share the database (db.Event), this one included;
// Heed makes the Store look anew.
//
// Left to others: calls and their history (calllog), what a desk shows (screenpop), HTTP (web).
package crm
