# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Known secrets in bytes: found in every usual writing, short ones only where they stand as values."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils._secret_scan import (
    HIDDEN,
    Secret,
    arguments,
    find,
    guessed,
    hide,
    inside,
    is_name,
    secrets,
)
from hypothesis import given
from hypothesis import strategies as st

CANARY = 'kanari&<4711> "v"+/%é'
WRITINGS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "url": lambda value: quote(value, safe=""),
    "url lower": lambda value: re.sub("%[0-9A-F]{2}", lambda found: found.group().lower(), quote(value, safe="")),
    "url mixed": lambda value: quote(value, safe="&<>"),
    "url plus": quote_plus,
    "url every letter": lambda value: "".join(f"%{byte:02X}" for byte in value.encode()),
    "html": html.escape,
    "html decimal": lambda value: "".join(f"&#{ord(one)};" for one in value),
    "html hexadecimal": lambda value: "".join(f"&#x{ord(one):x};" for one in value),
    "json": lambda value: json.dumps(value)[1:-1],
    "json in json": lambda value: json.dumps(json.dumps(value))[3:-3],
    "json every letter": lambda value: "".join(f"\\u{ord(one):04x}" for one in value),
    "repr": lambda value: repr(value)[1:-1],
    "hex": lambda value: value.encode().hex(),
}  # fmt: skip
secret_texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Co", "Cn")), min_size=6, max_size=40
).filter(lambda value: value.strip() == value and not Secret("", value).is_short)


@pytest.mark.parametrize("writing", WRITINGS)
def test_a_secret_is_found_however_it_is_written(writing: str) -> None:
    text = f"before {WRITINGS[writing](CANARY)} after"
    assert [hit.name for hit in find(text.encode(), [Secret("AUTH_PASSWORD", CANARY)])] == ["AUTH_PASSWORD"]


@given(before=st.binary(max_size=10), value=secret_texts, after=st.binary(max_size=10), url=st.booleans())
def test_a_secret_inside_of_base64_is_found(before: bytes, value: str, after: bytes, url: bool) -> None:
    encode = base64.urlsafe_b64encode if url else base64.b64encode
    data = encode(before + value.encode() + after)
    assert find(b"x " + data + b" y", [Secret("s", value)])


@given(value=secret_texts, writing=st.sampled_from([one for one in WRITINGS if not re.search("every|mal|mixed", one)]))
def test_what_is_hidden_is_not_found_again(value: str, writing: str) -> None:
    known = [Secret("s", value)]
    data, counts = hide(f'{{"a": "{WRITINGS[writing](value)}"}}'.encode(), known)
    assert counts == {"s": 1} or value in HIDDEN or value in '{"a": "'
    assert HIDDEN.encode() in data
    assert value in HIDDEN or not find(data, known)


@pytest.mark.parametrize("value", ["1234", "steve", "admin", "12345678", "Password", "a"])
@pytest.mark.parametrize(
    "text",
    [
        "location = /{0};", "http://127.0.0.1:{0}/{0}", '"charge_box_id": "{0}"', "CP-{0}", "AUTH_USER={0}", "{0}",
        "proxy_pass http://{0}:8180;", '"username": "{0}"', "2026-11-23T12:34:{0}Z", "user {0} password wrong", "- {0}",
    ],
)  # fmt: skip
def test_a_short_secret_is_no_secret_where_it_is_no_value(value: str, text: str) -> None:
    known = [Secret("AUTH_PASSWORD", value, ("admin",))]
    data = text.format(value).encode()
    assert not find(data, known)
    assert hide(data, known) == (data, {})


@pytest.mark.parametrize("value", ["1234", "steve", "admin", "12345678"])
@pytest.mark.parametrize(
    "text",
    [
        "AUTH_PASSWORD={0}", "auth.password: '{0}'", '{{"password": "{0}", "x": 1}}', "-Dauth.password={0} -jar",
        "jdbc://steve:{0}@db/x", "token = {0}\n", '{{\\"webapi_value\\": \\"{0}\\"}}', "STEVE-API-KEY: {0}",
    ],
)  # fmt: skip
def test_a_short_secret_is_found_and_hidden_where_it_is_a_value(value: str, text: str) -> None:
    known = [Secret("AUTH_PASSWORD", value, ("admin",))]
    data = text.format(value).encode()
    assert [hit.form for hit in find(data, known)] == ["value"]
    hidden, counts = hide(data, known)
    assert counts == {"AUTH_PASSWORD": 1} and not find(hidden, known)
    before, _value, after = data.rpartition(value.encode())
    assert hidden == before + HIDDEN.encode() + after


