"""`python -m rookery.cli …`: the command without its script, as child processes of `rookery up` are started."""

from rookery.cli import main

main()
