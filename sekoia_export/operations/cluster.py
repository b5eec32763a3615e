"""The Spark that a step asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sekoia_export.analysis.apart import Runner
    from sekoia_export.analysis.database import Limits
    from sekoia_export.analysis.files import FoundFiles
    from sekoia_export.analysis.spark.asking import Cluster
    from sekoia_export.arguments.analysis import EngineArguments
    from sekoia_export.clock import Deadline


def cluster_of(
    arguments: EngineArguments, found: FoundFiles, *, deadline: Deadline, limits: Limits, run: Runner
) -> Cluster:
    """Return what asks the Spark that the arguments name."""
    from sekoia_export.analysis.spark.asking import Cluster

    return Cluster(master=arguments.master, found=found, deadline=deadline, limits=limits, run=run)
