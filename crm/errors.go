package crm

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Errors that callers decide on. They may come wrapped.
var (
	ErrNotFound  = errors.New("not found")
	ErrForbidden = errors.New("not permitted")
	// ErrConflict says that the thing was changed by someone else since the version that the caller knows.
	ErrConflict = errors.New("changed by someone else meanwhile")
	// ErrUnauthenticated says that a password, session or token is wrong, ended or expired.
	ErrUnauthenticated = errors.New("not logged in")
)

// ThrottledError refuses a log-in without looking at the password, after too many wrong ones.
type ThrottledError struct{ RetryAfter time.Duration }

func (e *ThrottledError) Error() string {
	return "too many wrong passwords: try again in " + e.RetryAfter.Round(time.Second).String()
}

// FieldError is one fault in what a caller sent. Field is its JSON path ("numbers[1].number"), Problem plain words.
type FieldError struct {
	Field   string
	Problem string
}

// FieldErrors are all faults of one input, in the order of its fields. As an error it is never empty.
type FieldErrors []FieldError

func (e FieldErrors) Error() string {
	parts := make([]string, len(e))
	for i, f := range e {
		parts[i] = f.Field + ": " + f.Problem
	}
	return strings.Join(parts, "; ")
}

func (e *FieldErrors) add(field, problem string) {
	*e = append(*e, FieldError{Field: field, Problem: problem})
}

// err is nil when there is no fault.
func (e FieldErrors) err() error {
	if len(e) == 0 {
		return nil
	}
	return e
}

// wrap says once what was being done. nil stays nil, and a missing row is ErrNotFound.
func wrap(err error, doing string, args ...any) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	return fmt.Errorf(doing+": %w", append(args, err)...)
}

func itoa(n int) string { return strconv.Itoa(n) }
