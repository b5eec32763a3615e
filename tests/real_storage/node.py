"""`python node.py main.py COMMAND` is `python main.py COMMAND` with the SDK's folder for certificates in TLS_FOLDER.

The SDK makes that folder, a fixed one in /tmp, whenever the data storage is S3; tests write in folders of their own.
"""

from __future__ import annotations

import os
import runpy
import sys

sys.path[0] = os.getcwd()  # noqa: PTH109 - the folder of this file would hide modules by its own, as text like the rest

if __name__ == "__main__":
    from sekoia_automation import constants

    constants.TLS_VOLUME_PATH = os.environ["TLS_FOLDER"]
    del sys.argv[0]
    runpy.run_path(sys.argv[0], run_name="__main__")
