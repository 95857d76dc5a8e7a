package db_test

import (
	"testing"

	"ringbook/db/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

func TestNew_IsMigratedAndEmpty(t *testing.T) {
	for range 5 {
		d := dbtest.New(t)
		var n int
		if err := d.Pool().QueryRow(t.Context(), `SELECT count(*) FROM customer`).Scan(&n); err != nil || n != 0 {
			t.Fatalf("customers: %d, %v", n, err)
		}
	}
}
