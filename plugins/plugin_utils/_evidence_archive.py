# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The archive that is sent when asking for help: what stands in it, how it is packed, what must not be in it. Pure."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import tarfile
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from ansible_collections.chargeops.steve.plugins.module_utils import _ids, _secret_scan
from ansible_collections.chargeops.steve.plugins.module_utils._secret_scan import Secret
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert

EVIDENCE_SCHEMA = "chargeops.steve/evidence/1"
#: What nginx's directives are called; with an address it is where they lead, not a password of a proxy.
_PASSES_ON = re.compile(r"(?i)(?:proxy|fastcgi|uwsgi|scgi|grpc)_pass$")
_DEPTH = 12
#: Keys that name somebody, below the name of a secret.
_NOBODY = ("user", "username", "login")


@dataclass
class Given:
    """What a host gave, as its module returned it; with ``reason`` where it gave nothing.

    Attributes:
        files: path in the archive → content.
        entries: source, time span and truncation of each of them.
    """

    files: dict[str, str] = field(default_factory=dict)
    entries: list[dict[str, Any]] = field(default_factory=list)
    not_collected: list[dict[str, str]] = field(default_factory=list)
    redactions: list[dict[str, Any]] = field(default_factory=list)
    charge_boxes: list[dict[str, Any]] = field(default_factory=list)
    scanned: dict[str, list[str]] = field(
        default_factory=lambda: {"secrets": [], "as_values_only": [], "hidden_only": []}
    )  # fmt: skip
    hits: list[dict[str, str]] = field(default_factory=list)
    reason: str | None = None

    @classmethod
    def of(cls, result: Mapping[str, Any]) -> Given:
        """From a module's result."""
        names = ("files", "entries", "not_collected", "redactions", "charge_boxes", "scanned", "hits")
        return cls(**{name: result[name] for name in names})


def known_secrets(
    variables: Mapping[str, Any], is_vaulted: Callable[[Any], bool] = lambda _value: False
) -> list[Secret]:  # fmt: skip
    """The secrets among a host's variables: by the names of variables and keys, by vault, as parts of texts.

    Args:
        is_vaulted: whether a value was encrypted by ansible-vault; such a one is secret whatever it is called.
    """
    found: list[tuple[str, str]] = []
    guesses: list[tuple[str, str]] = []
    for name, value, secret in _texts(variables, "", _DEPTH, is_vaulted):
        if secret:
            found.append((name, value))
        elif _secret_scan.guessed(name, value) == "named like a key":
            guesses.append((f"{name}, which is named like a key", value))
        if not secret:
            found += [(f"a part of {name}", part) for _name, part in _secret_scan.inside(value)]
    users = [str(variables[name]) for name in ("steve_admin_username", "steve_webapi_username") if variables.get(name)]
    return _secret_scan.secrets(found, ["admin", *users], guesses=guesses)


def may_hold_secret(name: str, value: Any) -> bool:
    """Whether a variable is worth a look: by its name, or because a secret may be a part of it."""
    if isinstance(value, str):
        return _secret_scan.is_name(name) or bool(re.search(r"://[^/]*@|=", value) or _secret_scan.guessed(name, value))
    return isinstance(value, (Mapping, list, tuple)) or _secret_scan.is_name(name)


def _texts(
    value: Any, name: str, depth: int, is_vaulted: Callable[[Any], bool], secret: bool = False
) -> Iterator[tuple[str, str, bool]]:  # fmt: skip
    """Name and text of everything, and whether it stands below a name of a secret."""
    if isinstance(value, str) or is_vaulted(value):
        yield name, str(value), secret or is_vaulted(value)
    elif depth and isinstance(value, Mapping):
        for key, item in value.items():
            leads = _PASSES_ON.search(str(key)) and isinstance(item, str) and "://" in item and "@" not in item
            # What is counted by its name, such as tests that pass, is a number.
            counted = isinstance(item, int) and str(key).lower() == "pass"
            below = secret and str(key).lower() not in _NOBODY
            own = below or (_secret_scan.is_name(str(key)) and not leads and not counted)
            yield from _texts(item, f"{name}.{inert(key, 60)}" if name else inert(key, 60), depth - 1, is_vaulted, own)
    elif depth and isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item, name, depth - 1, is_vaulted, secret)
    elif secret and isinstance(value, int) and not isinstance(value, bool):
        yield name, str(value), True


