# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module says, era by era and situation by situation, from outside: simulators, proxies, strangers, TLS."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.chargeops.steve.plugins.module_utils import _options
from ansible_collections.chargeops.steve.plugins.module_utils._interpret_webapi import WITHHELD
from ansible_collections.chargeops.steve.plugins.modules import steve_webapi_check as module

from tests.contract.certificates import self_signed
from tests.simulator import ERAS, Running, running_simulator
from tests.simulator.faulty_proxy import running_proxy
from tests.unit.fake_steve import FakeSteve, Reply, Seen, running
from tests.unit.module_runs import assert_documented, result_of

VALUE = "kanarien-vogel-4711"
OTHER = "kanarien-vogel-0815"
SETTINGS = {"auth.user": "admin", "auth.password": "1234", "webapi.key": "STEVE-API-KEY", "webapi.value": VALUE}
SCHEMES = {name: era.api for name, era in ERAS.items()}
BASIC = tuple(name for name, scheme in SCHEMES.items() if scheme == "basic")
HEADER = tuple(name for name, scheme in SCHEMES.items() if scheme == "header")
ABSENT = tuple(name for name, scheme in SCHEMES.items() if scheme == "none")
BOXES = "/api/v1/chargeBoxes"


@contextmanager
def steve(folder: Path, release: str, **settings: str) -> Iterator[Running]:
    """A SteVe of a release with its Web API on."""
    values = {**SETTINGS, **settings}
    file = folder / f"main-{release}.properties"
    file.write_text("".join(f"{key} = {value}\n" for key, value in values.items()), "utf-8")
    with running_simulator(
        release=release, charge_boxes=["CP-1"], system_properties=values, main_properties=file, pool_timeout_s=1.0
    ) as one:
        yield one


@pytest.fixture(scope="module")
def eras(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Running]]:
    """A running SteVe of each era, started when it is first wanted."""
    from contextlib import ExitStack

    found: dict[str, Running] = {}
    with ExitStack() as stack:

        def get(release: str) -> Running:
            if release not in found:
                found[release] = stack.enter_context(steve(tmp_path_factory.mktemp(release), release))
            return found[release]

        yield get


def asked(url: str, **options: Any) -> dict[str, Any]:
    """What the module returns."""
    given = {name: option.get("default") for name, option in module.argument_spec().items()}
    result = module.work({**given, "url": url, "timeout": 5.0, **options})
    json.dumps(result)
    return result


def outcome(result: dict[str, Any]) -> tuple[Any, ...]:
    return result["verdict"], result["scheme"], result["finding"], tuple(result["candidates"])


def era_option(release: str) -> dict[str, str]:
    """The runbook's dialect is never detected."""
    return {"era": "runbook"} if release == "runbook" else {}


