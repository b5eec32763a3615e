"""The results of every step, as playbooks pass them on."""
