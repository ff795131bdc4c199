"""The completions of the three shells, generated from the command tree."""
