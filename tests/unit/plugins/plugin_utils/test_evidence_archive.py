# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The archive of evidence: complete, checksummed, the same bytes again, read alone, and safe when it is hostile."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import resource
import ssl
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest
from ansible._internal._datatag._tags import VaultedValue
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible_collections.chargeops.steve.plugins.action import steve_evidence
from ansible_collections.chargeops.steve.plugins.module_utils._secret_scan import Secret
from ansible_collections.chargeops.steve.plugins.plugin_utils import _archive, _evidence_archive
from ansible_collections.chargeops.steve.plugins.plugin_utils._evidence_archive import Given
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.plugins.plugin_utils.documents import observation

RUN = "20261123T010203Z-7f3a"
CANARY = "kanarienvogel-4711"


def collected(**more: Any) -> Given:
    entry = {"path": "host/steve.log", "source": "/var/log/steve.log", "from": None, "to": None, "truncated": "the end"}
    return Given(files={"host/steve.log": "line\udcff\n"}, entries=[entry], **more)


def packed(secrets: tuple[Secret, ...] = (), **more: Any) -> _evidence_archive.Packed:
    documents = {"observations/steve-a.json": observation("steve-a")}
    texts = {path: json.dumps(document) for path, document in documents.items()} | {"report.txt": "OK\n"}
    return _evidence_archive.pack("steve-a", RUN, documents, texts, collected(**more), secrets)


def written(path: Path, members: dict[str, bytes]) -> str:
    path.write_bytes(_evidence_archive.tar(f"steve-a-{RUN}", members, RUN))
    return str(path)


def test_the_manifest_tells_checksum_source_and_truncation_of_every_file() -> None:
    archive = packed()
    assert {entry["path"] for entry in archive.manifest["files"]} == set(archive.members) - {"manifest.json"}
    for entry in archive.manifest["files"]:
        data = archive.members[entry["path"]]
        assert (entry["sha256"], entry["bytes"]) == (hashlib.sha256(data).hexdigest(), len(data))
    assert json.loads(archive.members["manifest.json"]) == archive.manifest
    assert archive.members["host/steve.log"] == b"line\xff\n"
    (log,) = [entry for entry in archive.manifest["files"] if entry["path"] == "host/steve.log"]
    assert (log["source"], log["truncated"]) == ("/var/log/steve.log", "the end")


def test_the_same_members_give_the_same_bytes_readable_by_their_owner_only() -> None:
    members = packed().members
    one = _evidence_archive.tar("r", dict(reversed(members.items())), RUN)
    time.sleep(1.1)
    assert one == _evidence_archive.tar("r", members, RUN)
    with tarfile.open(fileobj=io.BytesIO(one)) as archive:
        assert {(entry.mode, entry.uid, entry.uname) for entry in archive} == {(0o600, 0, "")}
    assert _evidence_archive.untar(one) == members


def test_what_is_missing_makes_it_incomplete_and_stands_in_the_readme() -> None:
    archive = packed(not_collected=[{"what": "SteVe's log", "reason": "no such file"}], reason="unreachable: no route.")
    assert not archive.manifest["complete"] and not archive.manifest["reached"]
    assert [row["what"] for row in archive.manifest["not_collected"]] == ["everything on the host", "SteVe's log"]
    readme = archive.members["README.txt"].decode()
    assert "SteVe's log: no such file" in readme and "unreachable: no route." in readme
    assert f"steve_runs=steve-a-{RUN}.tar.gz" in readme


def test_a_part_that_was_not_observed_is_not_collected() -> None:
    document = observation("steve-a")
    document["parts"]["log"] = {"status": "unknown", "reason": "not in group docker", "elapsed_s": 0, "data": None}
    lost = {"host": "steve-a", "vantage": "yard", "reached": False, "reason": "unreachable", "parts": {}}
    assert _evidence_archive.not_observed([document, lost]) == [
        {"what": "the observation: log", "reason": "not in group docker"},
        {"what": "the probe from yard", "reason": "unreachable"},
    ]


