"""Generated input is the same in every run of the tests; `make fuzz` looks for new input, and for longer."""

from hypothesis import settings

from tests.support import fuzzing

settings.register_profile("steady", derandomize=True, database=None)
settings.register_profile("searching", print_blob=True)
settings.load_profile("searching" if fuzzing.IS_LONG else "steady")
