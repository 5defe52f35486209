"""Generated input is the same in every run of the tests; `make fuzz` looks for new input, and for longer.

What goes wrong on purpose is logged without the values of every variable on the way: they take longer than the test.
"""

import structlog
from hypothesis import settings

from tests.support import fuzzing

settings.register_profile("steady", derandomize=True, database=None)
settings.register_profile("searching", print_blob=True)
settings.load_profile("searching" if fuzzing.IS_LONG else "steady")
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)