def question(documents: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What a helper asks first: the exact public URL, the ids as SteVe spells them, and what each hop answered."""
    found = list(documents)
    own = next((item for item in found if item.get("vantage") is None), {})
    asked = own.get("asked") or {}
    admin = (own.get("parts") or {}).get("admin") or {}
    registered = [str(box["id"]) for box in (admin.get("data") or {}).get("registered") or []]
    boxes = []
    for one in asked.get("charge_box_ids") or []:
        same = [box for box in registered if _ids.folded(box) == _ids.folded(str(one))]
        if admin.get("status") != "ok":
            same, why = [], admin.get("reason") or "SteVe's list was not read"
        else:
            why = None if same else "SteVe's list does not hold it"
        boxes.append({"asked": one, "in_steve": same, "reason": why})
    probes = [
        probe for item in found for probe in ((item.get("parts") or {}).get("probes") or {}).get("data") or []
    ]  # fmt: skip
    return {
        "public_ws_url": asked.get("public_ws_url"),
        "url": asked.get("url"),
        "era": own.get("era"),
        "charge_boxes": boxes,
        "hops": [
            {
                name: probe.get(name)
                for name in ("hop", "vantage", "url", "connect_to", "endpoint", "upgrade_path", "probes")
            }
            for probe in probes
        ],
    }


def certificates(documents: Iterable[Mapping[str, Any]]) -> str:
    """The chains that TLS endpoints presented, as PEM, each once."""
    pieces: dict[str, str] = {}
    for document in documents:
        part = (document.get("parts") or {}).get("tls") or {}
        for endpoint in part.get("data") or []:
            chain = tuple(endpoint.get("chain") or ())
            for number, item in enumerate(chain):
                place = f"{endpoint.get('hop')} {endpoint.get('name')} {endpoint.get('address')}"
                where = inert(f"{place}, number {number}", 200)
                body = "\n".join(textwrap.wrap(re.sub(r"[^A-Za-z0-9+/=]", "", str(item)), 64))
                pieces.setdefault(
                    str(item), f"# {where}\n-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"
                )
    return "\n".join(pieces.values())


def not_observed(documents: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """The parts of the observation that could not be looked at, and the vantages that saw nothing."""
    rows = []
    for document in documents:
        vantage = document.get("vantage")
        who = "the observation" if vantage is None else f"the probe from {inert(vantage, 100)}"
        if document.get("reached") is False:
            rows.append({"what": who, "reason": str(document.get("reason") or "not reached")})
        for name, part in (document.get("parts") or {}).items():
            if isinstance(part, Mapping) and part.get("status") == "unknown":
                rows.append({"what": f"{who}: {name}", "reason": str(part.get("reason"))})
    return rows


def root_of(host: str, run_id: str) -> str:
    """Name of the archive without its ending, and of the one directory in it."""
    name = quote(host, safe="")
    return f"{name.replace('.', '%2E', 1) if name.startswith('.') else name}-{run_id}"


@dataclass(frozen=True)
class Packed:
    """An archive before it is written, and what it says of itself."""

    members: dict[str, bytes]
    manifest: dict[str, Any]
    redactions: list[dict[str, Any]]


def pack(
    host: str, run_id: str, documents: Mapping[str, dict[str, Any]], texts: Mapping[str, str], given: Given,
    secrets: Iterable[Secret],
) -> Packed:  # fmt: skip
    """Everything that goes into the archive.

    Args:
        documents: observation documents of this host by path in the archive.
        texts: what the controller adds, by path; the host looked through it.
        given: what the host gave.
        secrets: those of the inventory, whose names the report tells.
    """
    known = list(secrets)
    files, hidden = _hidden(given.files, known)
    rules = [*given.redactions, *hidden]
    missing = [*given.not_collected, *not_observed(documents.values())]
    if not any(document.get("vantage") is None for document in documents.values()):
        missing.insert(0, {"what": "the observation", "reason": "the run has none of this host"})
    if given.reason:
        missing.insert(0, {"what": "everything on the host", "reason": given.reason})
    plain = {*given.scanned["as_values_only"], *(one.name for one in known if one.is_short)}
    redaction = {
        "rules": rules,
        "scanned_on_the_host_for": given.scanned["secrets"],
        "scanned_on_the_controller_for": sorted({one.name for one in known if one.sure and not one.is_short}),
        "scanned_as_values_only": sorted(plain),
        "hidden_only": sorted({*given.scanned["hidden_only"], *(one.name for one in known if not one.sure)}),
        "note": _SHORT_NOTE,
    }
    members = {path: text.encode("utf-8", "surrogateescape") for path, text in {**texts, **files}.items()}
    members["redaction.json"] = _json(redaction)
    readme = _readme(host, run_id, question(documents.values()), given, missing)
    members["README.txt"] = readme.encode("utf-8", "replace")
    about = {entry["path"]: entry for entry in given.entries}
    manifest = {
        "schema": EVIDENCE_SCHEMA,
        "host": host,
        "run_id": run_id,
        "reached": given.reason is None,
        "complete": not missing,
        "files": [_entry(path, data, about.get(path)) for path, data in sorted(members.items())],
        "not_collected": missing,
        "charge_boxes": given.charge_boxes,
    }
    return Packed({**members, "manifest.json": _json(manifest)}, manifest, rules)


_SHORT_NOTE = (
    "A secret that is a part of anything (shorter than six characters, a number of up to nine digits, a common word) "
    "is looked for only where it stands as a value: behind the name of a secret, in the user part of a URL, in HTTP "
    "Basic. What only looks like a secret is hidden in the host's files; nothing is kept back because of it."
)


def _hidden(files: Mapping[str, str], known: list[Secret]) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """The host's files without the inventory's secrets, which the host does not get to know; and what was hidden."""
    kept, rules = {}, []
    for path, text in files.items():
        data, counts = _secret_scan.hide(text.encode("utf-8", "surrogateescape"), known)
        kept[path] = data.decode("utf-8", "surrogateescape")
        rules += [
            {"rule": f"known secret: {name}", "file": path, "count": count} for name, count in sorted(counts.items())
        ]
    return kept, rules


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode("ascii")


def _entry(path: str, data: bytes, about: Mapping[str, Any] | None) -> dict[str, Any]:
    told = about or {"source": "the run on the controller", "from": None, "to": None, "truncated": None}
    return {
        "path": path,
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        **{name: told[name] for name in ("source", "from", "to", "truncated")},
    }


def _readme(
    host: str, run_id: str, asked: Mapping[str, Any], given: Given, missing: list[dict[str, str]]
) -> str:  # fmt: skip
    lines = [
        f"Evidence about SteVe on {inert(host)}, run {run_id}",
        "",
        "Somebody asks for help with chargers that do not connect to SteVe (https://github.com/steve-community/steve).",
        "",
        f"Public WebSocket URL (without the id): {inert(asked['public_ws_url'] or 'not given', 500)}",
        f"SteVe's own URL on the host: {inert(asked['url'] or 'not known', 500)}",
        "",
    ]
    for box in asked["charge_boxes"]:
        spelt = ", ".join(inert(one, 300) for one in box["in_steve"]) or f"not known ({inert(box['reason'], 300)})"
        lines.append(f"Charge box {inert(box['asked'], 300)}; as SteVe spells it: {spelt}")
    for box in given.charge_boxes:
        what = f"{box['covers']} from {box['from']} to {box['to']} in {box['file']}" if box["covers"] else "nothing"
        why = f" ({inert(box['reason'], 300)})" if box["reason"] else ""
        lines.append(f"Log about {inert(box['charge_box_id'], 300)}: {what}{why}")
    lines += [
        "",
        "Start with report.txt. question.json holds the URL, the ids and what every hop answered.",
        "host/ holds the end of SteVe's log, containers, compose files, nginx's configuration and versions.",
        "observations/ and findings.json are what the report is made of; to judge them again, with this file alone:",
        "",
        f"    ansible-playbook chargeops.steve.analyze -e steve_runs={root_of(host, run_id)}.tar.gz",
        "",
        "manifest.json has checksum, source, time span and truncation of each file. redaction.json tells which rule",
        "hid something in which file, how often, and which secrets were looked for. Where something was hidden words",
        "in parentheses stand; equal idTags have equal numbers.",
        "",
    ]
    if missing:
        lines.append("What could not be collected:")
        lines += [f"  * {inert(item['what'], 300)}: {inert(item['reason'], 600)}" for item in missing]
    else:
        lines.append("Everything that was asked for could be collected.")
    return "\n".join(lines) + "\n"


def hits_in(members: Mapping[str, bytes], secrets: Iterable[Secret]) -> list[dict[str, str]]:
    """Files of an archive in which a secret stands, in their names or content."""
    known = [one for one in secrets if one.sure]
    return [
        {"file": path, "rule": hit.name, "form": hit.form}
        for path, data in sorted(members.items())
        for hit in _secret_scan.find(path.encode("utf-8", "replace") + b"\n" + data, known)
    ]


def refusal(hits: Iterable[Mapping[str, str]], secrets: Iterable[Secret]) -> str:
    """Why there is no archive, in a sentence without any secret: a path may hold one too."""
    rows = []
    for hit in hits:
        path, known = inert(hit["file"], 200), list(secrets)
        hidden, _counts = _secret_scan.hide(path.encode("utf-8", "replace"), known)
        holds = f" holds the value of {inert(hit['rule'], 200)} ({hit['form']})" if hit["rule"] else f": {hit['form']}"
        rows.append(hidden.decode("utf-8", "replace") + holds)
    more = f", and {len(rows) - 5} more" if len(rows) > 5 else ""
    return (
        f"There is no archive, because {'; '.join(rows[:5])}{more}. If the value is no secret, give it another name; "
        "if it is one, remove it from there (an id or a name may be equal to a password), or change it."
    )


def tar(root: str, members: Mapping[str, bytes], run_id: str) -> bytes:
    """The archive: the same members give the same bytes."""
    when = int(datetime.strptime(run_id[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp())
    out = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=out, mtime=when, compresslevel=6) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path, data in sorted(members.items()):
            entry = tarfile.TarInfo(f"{root}/{path}")
            entry.size, entry.mtime, entry.mode = len(data), when, 0o600
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def untar(data: bytes) -> dict[str, bytes]:
    """The members of an archive of ours, by path below its directory: what is scanned is what was written."""
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        found = {}
        for entry in archive.getmembers():
            stream = archive.extractfile(entry)
            found[entry.name.partition("/")[2]] = stream.read() if stream else b""
    return found
