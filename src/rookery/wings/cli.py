"""The node's commands, with the flags the original daemon has."""

import argparse
import json
import os
import platform
import ssl
import sys
import urllib.error
import urllib.request
from pathlib import Path

from rookery.protocol.problems import Problem
from rookery.wings import VERSION
from rookery.wings.config import DEFAULT_PATHS, Config, ConfigFile, decode, parse


def main(argv: list[str]) -> int:
    """Run `rookery wings …`; the exit status."""
    given = list(argv)
    if not given or (given[0].startswith("-") and given[0] not in ("-h", "--help")):
        given.insert(0, "run")  # the original has no word for its main command
    if given[0] == "help":
        given = [*given[1:2], "--help"]
    arguments = command_line().parse_args(given)
    try:
        status: int = arguments.run(arguments)
    except Problem as err:
        print(f"Error: {err.detail}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return status


class _Parser(argparse.ArgumentParser):
    """Ends with status 1 on wrong usage, as the original does."""

    def error(self, message: str) -> None:  # type: ignore[override]  # the base never returns either
        """Say what is wrong and end."""
        self.print_usage(sys.stderr)
        self.exit(1, f"Error: {message}\n")


def command_line() -> argparse.ArgumentParser:
    """All commands and their flags."""
    common = _Parser(add_help=False)
    common.add_argument("--config", default=None, metavar="FILE", help=f"configuration file ({DEFAULT_PATHS[0]})")
    common.add_argument("--debug", action="store_true", help="log more")
    parser = _Parser(prog="rookery wings", description="The daemon of a node.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)

    run = commands.add_parser("run", parents=[common], help="run the daemon")
    run.add_argument("--ignore-certificate-errors", action="store_true", help="do not verify the Panel's certificate")
    run.add_argument("--pprof", action="store_true", help=argparse.SUPPRESS)
    run.add_argument("--pprof-block-rate", type=int, default=0, help=argparse.SUPPRESS)
    run.add_argument("--pprof-port", type=int, default=6060, help=argparse.SUPPRESS)
    run.add_argument("--auto-tls", action="store_true", help=argparse.SUPPRESS)
    run.add_argument("--tls-hostname", default="", help=argparse.SUPPRESS)
    run.set_defaults(run=_run)

    configure = commands.add_parser("configure", parents=[common], help="fetch the configuration from a Panel")
    configure.add_argument("-p", "--panel-url", default="", help="address of the Panel")
    configure.add_argument("-t", "--token", default="", help="an application key that may read nodes")
    configure.add_argument("-n", "--node", default="", help="number of the node")
    configure.add_argument("-c", "--config-path", default=None, help="file to write")
    configure.add_argument("--override", action="store_true", help="replace an existing file without asking")
    configure.add_argument("--allow-insecure", action="store_true", help="do not verify the Panel's certificate")
    configure.set_defaults(run=_configure)

    diagnostics = commands.add_parser("diagnostics", parents=[common], help="print what support asks for")
    diagnostics.add_argument("--hastebin-url", default="", help=argparse.SUPPRESS)
    diagnostics.add_argument("--log-lines", type=int, default=200, help="lines of the log to show")
    diagnostics.set_defaults(run=_diagnostics)

    version = commands.add_parser("version", parents=[common], help="print the version")
    version.set_defaults(run=_version)
    return parser


def _config_path(given: str | None) -> Path:
    if given:
        return Path(given).absolute()
    return next((Path(path) for path in DEFAULT_PATHS if Path(path).exists()), Path(DEFAULT_PATHS[0]))


def _run(arguments: argparse.Namespace) -> int:
    if arguments.auto_tls and not arguments.tls_hostname:
        print("Error: --auto-tls needs --tls-hostname.", file=sys.stderr)
        return 1
    if arguments.auto_tls:
        print("Error: --auto-tls is not offered; put a certificate into api.ssl or a proxy before it.", file=sys.stderr)
        return 1
    path = _config_path(arguments.config)
    if not path.exists():
        print(f"There is no configuration at {path}; write one with `rookery wings configure`.")
        return 1
    import dataclasses

    import uvloop

    from rookery.wings import app, logs

    file = ConfigFile.read(path)
    if arguments.debug:
        file.current = dataclasses.replace(file.current, debug=True)
    file.current = app.prepare_host(file.current)
    sink = logs.set_up_logging(file.current.system, debug=file.current.debug)
    uvloop.run(app.serve(file, sink, verify_tls=not arguments.ignore_certificate_errors))
    return 0


def _configure(arguments: argparse.Namespace) -> int:
    path = _config_path(arguments.config_path or arguments.config)
    if path.exists() and not arguments.override and not _yes(f"Override existing configuration file {path}?"):
        return 1
    panel_url = (arguments.panel_url or input("Panel URL: ")).rstrip("/")
    token = arguments.token or input("API Token: ")
    node = arguments.node or input("Node ID: ")
    if not panel_url.startswith(("http://", "https://")) or not token or not str(node).isdigit():
        print("Error: give the Panel's URL, a token and the number of a node.", file=sys.stderr)
        return 1
    request = urllib.request.Request(  # noqa: S310 - the scheme was checked
        f"{panel_url}/api/application/nodes/{node}/configuration",
        headers={
            "Accept": "application/vnd.pterodactyl.v1+json",
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "User-Agent": f"Pterodactyl Wings/v{VERSION}",
        },
    )
    context = ssl.create_default_context()
    if arguments.allow_insecure:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(request, timeout=30, context=context) as answer:  # noqa: S310
            found = json.loads(answer.read())
    except urllib.error.HTTPError as err:
        if err.code in (401, 403):
            print("The authentication credentials provided were not valid.", file=sys.stderr)
        else:
            print(f"The Panel answered {err.code}:\n{err.read().decode('utf-8', 'replace')}", file=sys.stderr)
        return 1
    except (OSError, ValueError) as err:
        print(f"The configuration could not be fetched from the Panel: {err}", file=sys.stderr)
        return 1
    config: Config = decode(Config, found)
    ConfigFile(path, config).save(config)
    print("Successfully configured wings.")
    return 0


def _yes(question: str) -> bool:
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _diagnostics(arguments: argparse.Namespace) -> int:
    path = _config_path(arguments.config)
    print(f"Rookery Wings {VERSION}, Python {platform.python_version()}, {platform.platform()}")
    if not path.exists():
        print(f"No configuration at {path}.")
        return 0
    config = parse(path.read_text())
    print(f"Configuration {path}: API port {config.api.port}, TLS {config.api.ssl.enabled}, data {config.system.data}")
    print(f"Container network {config.docker.network.name}, time zone {config.system.timezone or 'of the host'}")
    log_file = Path(config.system.log_directory, "wings.log")
    if log_file.exists():
        lines = log_file.read_text(errors="replace").splitlines()[-arguments.log_lines :]
        secrets = [text for text in (config.token, config.token_id, config.remote) if text]
        for line in lines:
            for secret in secrets:
                line = line.replace(secret, "{redacted}")  # noqa: PLW2901
            print(line)
    return 0


def _version(_arguments: argparse.Namespace) -> int:
    print(f"wings v{VERSION}")
    print("Rookery, compatible with Pterodactyl Wings.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or os.environ.get("WINGS_ARGUMENTS", "").split()))
