package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

// conduct lets those call whom lines name (see parseCall), until ctx ends; then it waits for the calls under way to be
// cut off. A line with a fault is answered on faults and is no call.
func (d *demoPBX) conduct(ctx context.Context, lines io.Reader, faults io.Writer) error {
	var calls sync.WaitGroup
	defer calls.Wait()
	written := make(chan string)
	if lines != nil {
		// Nothing waits for this one: a terminal cannot be told to stop reading. It ends with its input or the program.
		go func() {
			for in := bufio.NewScanner(lines); in.Scan(); {
				select {
				case written <- in.Text():
				case <-ctx.Done():
					return
				}
			}
		}()
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case line := <-written:
			s, phones, caller, err := parseCall(line)
			if err != nil {
				fmt.Fprintf(faults, "ringbook: %v\n", err)
				continue
			}
			calls.Go(func() {
				if err := d.call(ctx, s, phones, caller); err != nil && ctx.Err() == nil {
					fmt.Fprintf(faults, "ringbook: %s: %v\n", line, err)
				}
			})
		}
	}
}

// parseCall reads "SCENARIO NUMBER [EXTENSION…]". The number is the customer's, also of a call that an agent makes; the
// extensions take the places of the recorded ones, in order.
func parseCall(line string) (s scenario, phones []string, number string, err error) {
	words := strings.Fields(line)
	at := -1
	if len(words) > 0 {
		at = slices.IndexFunc(scenarios, func(s scenario) bool { return s.trace == words[0] })
	}
	if at < 0 {
		var names []string
		for _, s := range scenarios {
			names = append(names, s.trace)
		}
		return s, nil, "", fmt.Errorf("%q begins with none of the scenarios: %s", line, strings.Join(names, ", "))
	}
	s = scenarios[at]
	if len(words) < 2 {
		return s, nil, "", fmt.Errorf("%q names nobody: write a number after the scenario", line)
	}
	phones = slices.Clone(s.phones)
	if n := copy(phones, words[2:]); n < len(words)-2 {
		return s, nil, "", fmt.Errorf("%q names more phones than the %d that it rings", line, len(phones))
	}
	for _, phone := range phones {
		if !slices.Contains(demoExtensions, phone) {
			return s, nil, "", fmt.Errorf("%q: the demo's phones are %s", line, strings.Join(demoExtensions, ", "))
		}
	}
	return s, phones, words[1], nil
}
