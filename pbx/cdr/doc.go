// Package cdr reads the records that an Asterisk keeps of its calls by itself: the channel events (CEL) and call records
// (CDR) in a table of PostgreSQL or MySQL, or the call records in Master.csv.
//
// Open names the place by a URL:
//
//	mysql://user:password@host/asteriskcdrdb       FreePBX and Issabel, as they are installed
//	postgres://user:password@host/asterisk?table=cdr&cel=cel
//	file:///var/log/asterisk/cdr-csv/Master.csv
//
// table and cel name the tables where they are not called cdr and cel; either may be missing. Columns are found by
// their usual names, whatever their types and whichever of them there are.
//
// # Time
//
// These records mostly tell the PBX's local time without saying where it is. But the ids of channels begin with the second
// in which they were made ("1695900000.12"), and so the records themselves tell their zone; ?zone=Asia/Tehran says it
// where they do not. Where a column has a zone, that counts.
//
// Nothing is ever written. Every query has a deadline, and a bound on the rows that it gives.
package cdr
