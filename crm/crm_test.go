package crm

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/uuid"

	"ringbook/db/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// newStore is a store on a fresh database, in Tehran.
func newStore(t testing.TB) *Store {
	t.Helper()
	return NewStore(dbtest.New(t), Config{Numbering: Numbering{Default: tehran}})
}

func ptr[T any](v T) *T { return &v }

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func numbers(list ...string) (in []NumberInput) {
	for _, n := range list {
		in = append(in, NumberInput{Number: n, Label: "mobile"})
	}
	return in
}

func person(t testing.TB, s *Store, name string, list ...string) Customer {
	t.Helper()
	return must(s.CreateCustomer(t.Context(), System, CustomerInput{Name: name, Numbers: numbers(list...)}))(t)
}

// wantFields checks that err names exactly these fields.
func wantFields(t testing.TB, err error, fields ...string) {
	t.Helper()
	var f FieldErrors
	if !errors.As(err, &f) {
		t.Fatalf("got %v, want FieldErrors of %v", err, fields)
	}
	var got []string
	for _, e := range f {
		if e.Problem == "" {
			t.Errorf("%s: no problem named", e.Field)
		}
		got = append(got, e.Field)
	}
	if !slices.Equal(got, fields) {
		t.Errorf("faults in %v (%v), want %v", got, err, fields)
	}
}

func wantIs(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got error %v, want %v", err, want)
	}
}

func ids(list []Customer) (ids []uuid.UUID) {
	for _, c := range list {
		ids = append(ids, c.ID)
	}
	return ids
}