def test_secrets_of_the_inventory_are_known_by_their_names() -> None:
    variables = {
        "steve_admin_password": "a-secret",
        "steve_charge_boxes": [{"charge_box_id": "CP-1", "auth_password": "b-secret"}],
        "ansible_become_pass": "c-secret", "ansible_ssh_private_key_file": "/home/me/key", "vault_x": "d-secret",
        "steve_public_ws_url": "ws://x", "counts": {"pass": 41}, "my_tokens": ["e-secret"],
        "x": {"y": {"api_key": 123456}},
        "diagnose_passwords": {"CP-1": "b-secret"}, "steve_webapi_value": "f-secret", "steve_validate": True,
        # Where nginx leads to is no password; a proxy's password is one.
        "nginx_proxy_pass": "http://app:8180", "http_proxy_pass": "g-secret",
    }  # fmt: skip
    found = {one.value: one.name for one in _evidence_archive.known_secrets(variables)}
    assert set(found) == {"a-secret", "b-secret", "c-secret", "d-secret", "e-secret", "f-secret", "g-secret", "123456"}
    assert found["b-secret"] == "steve_charge_boxes.auth_password"


@pytest.mark.parametrize(
    "variables",
    [
        {"db_pw": CANARY}, {"dbpass": CANARY}, {"smtp": {"user": "operations", "pw": CANARY}}, {"basic_auth": CANARY},
        {"db_url": f"jdbc:mysql://steve:{CANARY}@db/x"}, {"variables": [f"DB_PASSWORD={CANARY}"]},
        {"a": {"b": {"c": {"d": {"e": {"password": CANARY}}}}}}, {"basic_auth": {"user": "operations", "x": CANARY}},
        {"java_opts": f'-Dauth.password="{CANARY}"'}, {"backup_key": CANARY}, {"app": {"JWT_KEY": CANARY}},
    ],
)  # fmt: skip
def test_a_secret_of_the_inventory_is_known_where_it_usually_stands(variables: dict[str, Any]) -> None:
    assert [one.value for one in _evidence_archive.known_secrets(variables)] == [CANARY]
    (name, value), = variables.items()
    assert _evidence_archive.may_hold_secret(name, value)


def test_what_ansible_vault_encrypted_is_secret_whatever_it_is_called() -> None:
    variables = {"note": CANARY, "list": [{"of": CANARY + "-2"}], "plain": "no-secret-at-all"}
    known = _evidence_archive.known_secrets(variables, lambda value: str(value).startswith(CANARY))
    assert {one.name: one.value for one in known} == {"note": CANARY, "list.of": f"{CANARY}-2"}


def test_ansible_tells_what_was_encrypted() -> None:
    vault = VaultLib([("default", VaultSecret(b"x"))])
    ciphertext = vault.encrypt(CANARY).decode()
    vaulted = VaultedValue(ciphertext=ciphertext).tag(CANARY)
    assert steve_evidence._is_vaulted(vaulted) and not steve_evidence._is_vaulted(CANARY)


def test_names_of_things_are_no_secrets() -> None:
    variables = {
        "webapi": {"key": "STEVE-API-KEY"}, "steve_webapi_key": "STEVE-API-KEY", "token_url": "https://x.example.net/y",
        "secret_name": "steve-credentials", "ssh_public_key": "wolkenkuckuck", "known": "SteVe-3.14.1-Build7x9",
    }  # fmt: skip
    assert not _evidence_archive.known_secrets(variables)


