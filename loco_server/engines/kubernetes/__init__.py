"""Containers on Kubernetes, routed by Gateway API."""
