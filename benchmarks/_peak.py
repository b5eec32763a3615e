"""Runs a command and writes down what it took, its peak memory above all: `python _peak.py FILE COMMAND...`.

A process counts its memory from what the one that started it had; this one has next to nothing.
"""

import os
import sys

file, *command = sys.argv[1:]
pid = os.spawnvp(os.P_NOWAIT, command[0], command)
_, status, usage = os.wait4(pid, 0)
with open(file, "w") as taken:  # noqa: PTH123 - pathlib is more memory
    taken.write(f"{usage.ru_utime + usage.ru_stime} {usage.ru_maxrss / 1024}")
sys.exit(os.waitstatus_to_exitcode(status))
