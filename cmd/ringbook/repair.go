package main

import (
	"context"
	"time"

	"ringbook/calllog"
	"ringbook/crm"
	"ringbook/db"
	"ringbook/pbx"
	"ringbook/pbx/cdr"
)

// newRepair joins the exchanges' own records to the log; nil where none are known. No I/O.
func newRepair(s Settings, database *db.DB, calls *calllog.Store, recorder *calllog.Recorder, directory *crm.Directory, lease calllog.Lease, o outside) (*calllog.Repair, error) {
	if len(s.Records) == 0 {
		return nil, nil
	}
	records := make(map[string]calllog.Recall, len(s.Records))
	for _, x := range s.Records {
		source, err := cdr.Open(x.URL)
		if err != nil {
			return nil, err
		}
		config := pbx.Config{
			Name:      x.Name,
			Extension: func(endpoint string) (string, bool) { return directory.Extension(x.Name, endpoint) },
		}
		records[x.Name] = func(ctx context.Context, from, to time.Time) ([]pbx.Recalled, error) {
			found, err := source.Read(ctx, from, to)
			if err != nil {
				return nil, err
			}
			return pbx.Recall(config, found), nil
		}
	}
	return calllog.NewRepair(calllog.RepairConfig{
		DB: database, Store: calls, Recorder: recorder, Records: records, Lease: lease, Log: o.log, Delay: o.repairDelay,
	}), nil
}