USER = {"username": "admin"}
#: Situation → options, and the outcome by the scheme that the era reads.
SITUATIONS: dict[str, tuple[dict[str, Any], dict[str, tuple[Any, ...]]]] = {
    "right": (
        {**USER, "password": VALUE},
        {
            "basic": ("accepted", "basic", None, ()),
            "header": ("accepted", "header", None, ()),
            "bearer": ("accepted", "bearer", None, ()),
        },
    ),
    "right, as this release wants it": (
        {**USER, "password": VALUE, "scheme": "own"},
        {
            "basic": ("accepted", "basic", None, ()),
            "header": ("accepted", "header", None, ()),
            "bearer": ("accepted", "bearer", None, ()),
        },
    ),
    "right user in other case": (
        {"username": "ADMIN", "password": VALUE},
        {"basic": ("accepted", "basic", None, ())},
    ),
    "wrong password": (
        {**USER, "password": OTHER},
        {
            "basic": ("refused", "basic", "webapi-refused", ()),
            "header": ("refused", "header", "webapi-refused", ()),
            "bearer": ("refused", "bearer", "webapi-refused", ()),
        },
    ),
    "password of the admin sign-in": (
        {**USER, "password": "1234"},
        {"basic": ("refused", "basic", "webapi-refused", ())},
    ),
    "wrong user": (
        {"username": "nobody", "password": VALUE},
        {"basic": ("refused", "basic", "webapi-refused", ("webapi-disabled",))},
    ),
    "no credential": (
        {},
        {
            "basic": ("undetermined", "basic", None, ()),
            "header": ("undetermined", "header", None, ()),
            "bearer": ("undetermined", "bearer", None, ()),
        },
    ),
    "header instead of Basic": (
        {**USER, "token": VALUE, "scheme": "header"},
        {
            "basic": ("refused", "basic", "webapi-wrong-scheme", ()),
            "bearer": ("refused", "bearer", "webapi-wrong-scheme", ()),
        },
    ),
    "header instead of Basic, no user": (
        {"token": VALUE, "scheme": "header"},
        {"basic": ("refused", "basic", "webapi-wrong-scheme", ())},
    ),
    "header instead of Basic, and wrong": (
        {**USER, "token": OTHER, "scheme": "header"},
        {"basic": ("refused", "basic", "webapi-wrong-scheme", ("webapi-refused",))},
    ),
    "token alone": (
        {"token": VALUE},
        {
            "basic": ("undetermined", "basic", None, ("webapi-wrong-scheme",)),
            "header": ("accepted", "header", None, ()),
            "bearer": ("accepted", "bearer", None, ()),
        },
    ),
    "Basic instead of header": (
        {**USER, "password": VALUE, "scheme": "basic"},
        {
            "header": ("refused", "header", "webapi-wrong-scheme", ()),
            "bearer": ("refused", "bearer", "webapi-wrong-scheme", ()),
        },
    ),
    "Bearer": (
        {**USER, "token": VALUE, "scheme": "bearer"},
        {
            "basic": ("refused", "basic", "webapi-wrong-scheme", ()),
            "header": ("refused", "header", "webapi-wrong-scheme", ()),
        },
    ),
    "header of another name": (
        {"token": VALUE, "scheme": "header", "header_name": "X-Key"},
        {"header": ("refused", "header", "webapi-refused", ())},
    ),
}
ROWS = [
    (release, situation)
    for situation, (_options_of, expected) in SITUATIONS.items()
    for release, scheme in SCHEMES.items()
    if scheme in expected
]


@pytest.mark.parametrize(("release", "situation"), ROWS)
def test_era_and_situation(eras: Any, release: str, situation: str) -> None:
    options, expected = SITUATIONS[situation]
    options = {**options, **era_option(release)}
    if options.get("scheme") == "own":
        options["scheme"] = SCHEMES[release]
    result = asked(eras(release).url, **options)
    assert outcome(result) == expected[SCHEMES[release]]
    assert VALUE not in json.dumps(result) and OTHER not in json.dumps(result)
    assert result["changed"] is False and result["plain_http"] is False


@pytest.mark.parametrize("release", ABSENT)
@pytest.mark.parametrize("situation", ["right", "no credential", "Bearer"])
def test_up_to_3_5_there_is_no_web_api(eras: Any, release: str, situation: str) -> None:
    result = asked(eras(release).url, **SITUATIONS[situation][0])
    assert outcome(result) == ("absent", None, "webapi-absent", ())


RANGES = {
    "3.4.9": ("3.4.0", "3.4.9"), "3.5.1": ("3.5.0", "3.5.1"), "3.7.1": ("3.6.0", "3.7.1"), "3.8.0": ("3.8.0", "3.8.0"),
    "3.9.0": ("3.9.0", "3.9.0"), "3.14.1": ("3.10.0", "3.14.1"), "expressync": ("3.10.0", "3.14.1"),
}  # fmt: skip


@pytest.mark.parametrize("release", RANGES)
def test_the_release_is_told_as_a_range(eras: Any, release: str) -> None:
    low, high = RANGES[release]
    assert asked(eras(release).url)["era"] == {"min": low, "max": high, "source": "fingerprint"}
    assert asked(eras(release).url, era="3.14.1")["era"] == {"min": "3.14.1", "max": "3.14.1", "source": "given"}


@pytest.mark.parametrize(
    ("release", "status"),
    [("3.7.1", 404), ("3.8.0", 404), ("3.9.0", 403), ("3.14.1", 403), ("expressync", 200), ("runbook", 403)],
)
def test_further_endpoints_have_a_status_once_the_credential_works(eras: Any, release: str, status: int) -> None:
    paths = [BOXES, "/api/v1/ocppTags", BOXES]
    result = asked(eras(release).url, **USER, password=VALUE, paths=paths, **era_option(release))
    assert result["endpoints"] == [{"path": BOXES, "status": status}, {"path": "/api/v1/ocppTags", "status": 200}]
    refused = asked(eras(release).url, **USER, password=OTHER, paths=paths, **era_option(release))
    assert [item["status"] for item in refused["endpoints"]] == [None, None]


