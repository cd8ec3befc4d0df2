"""A Debian (or Ubuntu) root file system as a tar file, made from this machine's own package sources."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from rookery.cli.engine import Say, apt
from rookery.cli.trouble import Trouble

# Texts nobody reads in a container; the empty folders must stay for the packages' scripts.
LEAN = (
    "path-exclude=/usr/share/man/*",
    "path-include=/usr/share/man/man[1-9]",
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/info/*",
)


def make(target: Path, packages: Sequence[str], say: Say) -> None:
    """Write the root file system with `packages` to `target`, a `.tar` file.

    Raises:
        Trouble: this is no Debian or Ubuntu, or its sources do not answer.
    """
    need("mmdebstrap", say)
    sources = package_sources()
    if not sources:
        apt("update")
        sources = package_sources()
    if not sources:
        raise Trouble("The package sources of this machine name no Debian or Ubuntu to build images from.")
    through = proxy()
    done = subprocess.run(
        [
            *("mmdebstrap", "--quiet", "--variant=minbase", "--mode=root"),
            *('--aptopt=APT::Install-Recommends "false"', '--aptopt=Acquire::Languages "none"'),
            *([f'--aptopt=Acquire::http::Proxy "{through}"'] if through else []),
            *(f"--dpkgopt={line}" for line in LEAN),
            *(f"--include={','.join(packages)}", release(), str(target), "-"),
        ],
        input=sources,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise Trouble(f"The root file system could not be made: {last[0]}")


def need(program: str, say: Say) -> None:
    """Install a program's package of the same name where it is missing.

    Raises:
        Trouble: it could not be installed.
    """
    if shutil.which(program):
        return
    if shutil.which("apt-get") is None:
        raise Trouble("Images are built from Debian packages; this machine has no apt.")
    say(f"Installing {program} with apt.")
    if apt("install", "-y", "--no-install-recommends", program).returncode:
        apt("update")
        apt("install", "-y", "--no-install-recommends", program)
    if shutil.which(program) is None:
        raise Trouble(f"{program} could not be installed by apt.")


def package_sources() -> str:
    """The distribution's own lines among this machine's sources, whatever mirror they name."""
    for origin in ("Debian", "Ubuntu"):
        words = ["apt-get", "indextargets", "--format", "deb $(REPO_URI) $(RELEASE) $(COMPONENT)"]
        done = subprocess.run(
            [*words, "Created-By: Packages", f"Origin: {origin}"], capture_output=True, text=True, check=False
        )
        lines = sorted({line for line in done.stdout.splitlines() if line.startswith("deb ")})
        if lines:
            return "\n".join(lines) + "\n"
    return ""


def proxy() -> str:
    """The HTTP proxy apt uses on this machine; empty for none."""
    done = subprocess.run(
        ["apt-config", "--format", "%v", "dump", "Acquire::http::Proxy"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def release() -> str:
    """The code name of this machine's release."""
    for line in Path("/etc/os-release").read_text().splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.partition("=")[2].strip('"')
    raise Trouble("The name of this machine's release is not in /etc/os-release.")


def has_packages(packages: Sequence[str]) -> bool:
    """Whether this machine's sources have all of `packages`."""
    return subprocess.run(["apt-cache", "show", *packages], capture_output=True, check=False).returncode == 0
