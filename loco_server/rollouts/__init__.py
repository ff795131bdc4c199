"""The durable worker: claims a rollout, runs it, resumes it after a crash."""