def test_a_short_secret_is_found_in_the_credential_of_basic() -> None:
    token = base64.b64encode(b"admin:1234").decode()
    assert [hit.form for hit in find(f"Basic {token}".encode(), secrets([("p", "1234")], ["admin"]))] == ["basic"]


def test_one_value_is_told_once_and_blank_ones_are_none() -> None:
    found = secrets([("a", "kanarienvogel"), ("b", "kanarienvogel"), ("c", ""), ("d", " ")], ["", "admin", "admin"])
    assert [(one.name, one.users) for one in found] == [("a", ("admin",))]
    assert "kanarienvogel" not in repr(found)
    assert not secrets([("MARIADB_RANDOM_ROOT_PASSWORD", "yes"), ("b", "1"), ("c", "True")])


@given(st.binary(max_size=300), st.text(max_size=12))
def test_no_bytes_and_no_secret_break_it(data: bytes, value: str) -> None:
    known = secrets([("s", value)], ["admin"])
    find(data, known)
    hide(data, known)


@pytest.mark.parametrize(
    "name",
    [
        "DB_PW", "DBPASS", "SMTP_PW", "smtp.pw", "pw", "userpass", "steve_admin_pw", "AUTH_PASSWORD", "webapi.value",
        "auth.password", "vault_x", "STATION_PASS", "ansible_become_pass",
    ],
)  # fmt: skip
def test_a_name_tells_a_secret(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "WEBAPI_KEY", "webapi.key", "TOKEN_URL", "api_key_header", "SECRET_NAME", "DB_PASSWORD_FILE", "TOKEN_ID",
        "BYPASS", "COMPASS", "AUTH_USER", "DB_HOST", "TZ", "JAVA_OPTS",
    ],
)  # fmt: skip
def test_a_name_tells_that_its_value_is_no_secret(name: str) -> None:
    assert not is_name(name) and not guessed(name, "STEVE-API-KEY")


def test_what_may_be_a_secret_is_a_guess_and_no_more() -> None:
    assert guessed("JWT_KEY", "wolkenkuckuck7") and guessed("ENCRYPTION_KEY", "wolkenkuckuck7")
    assert guessed("RELAY", "Xk29aBcdEfgh7731") and guessed("X", "0" * 32)
    assert not guessed("public_key", "wolkenkuckuck7") and not guessed("SORT_KEY", "charge_box_1")
    assert not guessed("KEY_KEY", "charge_box_id") and not guessed("key", "charge_box_1")
    assert not guessed("STEVE_IMAGE_TAG", "SteVe-3.14.1-Build7")
    assert not guessed("PUBLIC_NAME", "Charge01.Example-Net.de")
    guesses = [("g", "Xk29aBcdEfgh7731"), ("h", "sure-secret"), ("i", "1234")]
    (_sure, guess) = secrets([("p", "sure-secret")], guesses=guesses)
    assert (guess.name, guess.sure) == ("g", False)


SECRET = "wolkenkuckuck7"


@pytest.mark.parametrize(
    "text",
    [
        f'-Xmx1g -Dauth.password="{SECRET}" -Dserver.port=8180', f"-Dauth.password='{SECRET}'",
        f"--auth.password={SECRET}",
        f"-Dsmtp.pw={SECRET}", f"-jar steve.war -v --auth.password {SECRET}", f"mariadbd --password '{SECRET}'",
        f'{{"auth":{{"user":"admin","password":"{SECRET}"}}}}', f'{{\\"password\\": \\"{SECRET}\\"}}',
        f"jdbc:mysql://address=(host=db)(user=steve)(password={SECRET})/x", f"jdbc:mysql://db/x?user=a&password={SECRET}",
        f"jdbc:mariadb://db/x;password={SECRET}", f"mysql://steve:{SECRET}@db/x", f"https://u:{SECRET}@h/x",
        f"exec foo DB_PASSWORD={SECRET}",
    ],
)  # fmt: skip
def test_a_secret_inside_of_a_value_is_known(text: str) -> None:
    assert SECRET in {value for _name, value in inside(text)}


@pytest.mark.parametrize(
    "text",
    [
        "-Xmx1g -Dserver.port=8180 --spring.profiles.active=prod -v", "jdbc:mysql://db:3306/x?user=steve&useSSL=true",
        "--webapi.key=STEVE-API-KEY", "wss://h:443/steve/CP@1", "https://auth.example.net/token?id=1",
        "-Dauth.user=admin",
    ],
)  # fmt: skip
def test_what_is_inside_of_a_value_and_no_secret_stays(text: str) -> None:
    assert not list(inside(text))


