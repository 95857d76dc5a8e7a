// Package db opens PostgreSQL, keeps the one migration history, and runs transactions.
//
// # Which PostgreSQL
//
// New names it, Start finds it, Open does both. It is the first of these:
//
//  1. the server of Config.URL;
//  2. the private cluster in the data folder, run by the installed PostgreSQL of the same major version;
//  3. a new private cluster there, made by the newest installed PostgreSQL (15 or newer);
//
// and otherwise Start says which package to install. A server older than 15, a database whose LC_CTYPE is C (trigrams find
// nothing in Persian there) and a data folder that is not ringbook's are refused, each in one sentence.
//
// # The private cluster
//
//	DATA/.ringbook           marks the folder as ours (ClaimFolder)
//	DATA/postgres.lock       held by the process that will stop the cluster
//	DATA/postgres/           the cluster; also its socket, and log/
//	DATA/postgres.out        what the server said before it had its log
//	DATA/postgres.new/       a cluster being made; whole ones are renamed
//	DATA/.restoring          a restore did not end: only another one may use the folder (BeginRestore)
//
// It listens on a Unix socket only, inside a folder of mode 0700: who may enter the folder may enter the database.
// As root, it runs as the user postgres. Both the server and the client name the folder through /proc/self/fd, so
// that neither a long path (a socket's is at most 107 bytes) nor a parent folder closed to the user postgres matters.
//
// The cluster outlives a killed ringbook; the next one takes it over. DB.Close stops it, unless another ringbook
// (a command beside the running service) holds the lock. A cluster that dies is started again.
//
// # Two pools
//
// Pool is for everything, RingPool for what a ringing telephone waits for (who is calling, the last calls). RingPool
// has at most eight connections of its own, two of them ready at any time; its statements are planned once per
// connection, which costs several times as much as running them, and are not traced.
//
// # Backups
//
// Dump writes the database as it was at one moment, beside whoever reads and writes, and sums up each table of that very
// moment; Load makes a database of it, in one transaction; Contents sums one up again, to compare. They run pg_dump,
// pg_restore and psql of the server's major version or the next newer. Where the backup goes is the command's.
//
// # Several nodes
//
// Programs that share a database agree by Leases on who acts for what: a row each, with a holder, an epoch and an end by the
// database's clock. Fence ties a write to an epoch. Events tell all of them what one has changed: Emit writes an event in the
// transaction of the change, and each is read once by every node. Either has a connection of its own.
//
// # Guarantees
//
// Every statement ends: the server cancels it after 15 seconds, the client gives up after 20 if the caller set no
// deadline, and a dead network is noticed within 15. Migrations run forward only, each in a transaction, under a lock
// of the database, so that nodes may start together.
package db
