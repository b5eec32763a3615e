"""A platform, a storage and a playbook engine to run against: for the demo, the tests and playbook authors.

::

    with Simulator(Settings(total_events=200_000)) as simulator:
        ...  # simulator.base_url, simulator.api_key, simulator.faults, simulator.requests

They are real as far as a client can tell: sockets, signatures, encryption, S3's answers. Time passes by the clock that
is handed in; what goes wrong is scripted (`Fault`).
"""

from sekoia_export.simulator.buckets import Bucket
from sekoia_export.simulator.cases import Case
from sekoia_export.simulator.engine import Engine
from sekoia_export.simulator.exports import Export, TaskStatus
from sekoia_export.simulator.faults import Fault, Kind, Recorded
from sekoia_export.simulator.jobs import JobStatus, SearchJob
from sekoia_export.simulator.node import NodeRun, StartedNode
from sekoia_export.simulator.processes import NodeProcess, StartProcess, start_process
from sekoia_export.simulator.settings import Damage, HistogramShape, Progress, Settings
from sekoia_export.simulator.simulator import Simulator
from sekoia_export.simulator.state import COMMENT_ON_CASES, MASSIVE_EXPORT, PERMISSIONS, VIEW_EVENTS, VIEW_INTAKES

__all__ = [
    "COMMENT_ON_CASES",
    "MASSIVE_EXPORT",
    "PERMISSIONS",
    "VIEW_EVENTS",
    "VIEW_INTAKES",
    "Bucket",
    "Case",
    "Damage",
    "Engine",
    "Export",
    "Fault",
    "HistogramShape",
    "JobStatus",
    "Kind",
    "NodeProcess",
    "NodeRun",
    "Progress",
    "Recorded",
    "SearchJob",
    "Settings",
    "Simulator",
    "StartProcess",
    "StartedNode",
    "TaskStatus",
    "start_process",
]
