"""What people install with Homebrew."""
