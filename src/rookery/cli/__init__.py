"""The `rookery` command."""


def main() -> None:
    """Run the command line."""
    from rookery.cli.app import run

    run()
