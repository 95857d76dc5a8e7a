package calllog

import (
	_ "embed"
	"encoding/json"
)

//go:embed export_words.json
var exportWordsJSON []byte

// exportWords are the words of the files, by language and by their key in the pages' locale files. A test of the pages holds
// them to be the same as there.
var exportWords = func() (words map[string]map[string]string) {
	if err := json.Unmarshal(exportWordsJSON, &words); err != nil {
		panic(err) // a file of ours
	}
	return words
}()
