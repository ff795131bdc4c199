"""What people install: with Homebrew, and from the wheel."""
