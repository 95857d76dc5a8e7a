package web

import (
	"context"

	"ringbook/calllog"
	"ringbook/crm"
)

// ExportInput asks for a list of calls as a file.
type ExportInput struct {
	Format   calllog.ExportFormat `json:"format"`
	Filter   calllog.Filter       `json:"filter,omitzero" doc:"the query of GET /calls, without cursor and limit"`
	Language string               `json:"language,omitempty" enum:"fa,en" doc:"of headings and words; left out: that of my preferences"`
	Calendar calllog.Calendar     `json:"calendar,omitempty" doc:"left out: jalali in Persian, gregorian in English"`
}

type exportOutput struct{ Body calllog.Export }

type createExportInput struct{ Body ExportInput }

func (s *Server) createExport(ctx context.Context, in *createExportInput) (*exportOutput, error) {
	actor, body := actorOf(ctx), in.Body
	if body.Language == "" {
		likes, err := s.Store.Preferences(ctx, actor)
		if err != nil {
			return nil, err
		}
		body.Language = likes.Language
	}
	if body.Calendar == "" {
		body.Calendar = calllog.CalendarGregorian
		if body.Language == "fa" {
			body.Calendar = calllog.CalendarJalali
		}
	}
	return export(s.Calls.CreateExport(ctx, actor, calllog.ExportInput{
		Format: body.Format, Language: body.Language, Calendar: body.Calendar, Filter: body.Filter,
	}))
}

type listExportsInput struct {
	Everybody bool `query:"everybody" doc:"not only mine; needs audit.read"`
}

type exportPageOutput struct{ Body crm.Page[calllog.Export] }

func (s *Server) listExports(ctx context.Context, in *listExportsInput) (*exportPageOutput, error) {
	exports, err := s.Calls.Exports(ctx, actorOf(ctx), in.Everybody)
	if err != nil {
		return nil, err
	}
	return &exportPageOutput{crm.Page[calllog.Export]{Items: list(exports)}}, nil
}

func (s *Server) getExport(ctx context.Context, in *idInput) (*exportOutput, error) {
	return export(s.Calls.Export(ctx, actorOf(ctx), in.ID))
}

func (s *Server) cancelExport(ctx context.Context, in *idInput) (*exportOutput, error) {
	return export(s.Calls.CancelExport(ctx, actorOf(ctx), in.ID))
}

func export(e calllog.Export, err error) (*exportOutput, error) {
	if err != nil {
		return nil, err
	}
	return &exportOutput{e}, nil
}
