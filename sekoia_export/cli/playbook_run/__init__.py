"""`sekoia-export playbook run`: what runs a playbook, what shows it while it runs, and what is said at the end."""