@pytest.mark.parametrize("release", HEADER)
@pytest.mark.parametrize("blank", ["webapi.key", "webapi.value"])
def test_a_web_api_without_its_properties_is_disabled(tmp_path: Path, release: str, blank: str) -> None:
    with steve(tmp_path, release, **{blank: ""}) as one:
        result = asked(one.url, token=VALUE)
    assert outcome(result) == ("disabled", "header", "webapi-disabled", ())


@pytest.mark.parametrize("release", ["3.8.0", "3.14.1"])
def test_a_user_without_api_password_is_refused_in_words_that_do_not_tell(tmp_path: Path, release: str) -> None:
    with steve(tmp_path, release, **{"webapi.value": ""}) as one:
        result = asked(one.url, **USER, password=VALUE)
    assert outcome(result) == ("refused", "basic", "webapi-refused", ("webapi-disabled",))
    assert result["evidence"][0]["body"].endswith("has API access disabled.")


@pytest.mark.parametrize("release", BASIC)
def test_a_proxy_that_drops_authorization_is_named(eras: Any, release: str) -> None:
    with running_proxy("strip-authorization", f"127.0.0.1:{eras(release).port}") as proxy:
        result = asked(f"{proxy.url}/steve", **USER, password=VALUE)
        assert outcome(result) == ("undetermined", "basic", "proxy-authorization-stripped", ())
        through = asked(f"{proxy.url}/steve", **USER, token=VALUE, scheme="bearer")
    assert outcome(through) == ("refused", "basic", "webapi-wrong-scheme", ("proxy-authorization-stripped",))


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("ok", ("accepted", "basic", None, ())),
        ("http10", ("accepted", "basic", None, ())),
        ("login-401", ("undetermined", None, "proxy-login-wall", ())),
        ("login-302", ("undetermined", None, "proxy-login-wall", ())),
        ("login-200", ("undetermined", None, "proxy-login-wall", ())),
        ("redirect-https", ("undetermined", None, "redirected", ())),
        ("bad-gateway", ("undetermined", None, "proxy-bad-gateway", ())),
        ("gateway-timeout", ("undetermined", None, "proxy-bad-gateway", ())),
        ("no-route", ("undetermined", None, None, ("proxy-no-route", "wrong-context-path"))),
        ("forbidden", ("undetermined", None, None, ("proxy-no-route", "wrong-context-path"))),
        ("too-many", ("undetermined", None, None, ())),
        ("wrong-path", ("undetermined", None, "wrong-context-path", ())),
    ],
)
def test_what_stands_in_front_is_named_and_gets_no_credential(eras: Any, mode: Any, expected: tuple[Any, ...]) -> None:
    with running_proxy(mode, f"127.0.0.1:{eras('3.14.1').port}") as proxy:
        assert outcome(asked(f"{proxy.url}/steve", **USER, password=VALUE)) == expected


def test_another_context_path_is_named(eras: Any) -> None:
    url = eras("3.14.1").url.replace("/steve", "/other")
    assert outcome(asked(url, **USER, password=VALUE)) == ("undetermined", None, "wrong-context-path", ())


def test_a_dead_port_and_a_port_of_silence_are_no_failed_task() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        begin = time.monotonic()
        silent = asked(f"http://127.0.0.1:{port}/steve", **USER, password=VALUE, timeout=0.5)
        assert time.monotonic() - begin < 5
    assert outcome(silent) == ("undetermined", None, "http-timeout", ())
    dead = asked(f"http://127.0.0.1:{port}/steve", **USER, password=VALUE)
    assert outcome(dead) == ("undetermined", None, "tcp-refused", ())


@pytest.mark.parametrize("release", ["3.9.0", "3.14.1"])
def test_without_its_data_base_steve_is_suspected_of_that(tmp_path: Path, release: str) -> None:
    with steve(tmp_path, release) as one:
        one.control.set_fault("db-dead")
        hanging = asked(one.url, **USER, password=VALUE, timeout=0.5)
        told = asked(one.url, **USER, password=VALUE, timeout=5.0)
        one.control.clear_fault("db-dead")
    assert outcome(hanging) == ("undetermined", "basic", None, ("db-unreachable", "http-timeout"))
    assert outcome(told) == ("undetermined", "basic", None, ("db-unreachable",))


