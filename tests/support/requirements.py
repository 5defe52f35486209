"""Print the requirements of the test dependency group, one a line, for pip."""

import tomllib
from pathlib import Path

document = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
for requirement in document["dependency-groups"]["test"]:
    print(requirement.replace(" ", ""))
