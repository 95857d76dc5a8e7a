// Package ari speaks the Asterisk REST Interface (Asterisk 22): one verified, ordered event stream per PBX, and
// the REST calls that ringbook needs.
//
// # The stream
//
// Client.Run gives its consumer Items, in order and from one goroutine: a Gap, then a Live with a snapshot of the
// PBX, then Events, until the next Gap. Between a Live and the next Gap nothing is missing. ARI replays nothing,
// so that what happened during a gap is lost; the next snapshot shows what came of it.
//
//	            +--------------------------- pause, jittered ---------------------------+
//	            |   100 ms to 30 s; 15 s to 30 s where only a person can mend it;       |
//	            |   a minute to five where the user or its password is refused          |
//	            v                                                                       |
//	      +------------+   handshake    +------------+   canary came back   +--------+  |
//	----->| connecting |--------------->| setting up |--------------------->|  live  |  |
//	 Gap  +------------+  new app name  +------------+         Live         +--------+  |
//	(start)     |                             |          events held back       |       |
//	            | refused, 401, 403,          | 403: read-only user             | Gap   |
//	            | 404, 5xx, TLS, dns          | not subscribed, deaf            |       |
//	            +-----------------------------+---------------------------------+-------+
//	                                                                     disconnected: the socket ended, or said nothing
//	                                                                     deaf:         a canary did not come back
//	                                                                     overflow:     the consumer was too slow
//	                                                                     replaced:     somebody took our name
//
// PBXes have guards (fail2ban) that shut out a machine whose user is refused five times in ten minutes, and AMI would be gone
// with ARI. So a refusal ends the connection, and is tried again at most four times in that time.
//
// Setting up is one order of steps that leaves no hole (the proof is in step 5):
//
//  1. The socket opens under an application name that was never used before. A name used twice means that the
//     older socket gets ApplicationReplaced and stays open, deaf for ever; a name used again soon may find the
//     old application half taken down and be deaf from the start.
//  2. POST /applications/X/subscription for all channels, bridges and endpoints. Never subscribeAll=true: it
//     takes all device states as well, and closing such a socket can deadlock ARI for the whole PBX
//     (asterisk#2170). PUT /applications/X/eventFilter turns off what we do not need, most of all the digits
//     that callers type.
//  3. GET /applications/X must show the three subscriptions.
//  4. GET /channels and /bridges are the snapshot. Whatever happens meanwhile waits in the ring.
//  5. POST /events/user makes the PBX send us a ChannelUserevent, the canary. The PBX sends the events of one
//     application in the order in which they happened, from one task processor; so when the canary arrives,
//     everything that happened before it was sent is in the ring, and the stream has been shown to work from end
//     to end. Then the consumer gets Live, and after it what waited. Some of that is in the snapshot already:
//     consumers must take repetition.
//
// Every 20 s the PBX is asked whether the subscriptions are still there, which a test event does not show, and which
// channels it has. The answer is a Check, told when a canary that was sent after it has come back: by then every end of
// a channel that it does not list must have been told, so that those which were not are known to be ghosts.
//
// Where a stream may have been deaf, the gap begins when the last canary that came back was sent, and where subscriptions
// are lost, when they were last seen; the end of a socket leaves everything before it whole.
//
// From the first Live on a canary every ten seconds tells whether the stream still works. An open socket that answers
// pings proves nothing: there are several ways for it to be deaf. Health has the canary's age, and readiness
// should be decided on it (Health.Fresh).
//
// # Who waits for whom
//
//	socket --> read --> ring (bounded) --> Run: decode, record, follow
//	             ^                           |
//	           keep: pings, canaries,        +--> metrics, health
//	                 checks
//
// Asterisk writes events from one thread per application, gives a socket 100 ms (websocket_write_timeout) to take
// one, and refuses new calls when too many queue up behind it. Therefore read never waits: it moves a message
// into the ring and reads on. When the ring is full the consumer has lost already; everything in it is given up
// at once, and the consumer is told (Gap, overflow) instead of getting a stream with a hole in it.
//
// The client answers pings and never sends a pong unasked: Asterisk 22.11-rc1 crashes of those (asterisk#2085).
//
// # REST
//
// Every call takes a context, is bounded by Config.RequestTimeout, and fails with an *Error that says what was
// asked, with which status and in the PBX's own words, and that matches ErrNotFound, ErrConflict and so on by
// errors.Is. At most eight connections are open (Asterisk's sessionlimit counts each), and idle ones are closed
// after 10 s (Asterisk closes them after 15 s, which would fail a POST that is just being sent).
//
// # What is left to others
//
// What a call is: package pbx. Whether the call log has holes: it reads the Gaps. What ARI does not know:
// package pbx/ami.
package ari
