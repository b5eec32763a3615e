"""Playbook files: reading them, checking them without running them, drawing them. Knows neither SDK nor simulator."""
