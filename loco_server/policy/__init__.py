"""What is allowed: permissions, quotas, gates. Pure."""
