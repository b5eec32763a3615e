"""Hunting in exported files: Sigma rules as conditions on the table `events`.

`rules` reads rules, `fields` says how their names are those of the platform's events, `backend` makes a rule a
condition in SQL, and `hunting` finds what the conditions find. pySigma is an extra and imported on use.
"""
