// Package ari speaks the Asterisk REST Interface: one verified, ordered event stream per PBX, and the REST calls.
package ari
