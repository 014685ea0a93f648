# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of a run on the controller: where they lie, and that only their owner reads them."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import secrets
import stat
import tarfile
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote

from ansible_collections.chargeops.steve.plugins.module_utils._text import inert
from ansible_collections.chargeops.steve.plugins.plugin_utils._merge_runs import OBSERVATION_SCHEMA, StoredRun, Unread

FINDINGS_SCHEMA = "chargeops.steve/findings/1"
#: Bytes of a stored document; that of a host with a thousand charge boxes has less than two million.
MAX_FILE = 128 * 2**20
#: What cannot become a part of a file's name: half of a surrogate pair, and more than most file systems take.
_UNSPEAKABLE = re.compile("[\ud800-\udfff]")
_LONGEST_NAME = 230
_RUN_ID = re.compile(r"^\d{8}T\d{6}Z-[0-9a-f]{4}$")


def new_run_id() -> str:
    """A fresh run id: UTC time and four random hexadecimal digits, e.g. ``20261123T010203Z-7f3a``."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ") + "-" + secrets.token_hex(2)


def create_run(report_dir: str, run_id: str) -> str:
    """Create the directory of a run, readable by its owner only, and return its absolute path.

    Raises:
        ValueError: the run id is not one of ours (it becomes a directory name).
        OSError: the directory cannot be created.
    """
    if not _RUN_ID.match(run_id):
        raise ValueError(f"{run_id!r} is not a run id such as 20261123T010203Z-7f3a")
    path = os.path.join(os.path.abspath(os.path.expanduser(report_dir)), run_id)
    os.makedirs(path, mode=0o700)
    os.mkdir(os.path.join(path, "observations"), mode=0o700)
    return path


def write_observation(run_dir: str, document: dict[str, Any]) -> str:
    """File one observation; host and vantage become a safe file name.

    Raises:
        OSError: it cannot be written.
    """
    name = quote(str(document["host"]), safe="")
    if document.get("vantage") is not None:
        name += "@" + quote(str(document["vantage"]), safe="")
    path = os.path.join(
        run_dir, "observations", (name.replace(".", "%2E", 1) if name.startswith(".") else name) + ".json"
    )
    write_json(path, document)
    return path


def write_json(path: str, document: dict[str, Any]) -> None:
    """Write a document atomically, mode 0600."""
    write_text(path, json.dumps(document, indent=1, sort_keys=True, allow_nan=False) + "\n")


def write_text(path: str, text: str) -> None:
    """Write a text file atomically, mode 0600."""
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_bytes(path: str, data: bytes) -> None:
    """Write a file atomically, mode 0600.

    Raises:
        OSError: it cannot be written; the error names the file, which a full disk's own does not.
    """
    temporary = f"{path}.{secrets.token_hex(4)}.tmp"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        os.replace(temporary, path)
    except BaseException as error:
        os.unlink(temporary)
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, path) from error
        raise


class UnusableFile(ValueError):
    """A file that is no document of ours. ``foreign``: it never was one, as far as can be seen."""

    def __init__(self, path: str, reason: str, foreign: bool = False) -> None:
        super().__init__(f"{inert(path, 400)} {reason}")
        self.reason = reason
        self.foreign = foreign


def read_observations(run_dir: str) -> list[dict[str, Any]]:
    """All observation documents of a run.

    Raises:
        UnusableFile: a file is not an observation; the sentence names it.
        OSError: the directory cannot be read.
    """
    return [_load(path, OBSERVATION_SCHEMA) for _name, path in _names(run_dir)]


def read_stored(run_dir: str) -> StoredRun:
    """Everything of a stored run (directory or archive) that can be read; a file that cannot costs no other file.

    Raises:
        ValueError: the directory is not that of a run, the archive not one of evidence.
    """
    path = os.path.abspath(os.path.expanduser(run_dir))
    if os.path.isfile(path):
        return _read_packed(path)
    try:
        names = _names(path)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        text = f"{inert(path, 400)} is not the directory of a run: its observations/ cannot be read ({why})."
        raise ValueError(text) from error
    run = StoredRun(path)
    for name, file in names:
        _take(run, name, file, None)
    findings = os.path.join(path, "findings.json")
    if os.path.lexists(findings):
        _take_verdict(run, findings, None)
    return _named_after(run, os.path.basename(path))


def _take(run: StoredRun, name: str, file: str, data: bytes | None) -> None:
    """One observation of a run, from its file or from the bytes of one."""
    try:
        run.documents.append(_load(file, OBSERVATION_SCHEMA, data))
    except UnusableFile as error:
        host, vantage = (None, None) if error.foreign else _whose(name)
        run.unread.append(Unread(file, error.reason, host, vantage))


def _take_verdict(run: StoredRun, file: str, data: bytes | None) -> None:
    try:
        verdict = _load(file, FINDINGS_SCHEMA, data)
        run.run_id = str(verdict.get("run_id") or "")
        run.hosts = _hosts(verdict)
    except UnusableFile as error:
        run.unread.append(Unread(file, error.reason, None, None))


def _named_after(run: StoredRun, name: str) -> StoredRun:
    if not _RUN_ID.match(run.run_id):
        run.run_id = name if _RUN_ID.match(name) else ""
    return run


# -- an archive of evidence --------------------------------------------------------------------------------------------

#: Bytes of an archive, packed and unpacked, and entries in it.
MAX_PACKED = 256 * 2**20
MAX_UNPACKED = 512 * 2**20
MAX_ENTRIES = 10000
_MEMBER = re.compile(r"[^/]+/(?:observations/(?P<name>[^/]+\.json)|(?P<verdict>findings\.json))")


class _Bounded(io.RawIOBase):
    """What comes out of an archive, up to a limit: a small one may hold more than there is memory."""

    def __init__(self, stream: io.BufferedIOBase) -> None:
        self._stream = stream
        self._left = MAX_UNPACKED

    def readable(self) -> bool:
        """Always."""
        return True

    def read(self, size: int = -1) -> bytes:
        """The next bytes.

        Raises:
            ValueError: there is more than the limit.
        """
        data = self._stream.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise ValueError(f"it holds more than {MAX_UNPACKED // 2**20} MiB")
        return data


def _read_packed(path: str) -> StoredRun:
    """The run in an archive of evidence. Nothing is unpacked to the disk, and links and other paths are passed over.

    Raises:
        ValueError: it is no such archive, is damaged or too large.
    """
    run = StoredRun(path)
    advice = "Give the directory of a run or an archive that the playbook evidence made."
    found = 0
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            if os.fstat(file.fileno()).st_size > MAX_PACKED:
                raise ValueError(f"it is larger than {MAX_PACKED // 2**20} MiB")
            with gzip.GzipFile(fileobj=file) as packed:
                content = _Bounded(packed)
                with tarfile.open(fileobj=content, mode="r|") as archive:
                    for entry in archive:
                        found += 1
                        if found > MAX_ENTRIES:
                            raise ValueError(f"it holds more than {MAX_ENTRIES} files")
                        _take_entry(run, archive, entry)
                # To its very end, where its checksum stands.
                while content.read(65536):
                    pass
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else "it is not packed by gzip, or cut off"
        raise ValueError(f"{inert(path, 400)} cannot be read as an archive: {why}. {advice}") from error
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise ValueError(f"{inert(path, 400)} cannot be read as an archive: it is damaged. {advice}") from error
    except ValueError as error:
        raise ValueError(f"{inert(path, 400)} cannot be read as an archive: {error}. {advice}") from error
    if not run.documents and not run.unread and not run.hosts:
        raise ValueError(f"{inert(path, 400)} holds no observation. {advice}")
    return _named_after(run, "")


def _take_entry(run: StoredRun, archive: tarfile.TarFile, entry: tarfile.TarInfo) -> None:
    match = _MEMBER.fullmatch(entry.name)
    if match is None or entry.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        return
    shown = f"{run.path}:{inert(entry.name, 300)}"
    if entry.size > MAX_FILE:
        run.unread.append(Unread(shown, f"is larger than {MAX_FILE // 2**20} MiB.", None, None))
        return
    stream = archive.extractfile(entry)
    data = stream.read() if stream is not None else b""
    if match.group("verdict"):
        _take_verdict(run, shown, data)
    else:
        _take(run, match.group("name"), shown, data)


def _names(run_dir: str) -> list[tuple[str, str]]:
    folder = os.path.join(run_dir, "observations")
    return [(name, os.path.join(folder, name)) for name in sorted(os.listdir(folder)) if name.endswith(".json")]


def _whose(name: str) -> tuple[str, str | None]:
    """The host and the vantage that a file is named after."""
    host, separator, vantage = name.removesuffix(".json").partition("@")
    return unquote(host), unquote(vantage) if separator else None


def _load(path: str, schema: str, data: bytes | None = None) -> dict[str, Any]:
    """A document of a schema, from its file or from the bytes of one.

    Raises:
        UnusableFile: it cannot be read, or is another thing.
    """
    document = _parse(path, _read(path) if data is None else data)
    kind = schema.split("/")[1]
    named = document.get("schema") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(named, str):
        raise UnusableFile(path, f"is not {_A[kind]} ({schema}). Remove it from the directory.", foreign=True)
    if named != schema:
        if re.fullmatch(rf"chargeops\.steve/{kind}/\d{{1,6}}", named):
            which = f"{named}; this collection reads {schema}"
            raise UnusableFile(path, f"is of another version ({which}). Collect it again with this collection.")
        raise UnusableFile(path, f"is not {_A[kind]} ({schema}). Remove it from the directory.", foreign=True)
    if schema == OBSERVATION_SCHEMA and not _is_whole(document):
        raise UnusableFile(path, "lacks what every observation has: host, reached and parts. Collect it again.")
    return document


_A = {"observation": "an observation", "findings": "a verdict"}


def _read(path: str) -> bytes:
    try:
        # A pipe would never end; O_NONBLOCK opens it without waiting for someone who writes.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise UnusableFile(path, "is no regular file. Remove it from the directory.", foreign=True)
            data = stream.read(MAX_FILE + 1)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise UnusableFile(path, f"cannot be read ({why}). Make it readable or collect it again.") from error
    if len(data) > MAX_FILE:
        raise UnusableFile(path, f"is larger than {MAX_FILE // 2**20} MiB. Remove it from the directory.")
    return data


def _parse(path: str, data: bytes) -> Any:
    try:
        return json.loads(data.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise UnusableFile(path, "is not JSON (not even UTF-8). Remove it or collect it again.") from error
    except json.JSONDecodeError as error:
        where = f"{error.msg} at line {error.lineno}"
        raise UnusableFile(path, f"is cut off or not JSON ({where}). Remove it or collect it again.") from error
    except (RecursionError, ValueError) as error:
        why = "nested too deeply, or a number that is none"
        raise UnusableFile(path, f"is JSON that cannot be read ({why}). Remove it or collect it again.") from error


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _is_whole(document: dict[str, Any]) -> bool:
    names = [document.get("host"), document.get("vantage") or ""]
    return (
        all(isinstance(item, str) and not _UNSPEAKABLE.search(item) for item in names)
        and len("@".join(quote(str(item)) for item in names)) <= _LONGEST_NAME
        and isinstance(document.get("reached", True), bool)
        and isinstance(document.get("parts"), dict)
    )


def _hosts(verdict: dict[str, Any]) -> dict[str, str | None]:
    """The hosts that a run was about, with the reason where it did not reach one: those need not have a file."""
    rows = verdict.get("hosts")
    found: dict[str, str | None] = {}
    for item in rows if isinstance(rows, list) else []:
        if isinstance(item, dict) and isinstance(item.get("host"), str):
            found[item["host"]] = str(item.get("reason") or "not reached") if item.get("reached") is False else None
    return found


def read_findings(run_dir: str) -> dict[str, Any]:
    """The findings document of a run.

    Raises:
        OSError, ValueError: it is missing or damaged.
    """
    with open(os.path.join(run_dir, "findings.json"), encoding="utf-8") as stream:
        value: dict[str, Any] = json.load(stream)
    return value


def read_plan(run_dir: str) -> dict[str, Any] | None:
    """The plan of a repair that was made from a run, None where none was made.

    Raises:
        OSError, ValueError: it is damaged.
    """
    try:
        with open(os.path.join(run_dir, "plan.json"), encoding="utf-8") as stream:
            value: dict[str, Any] = json.load(stream)
    except FileNotFoundError:
        return None
    return value


def earlier_probes(run_dir: str, host: str, now: datetime, seconds: float) -> list[dict[str, Any]]:
    """What earlier runs beside this one asked a host's SteVe, so that the traces they left in its log are not counted.

    Args:
        run_dir: directory of this run; the others lie beside it.
        host: inventory name.
        now: the present, aware.
        seconds: how far the log is read back.

    Returns:
        ``from``, ``to`` and ``ids`` of each probe of the newest runs; what cannot be read is left out.
    """
    parent, mine = os.path.split(os.path.abspath(run_dir))
    try:
        names = [name for name in os.listdir(parent) if _RUN_ID.match(name) and name != mine]
    except OSError:
        return []
    oldest = (now - timedelta(seconds=seconds)).strftime("%Y%m%dT%H%M%SZ")
    windows: list[dict[str, Any]] = []
    for name in sorted((name for name in names if name >= oldest), reverse=True)[:_EARLIER_RUNS]:
        try:
            documents = _of_host(os.path.join(parent, name), host)
        except (OSError, ValueError):
            continue
        for document in documents:
            windows += _windows(document)
    return windows


#: Earlier runs that are looked into.
_EARLIER_RUNS = 5


def read_host(run_dir: str, host: str) -> dict[str, dict[str, Any]]:
    """The documents of a run about one host, those of vantages included, by path below the run's directory.

    Raises:
        UnusableFile: one is not an observation; the sentence names it.
        OSError: the directory cannot be read.
    """
    return {
        f"observations/{name}": _load(path, OBSERVATION_SCHEMA)
        for name, path in _names(run_dir)
        if _is_of_host(name, host)
    }


def _is_of_host(name: str, host: str) -> bool:
    stem = quote(host, safe="")
    stem = stem.replace(".", "%2E", 1) if stem.startswith(".") else stem
    return name == stem + ".json" or (name.startswith(stem + "@") and name.endswith(".json"))


def _of_host(run_dir: str, host: str) -> list[dict[str, Any]]:
    """The documents about one host, those of vantages included."""
    documents = []
    for name, path in _names(run_dir):
        if _is_of_host(name, host):
            with open(path, encoding="utf-8") as stream:
                documents.append(json.load(stream))
    return documents


def _windows(document: dict[str, Any]) -> list[dict[str, Any]]:
    """From, to and ids of each probe in an observation."""
    part = (document.get("parts") or {}).get("probes") or {}
    found = []
    for probe in part.get("data") or []:
        effects = probe.get("side_effects") or {}
        if effects.get("from") and effects.get("to"):
            ids = [row["charge_box_id"] for row in probe.get("probes") or []] + list(effects.get("knocks") or [])
            found.append({"from": effects["from"], "to": effects["to"], "ids": list(dict.fromkeys(ids))})
    return found
