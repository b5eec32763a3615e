"""Playbook components that launch an export: search for events, trigger the export of what was found."""
