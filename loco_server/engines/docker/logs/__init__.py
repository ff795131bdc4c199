"""Logs: from the engine's frames to batches of lines that a client can resume after, exactly."""
