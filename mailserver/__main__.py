"""`python -m mailserver`: hand over to the command line."""

from mailserver.cli.main import main

main()
