package pbx

// Remembered counts what a Joint holds: calls, and lines between exchanges.
func (j *Joint) Remembered() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.parts) + len(j.lines)
}
