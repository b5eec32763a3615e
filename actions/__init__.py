"""Playbook components that follow an export: wait for it, fetch it, look into it."""
