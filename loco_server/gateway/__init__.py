"""Who may do what with the registry: tokens, and one decision per request. Pure."""