@pytest.mark.parametrize("deadline", [0.4, 1.5])
def test_the_deadline_of_the_call_is_kept(deadline: float) -> None:
    fake = FakeSteve()
    fake.instead["/api/v1/ocppTags/0"] = lambda seen: fake.hang(seen) if "authorization" in seen.headers else None
    with running(fake) as one:
        begin = time.monotonic()
        result = asked(one.url, **USER, password=VALUE, timeout=30.0, deadline=deadline)
        assert time.monotonic() - begin < deadline + 5
    assert result["verdict"] == "undetermined"


# -- what is sent, and where to ----------------------------------------------------------------------------------


def recording(fake: FakeSteve, answer: Reply) -> list[Seen]:
    """The requests to the probe, all of which get one answer."""
    probes: list[Seen] = []

    def reply(seen: Seen) -> Reply:
        probes.append(seen)
        return answer

    fake.instead["/api/v1/ocppTags/0"] = reply
    return probes


def test_a_login_wall_is_never_sent_the_credential() -> None:
    fake = FakeSteve()
    probes = recording(fake, Reply(401, "no", {"WWW-Authenticate": 'Basic realm="SSO"'}))
    with running(fake) as one:
        result = asked(one.url, **USER, password=VALUE)
    assert result["finding"] == "proxy-login-wall"
    assert len(probes) == 1
    assert all("authorization" not in seen.headers and "steve-api-key" not in seen.headers for seen in fake.seen)


def test_a_redirect_is_not_followed_with_the_credential() -> None:
    away, fake = FakeSteve(), FakeSteve()
    nosniff = {"X-Content-Type-Options": "nosniff"}
    with running(away) as other, running(fake) as one:

        def reply(seen: Seen) -> Reply:
            if "authorization" not in seen.headers:
                return Reply(302, "", {**nosniff, "Location": f"{one.url}/manager/signin"})
            return Reply(307, "", {"Location": f"{other.url}/api/v1/ocppTags/0"})

        fake.instead["/api/v1/ocppTags/0"] = reply
        result = asked(one.url, **USER, password=VALUE)
    assert outcome(result) == ("undetermined", "basic", "redirected", ())
    assert away.seen == []


def test_no_user_is_invented_and_no_cookie_is_kept() -> None:
    fake = FakeSteve()
    cookie = {"Set-Cookie": "JSESSIONID=x; Path=/", "Location": "/steve/manager/signin"}
    probes = recording(fake, Reply(302, "", {"X-Content-Type-Options": "nosniff", **cookie}))
    with running(fake) as one:
        asked(one.url, token=VALUE, scheme="bearer")
        asked(one.url, token=VALUE, scheme="header")
        asked(one.url, token=VALUE)
    sent = [seen.headers.get("authorization") for seen in probes]
    assert sent == [None, f"Bearer {VALUE}", None, None, None]
    assert [seen.headers.get("steve-api-key") for seen in probes] == [None, None, None, VALUE, None]
    assert all("cookie" not in seen.headers for seen in fake.seen)


def test_only_get_is_used_and_the_content_of_a_list_is_not_read(eras: Any) -> None:
    fake = FakeSteve()
    nosniff = {"X-Content-Type-Options": "nosniff"}
    ocpp_tag = json.dumps({"status": 404, "message": "Could not find this ocppTag"})

    def probe(seen: Seen) -> Reply:
        if "authorization" not in seen.headers:
            return Reply(302, "", {**nosniff, "Location": "/steve/manager/signin"})
        return Reply(404, ocpp_tag, {**nosniff, "Content-Type": "application/json"})

    fake.instead["/api/v1/ocppTags/0"] = probe
    rows = json.dumps([{"chargeBoxId": f"SECRET-{number}"} for number in range(50_000)])
    fake.instead[BOXES] = lambda seen: Reply(200, rows, {"Content-Type": "application/json"})
    with running(fake) as one:
        result = asked(one.url, **USER, password=VALUE, paths=[BOXES, "/api/v1/nosuch"])
    assert [item["status"] for item in result["endpoints"]] == [200, 302]
    assert "SECRET" not in json.dumps(result)
    assert {seen.method for seen in fake.seen} == {"GET"}


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    file: Path = tmp_path_factory.mktemp("tls") / "server.pem"
    file.write_bytes(self_signed("charge.example.net"))
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    found.load_cert_chain(file)
    return found, file


