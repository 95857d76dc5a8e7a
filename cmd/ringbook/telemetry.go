package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// telemetry is the program's metrics, always collected and shown at /metrics, and its traces, which are sent
// by OTLP when OTEL_EXPORTER_OTLP_ENDPOINT (or its _TRACES_ sibling) says where to.
type telemetry struct {
	metrics  http.Handler
	shutdown func(context.Context) error
}

// newTelemetry installs the global meter and tracer providers, which the packages' instruments attach to.
func newTelemetry(ctx context.Context, log *slog.Logger) (*telemetry, error) {
	described, err := resource.Merge(resource.Default(), resource.NewSchemaless(
		semconv.ServiceName("ringbook"), semconv.ServiceVersion(programVersion())))
	if err != nil {
		return nil, fmt.Errorf("describe the service for telemetry: %w", err)
	}
	registry, err := metrics()
	if err != nil {
		return nil, fmt.Errorf("set up metrics: %w", err)
	}
	t := &telemetry{
		metrics:  promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}),
		shutdown: func(context.Context) error { return nil },
	}
	if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" {
		return t, nil
	}

	sender, err := otlptracehttp.New(ctx) // takes the endpoint, headers and certificates from the environment
	if err != nil {
		return nil, fmt.Errorf("set up traces: %w", err)
	}
	tracers := trace.NewTracerProvider(trace.WithBatcher(sender), trace.WithResource(described))
	otel.SetTracerProvider(tracers)
	otel.SetTextMapPropagator(propagation.TraceContext{})
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("telemetry", "err", err) }))
	t.shutdown = tracers.Shutdown
	return t, nil
}

// metrics are the process's, as the global meter provider that the packages' instruments attach to is: made once,
// however often a test runs the program.
var metrics = sync.OnceValues(func() (*prometheus.Registry, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(registry))
	if err != nil {
		return nil, err
	}
	otel.SetMeterProvider(metric.NewMeterProvider(metric.WithReader(exporter), metric.WithView(requests)))
	return registry, nil
})

// requests are counted by what we decide: not by the host and port that a client claims to speak to, of which each would be a
// series of its own, in memory for good.
var requests = metric.NewView(
	metric.Instrument{Name: "http.server.*"},
	metric.Stream{AttributeFilter: attribute.NewAllowKeysFilter(
		semconv.HTTPRequestMethodKey, semconv.HTTPRouteKey, semconv.HTTPResponseStatusCodeKey)},
)
