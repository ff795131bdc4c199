"""What a process that serves the API is made of, on one machine and in a cluster alike."""
