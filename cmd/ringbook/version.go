package main

import (
	"fmt"
	"runtime/debug"
)

// version is set by the Makefile from git (-X main.version=…); without it the build's own record is used.
var version string

// programVersion is the version as people should see it.
func programVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" && len(setting.Value) >= 12 {
			return setting.Value[:12]
		}
	}
	return "development"
}

type versionCommand struct{}

func (versionCommand) Run(c *console) error {
	info, _ := debug.ReadBuildInfo()
	goVersion := ""
	if info != nil {
		goVersion = info.GoVersion
	}
	fmt.Fprintf(c.stdout, "ringbook %s (%s)\n", programVersion(), goVersion)
	return nil
}
