package auth

// NewFileOf returns the source of a file that load reads.
func NewFileOf(path string, load func(path string) (string, error)) SecretSource {
	return &file{path: path, load: load}
}