def test_nothing_is_sent_before_the_certificate_was_verified(eras: Any, context: tuple[ssl.SSLContext, Path]) -> None:
    server, file = context
    with running_proxy("ok", f"127.0.0.1:{eras('3.14.1').port}", tls=server) as proxy:
        url = f"https://charge.example.net:{proxy.port}/steve"
        options = {**USER, "password": VALUE, "connect_to": f"127.0.0.1:{proxy.port}"}
        untrusted = asked(url, **options)
        assert proxy.requests == []
        assert outcome(untrusted) == ("undetermined", None, "tls-untrusted", ())
        trusted = asked(url, **options, ca_path=str(file))
        assert outcome(trusted) == ("accepted", "basic", None, ())
        unverified = asked(url, **options, validate_certs=False)
        assert outcome(unverified) == ("accepted", "basic", None, ())
        other_name = asked(f"https://127.0.0.1:{proxy.port}/steve", **USER, password=VALUE, ca_path=str(file))
        assert outcome(other_name) == ("undetermined", None, "tls-name-mismatch", ())
        plain = asked(f"http://127.0.0.1:{proxy.port}/steve", **USER, password=VALUE)
        assert plain["verdict"] == "undetermined" and plain["finding"] in ("connection-closed", "plain-on-tls-port")


def test_plain_http_to_another_host_is_a_warning(eras: Any) -> None:
    port = eras("3.14.1").port
    url, connect_to = f"http://charge.example.net:{port}/steve", f"127.0.0.1:{port}"
    right = asked(url, connect_to=connect_to, **USER, password=VALUE)
    assert outcome(right) == ("accepted", "basic", "webapi-plain-http", ()) and right["plain_http"] is True
    wrong = asked(url, connect_to=connect_to, **USER, password=OTHER)
    assert outcome(wrong) == ("refused", "basic", "webapi-refused", ()) and wrong["plain_http"] is True
    assert asked(url, connect_to=connect_to)["plain_http"] is False


# -- hostile servers ---------------------------------------------------------------------------------------------

HOSTILE = {
    "control characters": "\x1b[2J\x1b]0;x\x07\r\nSet-Cookie: a=b\u202e",
    "deep": "[" * 100_000,
    "endless": "x" * 3_000_000,
    "message": json.dumps({"message": "\x1b[31m" + "A" * 5000}),
    "number": '{"message":' + "9" * 10_000 + "}",
    "template": "{{ lookup('pipe', 'id') }}",
}


@pytest.mark.parametrize("status", [200, 401, 403, 404, 418, 500])
@pytest.mark.parametrize("body", HOSTILE)
def test_hostile_bodies_stay_short_and_inert(status: int, body: str) -> None:
    fake = FakeSteve()
    kind = {"Content-Type": "application/json", "X-Content-Type-Options": "nosniff"}
    recording(fake, Reply(status, HOSTILE[body], kind))
    with running(fake) as one:
        result = asked(one.url, **USER, password=VALUE)
    assert result["verdict"] in ("undetermined", "absent")
    for item in result["evidence"]:
        assert len(item["body"]) <= 200 and item["body"].isprintable()


@pytest.mark.parametrize("secret", ["1234", "steve", "admin", VALUE])
def test_a_stranger_that_echoes_the_request_gives_nothing_away(secret: str) -> None:
    fake = FakeSteve()
    nosniff = {"X-Content-Type-Options": "nosniff"}

    def echo(seen: Seen) -> Reply:
        if "authorization" not in seen.headers:
            return Reply(302, "", {**nosniff, "Location": "/steve/manager/signin"})
        token = seen.headers["authorization"]
        shown = base64.b64decode(token.removeprefix("Basic ") + "==").decode() if " " in token else token
        return Reply(418, f"you are {shown} with {token}", {"Server": f"echo {shown}", "Via": token})

    fake.instead["/api/v1/ocppTags/0"] = echo
    with running(fake) as one:
        result = asked(one.url, username="user", password=secret)
    (item,) = result["evidence"]
    token = base64.b64encode(f"user:{secret}".encode()).decode()
    text = json.dumps(item)
    assert token not in text and f"user:{secret}" not in text
    assert item["body"] == item["headers"]["server"] == item["headers"]["via"] == WITHHELD
    assert item["request"].startswith("GET /steve/api/v1/ocppTags/0 ")


