"""The completions, in the three shells."""
