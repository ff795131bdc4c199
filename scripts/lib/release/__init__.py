"""Archives of the CLI for Homebrew, and the formula that installs them."""