def test_of_a_percent_encoded_password_both_writings_are_known() -> None:
    assert {value for _name, value in inside("mysql://u:wolken%2Fkuckuck@db")} == {"wolken%2Fkuckuck", "wolken/kuckuck"}
    assert {value for _name, value in inside("smtp://u:wolken/kuckuck@db")} == {"wolken/kuckuck"}


def test_a_password_may_be_the_next_argument() -> None:
    assert ("password", "wolke x") in set(arguments(["mariadbd", "--password", "wolke x"]))
    assert not list(arguments(["--password", "--verbose"]))


UNUSUAL = {
    "a plus as it is beside other escapes": quote(CANARY, safe="+"),
    "url twice": quote(quote(CANARY, safe=""), safe=""),
    "html of url": html.escape(quote(CANARY, safe="&")),
    "json with escaped letters and slash": CANARY.replace("&", "\\u0026").replace('"', '\\"').replace("/", "\\/"),
    "json with capitals": CANARY.replace("é", "\\u00E9").replace('"', '\\"'),
    "base64 in lines": base64.encodebytes(b"x" * 50 + CANARY.encode()).decode(),
    "base64 in lines of windows": base64.encodebytes(b"x" * 50 + CANARY.encode()).decode().replace("\n", "\r\n"),
    "base64 in lines in json": json.dumps(base64.encodebytes(b"x" * 50 + CANARY.encode()).decode()),
}  # fmt: skip


@pytest.mark.parametrize("writing", UNUSUAL)
def test_a_secret_is_found_in_a_writing_within_a_writing(writing: str) -> None:
    assert CANARY not in UNUSUAL[writing]
    assert find(f"before {UNUSUAL[writing]} after".encode(), [Secret("AUTH_PASSWORD", CANARY)])


def test_a_short_secret_is_found_in_basic_whoever_sends_it() -> None:
    known = [Secret("p", "1234")]
    text = b"Authorization: Basic " + base64.b64encode(b"somebody:1234")
    assert [hit.form for hit in find(text, known)] == ["basic"]
    assert hide(text, known) == (b"Authorization: Basic (secret hidden)==", {"p": 1})
    assert not find(b"Basic " + base64.b64encode(b"somebody:12345"), known)


@pytest.mark.parametrize("at", [0, 2**18 - 20, 2**18 - 15, 2**18 + 3])
@pytest.mark.parametrize("many", [1, 150])
@pytest.mark.parametrize("is_short", [False, True])
def test_a_secret_is_found_wherever_it_stands_however_many_there_are(at: int, many: int, is_short: bool) -> None:
    value = "4711" if is_short else "kanarienvogel"
    known = secrets([*((f"s{one}", f"otherSecret{one:05d}") for one in range(many)), ("this", value)])
    line = b'{"password": "' + value.encode() + b'"}\n'
    data = b"-" * at + b"\n" + line + b"-" * 2**18
    assert [hit.name for hit in find(data, known)] == ["this"]
    hidden, counts = hide(data, known)
    assert counts == {"this": 1} and len(hidden) == len(data) - len(value) + len(HIDDEN)


def test_many_secrets_are_looked_for_at_once() -> None:
    line = b"[INFO ] 2026-11-23 01:02:03,123 ocpp.ws.WebSocketLogger (q-41) - [chargeBoxId=CP-%05d]\n"
    data = b"".join(line % number for number in range(10_000))
    own = {f"p{one}": f"CP-{one:05d}" for one in range(500)}
    known = secrets(((name, f"{number * 7919 % 10**8:08d}" if number % 2 else f"stationPassword{number:04d}")
                     for number, name in enumerate(own)), ["admin"], own)  # fmt: skip
    # Looking for each of them with every id took minutes (tests/benchmark/redacting.py).
    assert hide(data, known) == (data, {}) and not find(data, known)
    for secret in (known[0], known[-1]):
        written = data + b"password=" + secret.value.encode() + b"\n"
        hidden, counts = hide(written, known)
        assert secret.value.encode() not in hidden and counts == {secret.name: 1}
        assert {hit.name for hit in find(written, known)} == {secret.name}


def test_a_search_ends_when_its_time_is_over() -> None:
    def over() -> None:
        raise TimeoutError

    for look in (find, hide):
        with pytest.raises(TimeoutError):
            look(b"x" * 100, [Secret("s", "kanarienvogel")], over)
