// Command deploycheck checks the deployment files of a folder without a container engine: every compose file is
// loaded by the library that `docker compose config` is made of, every Dockerfile is read and linted by the parser that
// `docker build --check` is made of, and every file that a Dockerfile copies from the context must be there.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: deploycheck FOLDER")
		os.Exit(2)
	}
	faults, checked := 0, 0
	report := func(file string, found []string, err error) {
		checked++
		if err != nil {
			found = append(found, err.Error())
		}
		for _, fault := range found {
			fmt.Fprintf(os.Stderr, "%s: %s\n", file, fault)
		}
		faults += len(found)
		if len(found) == 0 {
			fmt.Printf("ok  %s\n", file)
		}
	}
	folder := os.Args[1]
	composeFiles, _ := filepath.Glob(filepath.Join(folder, "compose*.yaml"))
	for _, file := range composeFiles {
		report(file, nil, checkCompose(file))
	}
	dockerfiles, _ := filepath.Glob(filepath.Join(folder, "*Dockerfile"))
	for _, file := range dockerfiles {
		found, err := checkDockerfile(file, filepath.Dir(filepath.Clean(folder)))
		report(file, found, err)
	}
	if checked == 0 {
		fmt.Fprintf(os.Stderr, "%s: no compose file and no Dockerfile\n", folder)
		os.Exit(1)
	}
	if faults > 0 {
		os.Exit(1)
	}
}

// checkCompose loads the file as compose would, with the settings that its users must choose filled in by the
// example next to it, and looks for the Dockerfiles it builds from.
func checkCompose(file string) error {
	options, err := cli.NewProjectOptions([]string{file},
		cli.WithEnvFiles(filepath.Join(filepath.Dir(file), "compose.env.example")), cli.WithDotEnv,
		cli.WithWorkingDirectory(filepath.Dir(file)))
	if err != nil {
		return err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return err
	}
	for _, service := range project.Services {
		if service.Build == nil {
			continue
		}
		dockerfile := service.Build.Dockerfile
		if !filepath.IsAbs(dockerfile) {
			dockerfile = filepath.Join(service.Build.Context, dockerfile)
		}
		if _, err := os.Stat(dockerfile); err != nil {
			return fmt.Errorf("service %s: %w", service.Name, err)
		}
	}
	return nil
}

func checkDockerfile(file, context string) (found []string, err error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	tree, err := parser.Parse(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	for _, warning := range tree.Warnings {
		found = append(found, warning.Short)
	}
	lint := linter.New(&linter.Config{Warn: func(rule, description, _, message string, at []parser.Range) {
		line := 0
		if len(at) > 0 {
			line = at[0].Start.Line
		}
		found = append(found, fmt.Sprintf("line %d: %s: %s (%s)", line, rule, message, description))
	}})
	stages, _, err := instructions.Parse(tree.AST, lint)
	if err != nil {
		return found, err
	}
	for _, stage := range stages {
		for _, command := range stage.Commands {
			copied, ok := command.(*instructions.CopyCommand)
			if !ok || copied.From != "" {
				continue
			}
			for _, source := range copied.SourcePaths {
				if matches, _ := filepath.Glob(filepath.Join(context, source)); len(matches) == 0 {
					found = append(found, fmt.Sprintf("copies %s, which is not there", strings.TrimSuffix(source, "/")))
				}
			}
		}
	}
	return found, nil
}
