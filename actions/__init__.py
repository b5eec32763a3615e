"""Playbook components that follow an export: wait, fetch; and the check of the account."""