def test_the_files_of_the_host_are_packed_without_the_secrets_of_the_inventory() -> None:
    secrets = (Secret("db_pw", CANARY), Secret("x_key", "wolkenkuckuck", sure=False))
    documents = {"observations/steve-a.json": observation("steve-a")}
    given = collected()
    given.files["host/steve.log"] = f"seen {CANARY} and wolkenkuckuck\n"
    texts = {"report.txt": "wolkenkuckuck\n"}
    archive = _evidence_archive.pack("steve-a", RUN, documents, texts, given, secrets)
    assert archive.members["host/steve.log"] == b"seen (secret hidden) and (secret hidden)\n"
    assert {"rule": "known secret: db_pw", "file": "host/steve.log", "count": 1} in archive.redactions
    assert json.loads(archive.members["redaction.json"])["hidden_only"] == ["x_key"]
    # What only looks like one keeps nothing back.
    assert not _evidence_archive.hits_in(archive.members, secrets)
    assert _evidence_archive.hits_in({"report.txt": CANARY.encode()}, secrets)


def test_a_disk_that_is_full_is_told_with_the_file(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError, match=r"x\.tar\.gz"):
            _archive.write_bytes(str(tmp_path / "x.tar.gz"), b"x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())


def test_what_was_not_looked_through_is_told_so() -> None:
    sentence = _evidence_archive.refusal([{"file": "findings.json", "rule": "", "form": "no time was left"}], [])
    assert "because findings.json: no time was left." in sentence


def test_certificates_are_told_once_each_as_pem_that_can_be_read() -> None:
    endpoint: dict[str, Any] = {"hop": "public", "name": "x.example.net", "address": "192.0.2.1"}
    endpoint["chain"] = [CERTIFICATE, "Q0E="]
    document: dict[str, Any] = {"parts": {"tls": {"data": [endpoint]}}}
    documents: list[dict[str, Any]] = [document, document, {"parts": {}}]
    text = _evidence_archive.certificates(documents)
    assert text.count("BEGIN CERTIFICATE") == text.count("END CERTIFICATE") == 2
    assert text.startswith("# public x.example.net 192.0.2.1, number 0\n") and ", number 1\n" in text
    first = text[: text.index("\n#")]
    assert ssl.PEM_cert_to_DER_cert(first[first.index("-----BEGIN") :]) == base64.b64decode(CERTIFICATE)
    assert max(map(len, text.splitlines())) <= 64
    # A remote text can neither end a block nor begin another.
    endpoint["chain"] = ["QUJD\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----"]
    assert "PRIVATE KEY" not in _evidence_archive.certificates([document])


CERTIFICATE = base64.b64encode(bytes(range(256)) * 4).decode()


def test_a_secret_in_any_member_or_name_is_a_hit_and_the_sentence_does_not_hold_it() -> None:
    secrets = [Secret("steve_admin_password", CANARY)]
    members = {"a.txt": b"x", "b.json": CANARY.encode(), f"host/nginx/{CANARY}.conf": b"x"}
    hits = _evidence_archive.hits_in(members, secrets)
    assert [hit["file"] for hit in hits] == ["b.json", f"host/nginx/{CANARY}.conf"]
    sentence = _evidence_archive.refusal(hits, secrets)
    assert "b.json holds the value of steve_admin_password (raw)" in sentence and CANARY not in sentence
    assert not _evidence_archive.hits_in(packed(tuple(secrets)).members, secrets)


def test_an_archive_alone_is_a_run_to_be_judged(tmp_path: Path) -> None:
    members = packed().members | {"findings.json": json.dumps(
        {"schema": _archive.FINDINGS_SCHEMA, "run_id": RUN, "hosts": [{"host": "steve-a", "reached": True}]}
    ).encode()}  # fmt: skip
    run = _archive.read_stored(written(tmp_path / "x.tar.gz", members))
    assert [document["host"] for document in run.documents] == ["steve-a"] and not run.unread
    assert (run.run_id, run.hosts) == (RUN, {"steve-a": None})


def test_a_document_that_is_damaged_costs_no_other(tmp_path: Path) -> None:
    members = packed().members | {"observations/bonn.json": b'{"schema": "charge'}
    run = _archive.read_stored(written(tmp_path / "x.tar.gz", members))
    assert len(run.documents) == 1 and [(one.host, "cut off" in one.reason) for one in run.unread] == [("bonn", True)]


def hostile(tmp_path: Path, *entries: tarfile.TarInfo) -> str:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for entry in entries:
            archive.addfile(entry, io.BytesIO(b"x" * entry.size))
    (tmp_path / "x.tar.gz").write_bytes(out.getvalue())
    return str(tmp_path / "x.tar.gz")


def entry(name: str, **more: Any) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    for key, value in more.items():
        setattr(made, key, value)
    return made


@pytest.mark.parametrize(
    "hostiles",
    [
        [entry("r/observations/x.json", type=tarfile.SYMTYPE, linkname="/etc/passwd")],
        [entry("r/observations/x.json", type=tarfile.LNKTYPE, linkname="/etc/passwd")],
        [entry("r/observations/x.json", type=tarfile.FIFOTYPE)],
        [entry("../observations/x.json", size=3), entry("/observations/x.json", size=3), entry("observations/x.json")],
        [entry("r/observations/../x.json", size=3), entry("r/observations/a/x.json", size=3)],
    ],
)
def test_links_and_other_paths_are_passed_over(tmp_path: Path, hostiles: list[tarfile.TarInfo]) -> None:
    before = sorted(tmp_path.parent.iterdir())
    if hostiles[0].name.startswith(".."):
        # A member's name is never a path here; what it says is no document of ours.
        run = _archive.read_stored(hostile(tmp_path, *hostiles))
        assert not run.documents and len(run.unread) == 1
    else:
        with pytest.raises(ValueError, match="holds no observation"):
            _archive.read_stored(hostile(tmp_path, *hostiles))
    assert sorted(tmp_path.parent.iterdir()) == before


def test_a_bomb_is_refused_within_bounded_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_archive, "MAX_UNPACKED", 2**20)
    with pytest.raises(ValueError, match="holds more than 1 MiB"):
        _archive.read_stored(hostile(tmp_path, entry("r/host/x", size=5 * 2**20)))
    monkeypatch.setattr(_archive, "MAX_ENTRIES", 10)
    with pytest.raises(ValueError, match="holds more than 10 files"):
        _archive.read_stored(hostile(tmp_path, *[entry(f"r/{number}") for number in range(20)]))
    monkeypatch.setattr(_archive, "MAX_PACKED", 10)
    with pytest.raises(ValueError, match="is larger than"):
        _archive.read_stored(hostile(tmp_path, entry("r/x")))


