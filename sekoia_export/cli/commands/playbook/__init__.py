"""`sekoia-export playbook`: for authors of playbooks."""
