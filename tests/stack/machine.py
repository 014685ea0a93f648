# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What this machine needs to reach its package mirrors, so that image builds can reach them too.

Read from the machine's own apt and pip configuration at build time; nothing of it is in the repository.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from tests.stack.shell import run

RELEASE = "bookworm"
"""The Debian release of the images."""

CA_IN_IMAGE = "/etc/machine/ca.crt"
_CA_VARIABLES = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
_CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
_APT_KEPT = re.compile(r'^(Acquire::(http|https|Check-Valid-Until|Check-Date|Retries)\b[^ ]*) "(.+)";$')
_PIP_KEPT = {"index-url", "extra-index-url", "trusted-host", "timeout", "default-timeout", "proxy"}


def debian_mirror(apt: Path = Path("/etc/apt"), release: Path = Path("/etc/os-release")) -> str | None:
    """URL of the Debian archive this machine uses; None when it is not Debian.

    Only Debian's own two files are read: other lists name other people's archives.
    """
    if not release.exists() or not re.search(r"^ID=debian$", release.read_text(), re.M):
        return None
    stanzas, lines = apt / "sources.list.d" / "debian.sources", apt / "sources.list"
    if stanzas.exists():
        for stanza in re.split(r"\n\s*\n", stanzas.read_text()):
            fields: dict[str, str] = dict(re.findall(r"^([A-Za-z-]+):[ \t]*(.*)$", stanza, re.M))
            if _is_archive(fields.get("Suites", ""), fields.get("Components", "")):
                return fields["URIs"].split()[0]
    if lines.exists():
        for line in re.sub(r"\[[^]]*\]", "", lines.read_text()).splitlines():
            words = line.split()
            if len(words) > 3 and words[0] == "deb" and _is_archive(words[2], " ".join(words[3:])):
                return words[1]
    return None


def _is_archive(suites: str, components: str) -> bool:
    return "main" in components.split() and "-security" not in suites and "/" not in suites


def files() -> dict[str, str]:
    """Return the files of the base image's ``machine/`` folder: name to content."""
    made = {"apt.conf": _apt_conf(), "pip.conf": _pip_conf()}
    if mirror := debian_mirror():
        made["debian.sources"] = debian_sources(mirror)
    if bundle := _ca_bundle():
        made["ca.crt"] = bundle
    return made


def debian_sources(mirror: str) -> str:
    """The apt sources of an image that uses a mirror."""
    return (
        f"Types: deb\nURIs: {mirror}\nSuites: {RELEASE} {RELEASE}-updates\nComponents: main\n"
        "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
    )


def _ca_bundle() -> str | None:
    for path in (*(Path(os.environ[name]) for name in _CA_VARIABLES if os.environ.get(name)), _CA_BUNDLE):
        if path.is_file():
            return path.read_text(errors="replace")
    return None


def _apt_conf() -> str:
    lines = [f'Acquire::https::CAInfo "{CA_IN_IMAGE}";'] if _ca_bundle() else []
    if shutil.which("apt-config"):
        dump = run("apt-config", "dump").stdout.splitlines()
        lines += [
            f'{found[1]} "{found[3]}";' for line in dump if (found := _APT_KEPT.match(line)) and "CAInfo" not in line
        ]
    return "\n".join(lines) + "\n"


def _pip_conf() -> str:
    lines = ["[global]"]
    if _ca_bundle():
        lines.append(f"cert = {CA_IN_IMAGE}")
    settings: dict[str, str] = {}
    if shutil.which("pip3"):
        for line in run("pip3", "config", "list", check=False).stdout.splitlines():
            name, value = line.split("=", 1)
            settings[name.split(".")[-1]] = value.strip("'\"")
    lines += [f"{name} = {value}" for name, value in sorted(settings.items()) if name in _PIP_KEPT]
    return "\n".join(lines) + "\n"
