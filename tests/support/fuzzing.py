"""How much generated input a parser is fed: a little in the tests, and for longer in `make fuzz`."""

import os
from datetime import timedelta

from hypothesis import HealthCheck, settings

IS_LONG = os.environ.get("MAILSERVER_FUZZ") == "long"
LONGER = 100


def examples(few: int) -> settings:
    """Settings for that many examples in a run of the tests, and a hundred times as many in `make fuzz`."""
    return settings(
        max_examples=few * LONGER if IS_LONG else few,
        deadline=timedelta(seconds=5),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
