"""Playbook components that launch an export: search, trigger, and all steps in one node."""