@pytest.mark.parametrize("secret", ["1234", "steve", "admin", "password", "ocppTag"])
@pytest.mark.parametrize("release", ["3.7.1", "3.14.1"])
def test_a_secret_that_is_part_of_everything_damages_nothing(tmp_path: Path, release: str, secret: str) -> None:
    with steve(tmp_path, release, **{"webapi.value": secret}) as one:
        right = asked(one.url, **USER, password=secret, paths=["/api/v1/ocppTags"])
        wrong = asked(one.url, **USER, password=f"{secret}x")
        bearer = asked(one.url, **USER, token=secret, scheme="bearer")
    assert right["verdict"] == "accepted" and right["endpoints"] == [{"path": "/api/v1/ocppTags", "status": 200}]
    assert right["evidence"][0]["body"] == "Could not find this ocppTag"
    assert wrong["finding"] == "webapi-refused" and bearer["finding"] == "webapi-wrong-scheme"
    assert all(WITHHELD not in json.dumps(result) for result in (right, wrong, bearer))


# -- input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"username": "a:b", "password": "s3cr3t"}, "Option username is wrong"),
        ({"username": "a", "password": "s3c\nr3t"}, "Option password is wrong"),
        ({"token": "s3c\rr3t"}, "Option token is wrong"),
        ({"token": " s3cr3t", "scheme": "header"}, "Option token is wrong"),
        ({"password": "s3cr3t ", "scheme": "bearer"}, "Option password is wrong"),
        ({"password": "s3cr3t", "scheme": "basic"}, "Option username is wrong"),
        ({"token": "s3cr3t", "scheme": "basic"}, "Option username is wrong"),
        ({"token": "\ud800s3cr3t"}, "Option token is wrong"),
        ({"header_name": "a b"}, "Option header_name is wrong"),
        ({"header_name": "Host"}, "Option header_name is wrong"),
        ({"header_name": "x\r\ny"}, "Option header_name is wrong"),
        ({"paths": ["api"]}, "Option paths is wrong"),
        ({"paths": ["/a b"]}, "Option paths is wrong"),
        ({"paths": ["/a\r\nb"]}, "Option paths is wrong"),
        ({"url": "ftp://x"}, "Option url is wrong"),
        ({"url": "http://u:s3cr3t@x/steve"}, "Option url is wrong"),
        ({"era": "soon"}, "Option era is wrong"),
        ({"timeout": 0}, "Option timeout is wrong"),
        ({"connect_to": "x"}, "Option connect_to is wrong"),
    ],
)
def test_input_that_cannot_be_used_is_refused_with_a_sentence(options: dict[str, Any], words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        given = {"url": f"http://127.0.0.1:{listener.getsockname()[1]}/steve", **options}
        with pytest.raises(Exception, match=words) as caught:
            asked(**given)
        with pytest.raises(TimeoutError):
            listener.accept()
    assert "s3cr3t" not in str(caught.value) and type(caught.value).__name__ == "InputError"


# -- the documentation -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("release", ["3.5.1", "3.7.1", "expressync"])
def test_results_are_as_documented(eras: Any, release: str, situation: str) -> None:
    options = {**SITUATIONS[situation][0], "url": eras(release).url, "paths": [BOXES]}
    if options.get("scheme") == "own":
        options["scheme"] = "auto"
    result = result_of(module, check=True, **options)
    assert_documented(module, result)


def test_bad_input_is_a_documented_failure() -> None:
    result = result_of(module, url="http://127.0.0.1:1/steve", header_name="a b")
    assert_documented(module, result)
    assert result["failed"] is True and result["error"]["code"] == "bad-input"


def test_every_option_is_documented_and_every_documented_option_exists() -> None:
    documented = yaml.safe_load(module.DOCUMENTATION)["options"]
    spec = module.argument_spec()
    assert set(documented) | set(_options.connection_spec()) == set(spec)
    for name, option in documented.items():
        for key, usual in (("type", "str"), ("default", None), ("choices", None), ("elements", None)):
            assert option.get(key, usual) == spec[name].get(key, usual), (name, key)
