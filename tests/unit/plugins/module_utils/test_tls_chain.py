# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is seen of real TLS servers, and of ports that are none."""

from __future__ import annotations

import base64
import socket
import ssl
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _tls_chain
from ansible_collections.chargeops.steve.plugins.module_utils._tls_chain import Place, look

from tests import certificates
from tests.certificates import NAME, Issued
from tests.unit.fake_servers import Fake, Visit, closing, free_port, full_queue, saying, serving, silent

MADE = certificates.family()
HAS_PUBLIC_CHAIN = hasattr(ssl.SSLSocket, "get_unverified_chain")


def quiet(visit: Visit) -> None:
    """Wait for the other side to go."""
    with suppress(OSError):
        visit.sock.recv(1)


def context(folder: Path, leaf: Issued, *others: Issued, only: str | None = None, **more: Any) -> ssl.SSLContext:
    """A server's settings; ``only`` one protocol version."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    chain, key = certificates.written(folder, leaf, *others)
    made.load_cert_chain(chain, key)
    if only:
        made.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            made.minimum_version = made.maximum_version = ssl.TLSVersion[only]
    for name, value in more.items():
        setattr(made, name, value)
    return made


def see(server: Fake, host: str = NAME, timeout: float = 5.0, **more: Any) -> dict[str, Any]:
    """The one entry of a look at a server through ``connect_to``."""
    (found,) = look([Place("proxy", host, ("127.0.0.1", server.port))], "host", timeout, 20.0, **more)
    return found


def chain(found: dict[str, Any]) -> list[bytes]:
    return [base64.b64decode(item) for item in found["chain"]]


def versions(found: dict[str, Any]) -> dict[str, str]:
    return {version: state["status"] for version, state in found["versions"].items()}


CHAINS: dict[str, tuple[Issued, ...]] = {
    "full": (MADE.leaf, MADE.intermediate),
    "leaf only": (MADE.leaf,),
    "with root": (MADE.leaf, MADE.intermediate, MADE.root),
    "wrong order": (MADE.leaf, MADE.root, MADE.intermediate),
    "self-signed": (certificates.server(None, NAME),),
    "expired": (certificates.server(MADE.intermediate, NAME, ends=certificates.today()), MADE.intermediate),
    "another name": (certificates.server(MADE.intermediate, "x.example.net"), MADE.intermediate),
}


@pytest.mark.parametrize("presented", CHAINS.values(), ids=CHAINS)
def test_the_chain_comes_as_it_is_presented(tmp_path: Path, presented: tuple[Issued, ...]) -> None:
    with serving(quiet, context(tmp_path, *presented)) as server:
        found = see(server)
    assert (found["status"], found["reason"]) == ("ok", None)
    assert found["source"] == ("python" if HAS_PUBLIC_CHAIN else "openssl")
    assert chain(found) == [item.der for item in presented]
    assert found["negotiated"]["version"] == "TLSv1.3" and found["negotiated"]["cipher"]
    assert versions(found) == {"1.0": "refused", "1.1": "refused", "1.2": "accepted", "1.3": "accepted"}
    assert found["verification"]["ok"] is False
    assert (found["hop"], found["vantage"], found["host"], found["address"]) == ("proxy", "host", NAME, "127.0.0.1")


@pytest.mark.parametrize(
    ("presented", "host", "code"),
    [
        ((MADE.leaf, MADE.intermediate), NAME, 0),
        ((MADE.leaf,), NAME, 20),
        ((MADE.leaf, MADE.intermediate), "x.example.net", 62),
        (CHAINS["expired"], NAME, 10),
    ],
)
def test_the_host_s_own_word_comes_with_openssl_s_code(
    tmp_path: Path, presented: tuple[Issued, ...], host: str, code: int
) -> None:
    (tmp_path / "root.pem").write_text(MADE.root.pem)
    with serving(quiet, context(tmp_path, *presented)) as server:
        found = see(server, host, ca_path=str(tmp_path / "root.pem"))
    assert (found["verification"]["ok"], found["verification"]["code"]) == (code == 0, code)
    assert bool(found["verification"]["reason"]) == (code != 0)


@pytest.mark.parametrize(
    ("only", "accepted"), [("TLSv1", "1.0"), ("TLSv1_1", "1.1"), ("TLSv1_2", "1.2"), ("TLSv1_3", "1.3")]
)
def test_each_protocol_version_is_told_from_the_others(tmp_path: Path, only: str, accepted: str) -> None:
    with serving(quiet, context(tmp_path, MADE.leaf, MADE.intermediate, only=only)) as server:
        found = see(server)
    assert versions(found) == {version: "accepted" if version == accepted else "refused" for version in versions(found)}
    assert chain(found) == MADE.full


def test_a_version_that_this_library_lacks_is_unknown_and_not_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssl, "HAS_TLSv1", False)
    with serving(quiet, context(tmp_path, MADE.leaf)) as server:
        found = see(server)
    assert found["versions"]["1.0"] == {
        "status": "unknown",
        "reason": "the TLS library of this host was built without it",
    }


@pytest.mark.parametrize(("taken", "expected"), [(2, "unknown"), (99, "refused")])
def test_a_server_that_hangs_up_on_a_version_is_told_from_one_that_hangs_up_on_everybody(
    tmp_path: Path, taken: int, expected: str
) -> None:
    settings = context(tmp_path, MADE.leaf)

    def behave(visit: Visit) -> None:
        # The list of supported versions stands in every ClientHello that offers TLS 1.3 (RFC 8446, 4.2.1).
        hello = visit.sock.recv(4096, socket.MSG_PEEK)
        if visit.number > taken or b"\x00\x2b\x00" not in hello:
            return
        with settings.wrap_socket(visit.sock.dup(), server_side=True) as over_tls:
            over_tls.recv(1)

    with serving(behave) as server:
        found = see(server)
    assert versions(found) == {"1.0": expected, "1.1": expected, "1.2": expected, "1.3": "accepted"}


@pytest.mark.parametrize("only", [pytest.param("TLSv1_2", id="1.2"), pytest.param("TLSv1_3", id="1.3")])
def test_a_server_that_insists_on_a_client_certificate_still_shows_its_own(tmp_path: Path, only: str) -> None:
    settings = context(tmp_path, MADE.leaf, MADE.intermediate, only=only)
    settings.load_verify_locations(cadata=MADE.root.pem)
    settings.verify_mode = ssl.CERT_REQUIRED
    with serving(quiet, settings) as server:
        found = see(server)
    assert chain(found) == MADE.full
    assert versions(found)[{"TLSv1_2": "1.2", "TLSv1_3": "1.3"}[only]] == "accepted"
    if found["source"] == "openssl":
        assert found["client_certificate_requested"] is True


def test_the_public_interface_of_newer_pythons_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssl.SSLSocket, "get_unverified_chain", lambda _self: MADE.full, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with serving(quiet, context(tmp_path, MADE.leaf)) as server:
        found = see(server)
    assert (found["source"], chain(found)) == ("python", MADE.full)


@pytest.mark.parametrize("program", ["missing", "failing", "hanging", "flooding"])
def test_without_openssl_the_first_certificate_is_kept_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    monkeypatch.delattr(ssl.SSLSocket, "get_unverified_chain", raising=False)
    folder = tmp_path / "bin"
    folder.mkdir()
    bodies = {"failing": "exit 1", "hanging": "exec sleep 60", "flooding": "exec cat /dev/zero"}
    if program in bodies:
        (folder / "openssl").write_text(f"#!/bin/sh\n{bodies[program]}\n")
        (folder / "openssl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin" if program in bodies else str(folder))
    begin = time.monotonic()
    with serving(quiet, context(tmp_path, MADE.leaf, MADE.intermediate)) as server:
        found = see(server, timeout=1.0)
    assert time.monotonic() - begin < 10
    assert (found["status"], found["source"]) == ("ok", "leaf")
    assert chain(found) == [MADE.leaf.der]
    assert "only the server's own certificate could be read" in found["reason"]
    assert versions(found)["1.3"] == "accepted"


@contextmanager
def refusing() -> Iterator[Fake]:
    yield Fake(free_port())


DEAF: dict[str, tuple[Callable[[], Any], str]] = {
    "plain port": (lambda: serving(saying(b"HTTP/1.1 400 Bad Request\r\n\r\n")), "wrong version number"),
    "silent port": (lambda: serving(silent), "did not end within"),
    "closes at once": (lambda: serving(closing), "closed in the TLS handshake"),
    "nobody there": (refusing, "refuses connections"),
    "full queue": (full_queue, "did not answer within"),
}


@pytest.mark.parametrize(("server", "says"), DEAF.values(), ids=DEAF)
def test_a_port_that_is_none_is_unknown_with_one_reason_in_time(server: Callable[[], Any], says: str) -> None:
    begin = time.monotonic()
    with server() as fake:
        found = see(fake, timeout=1.0)
    assert time.monotonic() - begin < 8
    assert (found["status"], found["chain"], found["source"]) == ("unknown", [], None)
    assert found["connected"] is not (says in ("refuses connections", "did not answer within"))
    assert says in found["reason"]
    assert set(versions(found).values()) == {"unknown"}
    assert found["verification"]["ok"] is None


def test_a_name_without_an_address_has_one_entry_that_says_so() -> None:
    (found,) = look([Place("public", "charge.invalid", ("charge.invalid", 443))], "host", 3.0, 5.0)
    assert found["status"] == "unknown" and found["address"] is None
    assert "charge.invalid" in found["reason"]


def test_a_name_that_cannot_be_used_in_tls_is_no_crash(tmp_path: Path) -> None:
    with serving(quiet, context(tmp_path, MADE.leaf)) as server:
        found = see(server, "a" * 70 + ".example.net")
    assert found["status"] == "unknown" and "cannot be used in TLS" in found["reason"]


def test_the_name_goes_into_sni_and_an_address_does_not(tmp_path: Path) -> None:
    asked: list[str | None] = []
    settings = context(tmp_path, certificates.server(MADE.intermediate, NAME, "127.0.0.1"))
    settings.sni_callback = lambda _sock, name, _context: asked.append(name)
    with serving(quiet, settings) as server:
        see(server, NAME)
        assert set(asked) == {NAME}
        asked.clear()
        see(server, "127.0.0.1")
    assert set(asked) == {None}


def test_each_endpoint_is_looked_at_once_however_many_hops_lead_there(tmp_path: Path) -> None:
    with serving(quiet, context(tmp_path, MADE.leaf)) as server:
        see(server)
        once = server.connections
        dial = ("127.0.0.1", server.port)
        found = look([Place("proxy", NAME, dial), Place("public", NAME, dial)], "host", 5.0, 20.0)
        assert server.connections == 2 * once
    assert [item["hop"] for item in found] == ["proxy", "public"]
    assert found[0]["chain"] == found[1]["chain"]


def test_every_address_of_a_name_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(quiet, context(tmp_path, MADE.leaf)) as server:
        rows = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{last}", server.port)) for last in (1, 9)]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_named: rows)
        found = look([Place("public", NAME, (NAME, server.port))], "host", 3.0, 20.0)
    assert [(item["address"], item["status"]) for item in found] == [("127.0.0.1", "ok"), ("127.0.0.9", "unknown")]


def test_the_deadline_ends_a_look_at_many_silent_ports() -> None:
    begin = time.monotonic()
    with serving(silent) as server:
        places = [Place("public", f"h{number}.example.net", ("127.0.0.1", server.port)) for number in range(20)]
        found = look(places, "host", 1.0, 2.0)
    assert time.monotonic() - begin < 6
    assert len(found) == 20 and {item["status"] for item in found} == {"unknown"}
    assert "no time was left" in found[-1]["reason"]


def test_a_refused_certificate_is_told_from_one_that_was_not_seen(tmp_path: Path) -> None:
    with serving(quiet, context(tmp_path, MADE.leaf)) as server:
        seen = see(server)
    with refusing() as nobody:
        unseen = see(nobody)
    assert _tls_chain.is_refused([seen], "proxy")
    assert not _tls_chain.is_refused([seen], "direct")
    assert not _tls_chain.is_refused([unseen], "proxy")
