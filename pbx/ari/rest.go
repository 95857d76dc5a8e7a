package ari

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxBody bounds an answer of the PBX: GET /channels of ten thousand channels is some 8 MB.
const maxBody = 64 << 20

// path joins segments, escaping each.
func path(segments ...string) string {
	var b strings.Builder
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(s))
	}
	return b.String()
}

// call makes one request and decodes the answer into answer unless that is nil. Every failure is an *Error.
func (c *Client) call(ctx context.Context, method, path string, query url.Values, body, answer any) error {
	b, err := c.raw(ctx, method, path, query, body)
	if err != nil || answer == nil {
		return err
	}
	if err := unmarshal(b, answer); err != nil {
		return &Error{Op: method + " " + path, Status: http.StatusOK, Err: fmt.Errorf("read the answer: %w", err)}
	}
	return nil
}

// raw makes one request within Config.RequestTimeout and returns the answer's bytes.
func (c *Client) raw(ctx context.Context, method, path string, query url.Values, body any) ([]byte, error) {
	fail := &Error{Op: method + " " + path}
	ctx, cancel := context.WithTimeout(ctx, c.config.RequestTimeout)
	defer cancel()

	var payload io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			fail.Err = err
			return nil, fail
		}
		payload = bytes.NewReader(b)
	}
	target := c.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, payload)
	if err != nil {
		fail.Err = errors.New("the request cannot be made")
		return nil, fail
	}
	req.SetBasicAuth(c.user, c.password)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		fail.Err = bare(err)
		return nil, fail
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	// The status comes first: the body of a failure has another shape.
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		fail.Status, fail.Message = resp.StatusCode, message(b)
		return nil, fail
	}
	if err != nil {
		fail.Err = bare(err)
		return nil, fail
	}
	if len(b) > maxBody {
		fail.Status, fail.Err = resp.StatusCode, errors.New("the answer is too big")
		return nil, fail
	}
	return b, nil
}

// message takes the PBX's words out of a failure's body, {"message": "..."} or {"error": "..."}; an HTML page
// says nothing worth keeping.
func message(body []byte) string {
	var m struct {
		Message string `json:"message"`
		Error   string `json:"error"`
	}
	if json.Unmarshal(body, &m) != nil {
		return ""
	}
	s := m.Message
	if s == "" {
		s = m.Error
	}
	if r := []rune(s); len(r) > 200 {
		s = string(r[:200]) + "..."
	}
	return s
}

// bare takes away the URL that net/http puts around its errors: its query may hold a caller's number.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
