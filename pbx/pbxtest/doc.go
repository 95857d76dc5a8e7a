// Package pbxtest gives tests and the demo an Asterisk to talk to: a fake one that replays recorded traces and
// injects faults (Fake), and a real one on loopback (StartAsterisk).
package pbxtest
