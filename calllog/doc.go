// Package calllog remembers every call, and answers questions about them.
package calllog
