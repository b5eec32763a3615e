"""What an invocation is configured with, and where each value came from.

Nothing is imported here: a completion needs `places` alone.
"""
