"""What the server tells of itself: lines of its log, numbers, spans. It knows nothing of what it is told about.

Everybody may tell; what is told goes nowhere until the process that serves has begun it.
"""
