"""How a Spark is reached: one that is started here, a cluster's, or one behind Spark Connect."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from sekoia_export.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path
CONNECT_SCHEME = "sc://"
DEFAULT_MASTER = "local[*]"
TOKEN_VARIABLE = "SPARK_CONNECT_AUTHENTICATE_TOKEN"  # noqa: S105 - the name of PySpark's variable, not a token
OLDEST_VERSION = 4
"""The major version that has what is said to Spark: functions in SQL, texts that are no number as errors."""
RETRIES = 5
"""How often a request to Spark Connect that was not answered is sent again, within 17 seconds; PySpark's own way takes
ten minutes to say that nobody listens."""
OPENING_RETRIES = 3
_NO_SECRETS = {"true", "false"}
_FIRST_PAUSE_MS, _PAUSES_GROW = 50, 4.0


def secrets_in(master: str) -> tuple[str, ...]:
    """Return the values that stand in an address, or in the environment, and that no text may have."""
    _, _, parameters = master.partition(";")
    values = [value for part in parameters.split(";") if (value := part.partition("=")[2]) not in _NO_SECRETS]
    return tuple({*values, *map(unquote, values), os.environ.get(TOKEN_VARIABLE, "")} - {""})


def is_connect(master: str) -> bool:
    """Return whether an address is that of Spark Connect."""
    return master.lower().startswith(CONNECT_SCHEME)


def check_installed() -> None:
    """Raise UsageError when PySpark is not installed."""
    try:
        import pyspark.sql  # noqa: F401 - whether it is there
    except ImportError:
        raise UsageError(
            "The engine spark needs PySpark, which is not installed.",
            "Install it with: pip install 'sekoia-event-export[analysis,spark]'",
        ) from None


def begin_session(master: str, private: Path) -> Any:
    """Return a session of the Spark at `master`; with Spark Connect nothing was asked of it yet.

    Raises:
        UsageError: a library that Spark Connect needs is not installed.
        Exception: whatever PySpark raises.
    """
    from pyspark.sql import SparkSession

    with warnings.catch_warnings():
        # PySpark warns of the versions of pandas, which nothing here uses.
        warnings.simplefilter("ignore", FutureWarning)
        if is_connect(master):
            return _connected(master)
        builder = SparkSession.builder.appName("sekoia-export").master(master)
        for name, value in _local_configuration(master, private).items():
            builder = builder.config(name, value)
        return builder.getOrCreate()


def retry(session: Any, times: int) -> None:
    """Have a session of Spark Connect send a request that was not answered so often again, with growing pauses."""
    from pyspark.sql.connect.client.retries import DefaultPolicy

    policy = DefaultPolicy(max_retries=times, initial_backoff=_FIRST_PAUSE_MS, backoff_multiplier=_PAUSES_GROW)
    session.client.set_retry_policies([policy])


def _connected(master: str) -> Any:
    try:
        from pyspark.sql.connect.session import SparkSession as ConnectSession
    except ImportError as missing:
        raise UsageError(
            f"Spark Connect needs {missing.name or 'libraries'}, which PySpark's extra connect brings.",
            "Install it with: pip install 'sekoia-event-export[analysis,spark]'",
        ) from None
    # Its own class: SparkSession.builder.remote changes the environment of the process for good.
    return ConnectSession.builder.remote(f"{CONNECT_SCHEME}{master[len(CONNECT_SCHEME) :]}").create()


def _local_configuration(master: str, private: Path) -> dict[str, str]:
    """Return the configuration of a driver that runs here; what Spark writes goes below `private`."""
    os.environ.setdefault("SPARK_WORKER_DIR", str(private / "spark-workers"))
    configuration = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
        "spark.local.dir": str(private / "spark"),
        "spark.sql.warehouse.dir": str(private / "spark-warehouse"),
    }
    if master.startswith("local"):
        configuration |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    return configuration