@given(st.one_of(st.binary(max_size=200), st.binary(max_size=2000).map(gzip.compress)))
def test_what_is_no_archive_is_a_sentence(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("x") / "x.tar.gz"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"x\.tar\.gz (cannot be read as an archive|holds no observation)"):
        _archive.read_stored(str(path))


@pytest.mark.parametrize("cut", [10, 100, 500, -1])
def test_an_archive_that_is_cut_off_is_a_sentence(tmp_path: Path, cut: int) -> None:
    path = Path(written(tmp_path / "x.tar.gz", packed().members))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ValueError, match="cannot be read as an archive"):
        _archive.read_stored(str(path))


def test_the_question_holds_the_url_the_spelling_and_both_answers() -> None:
    document = observation("steve-a")
    document["asked"] = {"public_ws_url": "ws://x/y", "url": "http://x/steve", "charge_box_ids": ["cp-1", "CP-9"]}
    document["parts"]["admin"] = {"status": "ok", "reason": None, "data": {"registered": [{"id": "CP-1"}]}}
    asked = _evidence_archive.question([document])
    assert asked["charge_boxes"] == [
        {"asked": "cp-1", "in_steve": ["CP-1"], "reason": None},
        {"asked": "CP-9", "in_steve": [], "reason": "SteVe's list does not hold it"},
    ]
    assert asked["public_ws_url"] == "ws://x/y" and {"hop", "endpoint", "probes"} <= set(asked["hops"][0])
