// Package pbx folds the event stream of an Asterisk into calls, and asks the exchange to act.
package pbx
