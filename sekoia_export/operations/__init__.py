"""The steps themselves, for playbooks and the command line alike: search, trigger, wait, fetch, and all in one."""
