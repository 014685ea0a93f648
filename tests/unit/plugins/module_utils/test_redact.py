# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules of redaction: what is secret goes, what diagnosis needs stays, whatever the text is."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _nginx_conf, _redact
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.hostile_lines import BEGUN, line

CANARY = "kanarienVogel4711"
STAMP = (
    "[INFO ] 2026-11-23 01:02:03,123 de.rwth.idsg.steve.ocpp.ws.WebSocketLogger (q-41) - "
    "[chargeBoxId=CP-1, sessionId=s-1] "
)


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        ("id-tag", f'Received: [2,"a","Authorize",{{"idTag":"{CANARY}"}}]'),
        ("id-tag", f'{{\\"idTag\\":\\"{CANARY}\\"}}'),
        ("id-tag", f'"parentIdTag" : "{CANARY} with blank"'),
        ("id-tag", f'{{"idToken":{{"idToken":"{CANARY}","type":"ISO14443"}}}}'),
        ("id-tag", f"The user with idTag '{CANARY}' is NOT present in DB (unknown)."),
        ("id-tag", f"StartTransaction[connectorId=1, idTag={CANARY}, meter=0]"),
        ("id-tag", f"<ns:idTag>{CANARY}</ns:idTag>"),
        ("id-tag", f"Deleted Ocpp Tag with ocppTagPk=7 and ocppTagId={CANARY}"),
        ("id-tag", f"Multiple users found for OcppTag {CANARY}"),
        ("id-tag", f"(conn=12) Duplicate entry '{CANARY}' for key 'ocpp_tag.idTag_UNIQUE'"),
        ("id-tag", f'<cs:idTag xsi:type="xsd:string">{CANARY}</cs:idTag>'),
        ("id-tag", f'<idTag xmlns="urn://Ocpp/Cs/2012/06/">{CANARY}</idTag>'),
        ("id-tag", f"<idTag>\n   {CANARY}\n</idTag>"),
        ("id-tag", f"<ns:parentIdTag><![CDATA[{CANARY}]]></ns:parentIdTag>"),
        ("id-tag", f"&lt;idTag&gt;{CANARY}&lt;/idTag&gt;"),
        ("id-tag", f'"idTag":"AB\\"{CANARY}"'),
        ("id-tag", f'"idTag":"\\u0041{CANARY}"'),
        ("id-tag", f'{{\\"idTag\\":\\"AB\\\\\\"{CANARY}\\"}}'),
        ("id-tag", f'"idTags":["A", "{CANARY}"]'),
        ("id-tag", f"idTags=[A, {CANARY}], b=[c]"),
        ("id-tag", f"OcppTag(idTag=[{CANARY}])"),
        ("station-key", f'{{"key":"FreevendIdTag","readonly":false,"value":"{CANARY}"}}'),
        ("authorization", f"Authorization: Basic {CANARY}=="),
        ("authorization", f'Authorization: Digest username="a", realm="x", nonce="n", response="{CANARY}"'),
        ("authorization", f"authorization=[Basic {CANARY}=]"),
        ("authorization", f'{{"authorization":"Bearer {CANARY}"}}'),
        ("authorization", f"headers Bearer {CANARY}."),
        ("cookie", f"Cookie: JSESSIONID={CANARY}; theme=dark"),
        ("cookie", f'"Set-Cookie":"SESSION={CANARY}; Path=/steve"'),
        ("cookie", f"GET /steve/manager/home;jsessionid={CANARY} HTTP/1.1"),
        ("csrf", f"_csrf={CANARY}"),
        ("csrf", f"X-CSRF-TOKEN: {CANARY}"),
        ("csrf", f'<input type="hidden" name="_csrf" value="{CANARY}"/>'),
        ("query", f"GET /steve/manager/x?key={CANARY}&b=1 HTTP/1.1"),
        ("query", f"to https://charge.example.net/steve?{CANARY}=1"),
        ("query", f"jdbc:mysql://db:3306/stevedb?user=steve&password={CANARY}"),
        ("userinfo", f"http://steve:{CANARY}@db:3306/x"),
        ("secret-name", f"auth.password = {CANARY}"),
        ("secret-name", f"auth.password=${CANARY}"),
        ("secret-name", f'{{"password": "{CANARY} and more"}}'),
        ("secret-name", f"java -Dauth.password={CANARY} -jar steve.war"),
        ("secret-name", f"db.password: '{CANARY}'"),
        ("definition", f"mysqldump --password {CANARY} stevedb"),
        ("identified-by", f"CREATE USER steve IDENTIFIED BY '{CANARY}'"),
        ("station-key", f'[2,"a","ChangeConfiguration",{{"key":"AuthorizationKey","value":"{CANARY}"}}]'),
        ("station-key", f'{{"key":"AuthorizationKey","readonly":false,"value":"{CANARY}"}}'),
        ("station-key", f'{{"attributeValue":"{CANARY}","component":{{}},"variable":{{"name":"BasicAuthPassword"}}}}'),
        ("station-key", f'{{"value":"{CANARY}","key":"AuthorizationKey"}}'),
        ("station-key", f'{{"key":"AuthorizationKey","value":"abc\\"{CANARY}"}}'),
        ("station-key", f'{{\\"key\\":\\"AuthorizationKey\\",\\"value\\":\\"{CANARY}\\"}}'),
        ("station-key", f'{{"key":"WiFiPassword","readonly":false,"value":"{CANARY}"}}'),
        ("station-key", f'"key":"APNPassword","readonly":false,"value":"{CANARY}"'),
        ("station-key", f'{{"key":"OCPP_Password","readonly":false,"value":"{CANARY}"}}'),
        ("station-key", f'{{"key":"wifi_psk","value":"{CANARY}"}}'),
        ("station-key", f"ChangeConfigurationRequest(key=AuthorizationKey, value={CANARY})"),
        ("station-key", f"<ns:key>AuthorizationKey</ns:key><ns:readonly>0</ns:readonly><ns:value>{CANARY}</ns:value>"),
        ("secret-name", f"DB_PW={CANARY}"),
        ("secret-name", f"dbpass: {CANARY}"),
        ("private-key", f"-----BEGIN RSA PRIVATE KEY-----\n{CANARY}\n-----END RSA PRIVATE KEY-----"),
        ("private-key", f"pem: -----BEGIN PRIVATE KEY-----\\n{CANARY}\\n-----END PRIVATE KEY-----"),
        ("private-key", f"-----BEGIN EC PRIVATE KEY-----\n{CANARY}\n{CANARY}"),
        ("private-key", f"{CANARY}{CANARY}\n-----END PRIVATE KEY-----"),
    ],
)
def test_a_secret_in_a_log_goes_and_its_line_stays(rule: str, line: str) -> None:
    done = _redact.log(f"{STAMP if not line.startswith(CANARY) else ''}{line}\n{STAMP}Sending: next")
    assert CANARY not in done.text and rule in done.counts, done
    assert done.text.endswith(f"{STAMP}Sending: next")
    assert done.text.startswith(STAMP) or line.startswith(CANARY)
    again = _redact.log(done.text)
    assert again.text == done.text, "what is redacted is left as it is"


@pytest.mark.parametrize(
    "line",
    [
        'Received: [2,"b1","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]',
        'Sending: [3,"b1",{"status":"Accepted","currentTime":"2026-11-26T00:40:44.971Z","interval":14400}]',
        'Sending: [3,"a",{"idTagInfo":{"status":"Invalid"}}]',
        "Access denied for user 'steve'@'172.18.0.3' (using password: YES)",
        "Failed to find username and password in Basic Authorization header for ChargeBoxId 'CP-1'",
        "Invalid password attempt for ChargeBoxId 'admin'",
        "No mapping for GET /steve/websocket/CentralSystemService/1234",
        "Jetty started on port 8180 (http/1.1) with context path '/steve'",
        "Connection is closed, status: CloseStatus[code=1006, reason=null]",
        "select * from charge_box where id = ?",
        'Sending: [2,"q","ChangeConfiguration",{"key":"AuthorizationCacheEnabled","value":"true"}]',
        'Sending: [2,"q","GetConfiguration",{"key":["AuthorizationKey"]}]',
        '[3,"a",{"configurationKey":[{"key":"AuthorizationKey","readonly":false},{"key":"HeartbeatInterval","value":"9"}]}]',
        '[3,"a",{"configurationKey":[{"value":"9","key":"MinPasswordLength"},{"value":"300","key":"HeartbeatInterval"}]}]',
        '<key>MeterValueSampleInterval</key><value>60</value>', "MeterValue(value=12, unit=Wh)",
        '[2,"a","SendLocalList",{"localAuthorizationList":[{"expiryDate":"2026"}],"updateType":"Full"}]',
        'WWW-Authenticate: Basic realm="SteVe"', "Deleted Ocpp Tag with ocppTagPk=7", "ssid: bypass: 1",
        "Duplicate entry 'CP-1' for key 'chargeBoxId_UNIQUE'",
        '"idTag":null', "password=null", "ssl.key-store-password=", "token: ${STEVE_TOKEN}",
        "-----BEGIN CERTIFICATE-----",
        "at de.rwth.idsg.steve.web.api.TokenService.key(TokenService.java:12)",
        "ChargeBoxId 'CP 1?x=y' is not recognized.",
    ],
)  # fmt: skip
def test_what_diagnosis_needs_stays(line: str) -> None:
    done = _redact.log(STAMP + line)
    assert done.text == STAMP + line and not +done.counts


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        # Its end only, with a short last line, behind what a log or docker writes, and as JSON.
        (f"a b\n{CANARY}A\n{CANARY}B=\n47==\n-----END PRIVATE KEY-----\nx",
         "a b\n§\n§\n§\n-----END PRIVATE KEY-----\nx"),
        (f"a (1)\n{STAMP}{CANARY}\n{STAMP}4w==\n{STAMP}-----END RSA PRIVATE KEY-----",
         f"a (1)\n{STAMP}§\n{STAMP}§\n{STAMP}-----END RSA PRIVATE KEY-----"),
        (f'{{"pem":"{CANARY}\\nQQ==\\n-----END PRIVATE KEY-----\\n"}}', '{"pem":"§-----END PRIVATE KEY-----\\n"}'),
        # Its begin only.
        (f"{STAMP}-----BEGIN PRIVATE KEY-----\n{STAMP}{CANARY}\n{STAMP}Sending: next",
         f"{STAMP}(private key hidden)\n{STAMP}Sending: next"),
        (f"pem: -----BEGIN PRIVATE KEY-----\\u000a{CANARY}", "pem: (private key hidden)"),
        (f"pem: -----BEGIN PRIVATE KEY----- {CANARY} {CANARY}", "pem: (private key hidden)"),
        (f"2026-11-23T01:02:03.123456789Z -----BEGIN PRIVATE KEY-----\n2026-11-23T01:02:03.123456789Z {CANARY}\n"
         "2026-11-23T01:02:03.123456789Z x y", "2026-11-23T01:02:03.123456789Z (private key hidden)\n"
         "2026-11-23T01:02:03.123456789Z x y"),
        ("-----END CERTIFICATE-----\nAAAA\n", "-----END CERTIFICATE-----\nAAAA\n"),
        ("Jetty started\n-----END CERTIFICATE-----", "Jetty started\n-----END CERTIFICATE-----"),
    ],
)  # fmt: skip
def test_of_a_key_that_the_window_cut_nothing_is_left(text: str, shown: str) -> None:
    done = _redact.log(text)
    assert done.text == shown.replace("§", "(value hidden)")
    assert _redact.log(done.text).text == done.text


def test_only_the_value_of_a_secret_key_goes() -> None:
    """OCPP 1.6 answers with many keys in one line, OCPP 2 names the variable in an object of its own."""
    line = (
        '[3,"a",{"configurationKey":[{"key":"HeartbeatInterval","readonly":false,"value":"300"},'
        '{"key":"WiFiPassword","readonly":false,"value":"V"},{"key":"SSID","readonly":false,"value":"net"}]}]'
    )
    assert _redact.log(line).text == line.replace('"V"', '"(value hidden)"')
    line = (
        '[{"attributeValue":"V","component":{"name":"SecurityCtrlr"},"variable":{"name":"BasicAuthPassword"}},'
        '{"attributeValue":"300","component":{"name":"OCPPCommCtrlr"},"variable":{"name":"HeartbeatInterval"}}]'
    )
    assert _redact.log(line).text == line.replace('"V"', '"(value hidden)"')
    line = "[KeyValue(key=A, readonly=0, value=b), KeyValue(key=AuthorizationKey, value=V), KeyValue(key=C, value=d)]"
    assert _redact.log(line).text == line.replace("=V", "=(value hidden)")


def test_what_stands_beside_an_idtag_stays() -> None:
    line = '"localAuthorizationList":[{"idTag":"X","idTagInfo":{"status":"Accepted"}},{"idTag": 4711}],"a":"Full"'
    shown = line.replace('"X"', '"(idTag 1)"').replace("4711", "(idTag 2)")
    assert _redact.log(line).text == shown
    assert _redact.log("authorization=[Basic abc=], accept=[*/*]").text == (
        "authorization=[Basic (value hidden)], accept=[*/*]"
    )


@pytest.mark.parametrize("begun", BEGUN)
def test_what_a_hostile_line_begins_and_never_ends_exempts_nothing_below_it(begun: str) -> None:
    text = f"{line(begun, _redact.MAX_LINE)}\npassword={CANARY}\n"
    for done in (_redact.log(text), _redact.compose(text), _redact.nginx(text.encode(), "x")):
        assert CANARY not in done.text
    # Many of them: a rule that goes back and forth in such a line takes minutes here (tests/benchmark/redacting.py).
    whole = _redact.log(f"{STAMP}{line(begun, 15_000)}\n" * 20)
    assert whole.text.count(STAMP.strip()) == 20
    by_docker = _redact.log(f"2026-11-23T01:02:03.123456789Z {STAMP}{line(begun, 500)}\n" * 3)
    assert by_docker.text.count(f"Z {STAMP.strip()}") == 3


def test_one_idtag_is_one_number() -> None:
    tags = _redact.Tags()
    first = _redact.log('"idTag":"A" "idTag":"B" "idTag":"A"', tags)
    second = _redact.log('"idTag":"B"', tags)
    assert first.text == '"idTag":"(idTag 1)" "idTag":"(idTag 2)" "idTag":"(idTag 1)"'
    assert second.text == '"idTag":"(idTag 2)"' and first.counts["id-tag"] == 3


def test_a_line_of_megabytes_is_cut() -> None:
    done = _redact.log(f"{STAMP}{'x' * 3_000_000}{CANARY}\n{STAMP}short")
    assert CANARY not in done.text and len(done.text) < 20_000 and done.text.endswith("short")
    assert done.counts["long-line"] == 1


@given(st.text(max_size=400))
def test_no_text_breaks_a_rule(text: str) -> None:
    _redact.log(text)
    _redact.compose(text)
    _redact.nginx(text.encode(), "/etc/nginx/x")


@given(st.lists(st.sampled_from([
    "password=", "token: ", '"', "'", "\\", "x", "Cookie: ", "[", "://", "@", "?", "=", "/",
    "-----BEGIN PRIVATE KEY-----",
    "Authorization: ", "idTag=", "\n", " ", "{", "}", "BasicAuthPassword", '"value":"', ".", "-", "_csrf=",
]), max_size=3000))  # fmt: skip
def test_hostile_text_takes_no_endless_time(pieces: list[str]) -> None:
    _redact.log("".join(pieces))


# -- compose files -----------------------------------------------------------------------------------------

COMPOSE = f"""\
name: steve
x-common: &common
  restart: unless-stopped # {{}}
services:
  app:
    image: registry.example.net/steve:3.14.1
    ports: ["127.0.0.1:8180:8180"]
    environment:
      DB_HOST: mariadb
      DB_PORT: 3306
      TZ: UTC
      DB_PASSWORD: {CANARY}
      UNKNOWN_THING: {CANARY}
      FROM_SHELL: ${{FROM_SHELL:-{CANARY}}}
      PLAIN_SHELL: ${{PLAIN_SHELL}}
      PASSWORD_FILE: /run/secrets/db
      OTHER_PASSWORD: $OTHER_PASSWORD
    command: java -Dauth.password={CANARY} -Dserver.port=8180 -jar steve.war
    healthcheck:
      test: ["CMD", "curl", "-f", "http://admin:{CANARY}@localhost:8180/steve"]
  db:
    environment:
      - MARIADB_PASSWORD={CANARY}
      - "MARIADB_DATABASE=stevedb"
      - OTHER={CANARY} # note
    healthcheck: {{test: ["CMD", "mysqladmin", "ping", "-p{CANARY}"], interval: 5s}}
    secret_text: |
      {CANARY}
      {CANARY}
    labels: {{api_key: {CANARY}, color: red}}
  # AUTH_PASSWORD={CANARY}
"""


def test_a_compose_file_keeps_its_lines_and_names_and_loses_its_secrets() -> None:
    done = _redact.compose(COMPOSE)
    assert CANARY not in done.text
    assert len(done.text.splitlines()) == len(COMPOSE.splitlines())
    for kept in (
        "DB_HOST: mariadb", "DB_PORT: 3306", "TZ: UTC", "DB_PASSWORD: (value hidden)", "PLAIN_SHELL: ${PLAIN_SHELL}",
        "FROM_SHELL: ${FROM_SHELL:-(value hidden)}", "PASSWORD_FILE: ",
        "OTHER_PASSWORD: $OTHER_PASSWORD", "-Dserver.port=8180", '"127.0.0.1:8180:8180"',
        "image: registry.example.net/steve:3.14.1", "MARIADB_DATABASE=stevedb", "interval: 5s", "color: red",
        "restart: unless-stopped # {}", "@localhost:8180/steve", "  db:",
    ):  # fmt: skip
        assert kept in done.text, kept
    assert _redact.compose(done.text).text == done.text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x-env: &env\n  SMTP_PW: §\n  OTHER: §\n", None),
        ("    environment: {DB_PASSWORD: §, smtp: §, DB_HOST: db}\n", None),
        ('    environment: ["SMTP_PW=§ §", DB_HOST=db]\n', '    environment: ["SMTP_PW=§", DB_HOST=db]\n'),
        ('{"app": {"environment": {"DB_PASSWORD": "§", "smtp": "§"}, "image": "steve:1"}}\n', None),
        ('{\n  "environment": {\n    "smtp": "§",\n    "DB_HOST": "db"\n  },\n  "image": "a"\n}\n',
         '{\n  "environment": {\n    "smtp": §,\n    "DB_HOST": "db"\n  },\n  "image": "a"\n}\n'),
        ('  environment:\n    SMTP: "ab\n      §"\n    DB_HOST: db\n',
         "  environment:\n    SMTP: §\n      §\n    DB_HOST: db\n"),
        ("  environment:\n    - SMTP=§\n    -\n      SMTP_PW=§\n    - >-\n      SMTP_PW=§\n", None),
        ("password:\n  §\nname: x\n", None),
        ("password: # why\n  §\nname: x\n", None),
        ("extra: {password: &a §, b: *a}\n", None),
        ('test: ["CMD", "curl", "-fsu", "admin:§", "http://localhost:8180/steve"]\n', None),
        ("test: curl -fu admin:§ http://localhost:8180/steve\n", None),
        ("test:\n  - curl\n  - --user\n  - admin:§\n  - http://localhost\n", None),
        ("test:\n  - CMD\n  - mysqladmin\n  - ping\n  - -p§\n", None),
        ('test: ["CMD", "mysqladmin", "ping", "--password", "§"]\n', None),
        ("command:\n  - --password\n  - §\n  - --port\n  - 3306\n", None),
        ("command: redis-server --requirepass § --port 1\n", None),
        ("command: sh -c 'export DB_PW=§; exec java -Dsmtp.pw=§ -jar x'\n", None),
        ('labels:\n  - "traefik.http.middlewares.a.basicauth.users=admin:$$apr1$$x$$§,b:§"\n',
         'labels:\n  - "traefik.http.middlewares.a.basicauth.users=admin:§,b:§"\n'),
        ("url: jdbc:mysql://db/x?user=a&password=${DB_PASSWORD:-§}\n", None),
        ("  # OLD_PW: §\n", None),
    ],
)  # fmt: skip
def test_a_secret_outside_of_its_usual_place_goes(text: str, shown: str | None) -> None:
    done = _redact.compose(text.replace("§", CANARY))
    assert done.text == (shown or text).replace("§", "(value hidden)")
    assert _redact.compose(done.text).text == done.text
    # A value of several lines is not known as a whole.
    assert CANARY in " ".join(value for _name, value in done.values) or '"ab\n' in text


@pytest.mark.parametrize(
    "text",
    [
        "    environment:\n      AUTH_USER: admin\n      CONTEXT_PATH: /steve\n      JAVA_OPTS: -Dserver.port=1\n",
        "    environment: {TZ: UTC, SPRING_DATASOURCE_URL: 'jdbc:mysql://db:3306/stevedb', OCPP_WS_URL: ws://x/steve}\n",
        "# NOTE: for all\nuser: 1000:1000\ncommand: docker run -u 1000:1000 -p 8180:8180 -pports\n",
        "secrets:\n  db_password:\n    file: ./x\nservices:\n  app:\n    secrets:\n      - db_password\n",
        "    environment:\n      DB_PASSWORD:\n      DB_PASSWORD_FILE: /run/x\n    cap_add: [NET_ADMIN]\n",
        "    credential_spec:\n      file: x.json\n    command: --password-file /run/x\n",
        "    command: [\"mysqld\", \"--port\", \"3306\"]\n    ports:\n      - 127.0.0.1:8180:8180\n",
        "    labels:\n      - traefik.http.routers.steve.rule=Host(`x`) && PathPrefix(`/steve`)\n",
        "    environment:\n      DB_PASSWORD: ${DB_PASSWORD:?not set}\n      X: ${X}\n",
    ],
)  # fmt: skip
def test_what_connects_the_parts_stays(text: str) -> None:
    done = _redact.compose(text)
    assert done.text == text and not done.values


# -- nginx -------------------------------------------------------------------------------------------------

NGINX = f"""\
server_tokens off;
map $http_x_api_key $allowed {{ default 0; "{CANARY}" 1; ~^/steve 1; }}
map $host $backend_token {{ default "{CANARY}"; }}
server {{
    listen 80;
    server_name steve.example.net;
    # proxy_set_header Authorization "Basic {CANARY}=";
    location = /steve {{ return 301 /steve/; }}
    location /steve/ {{
        proxy_pass http://steve:{CANARY}@127.0.0.1:8180;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Authorization
            "Basic {CANARY}=";
        proxy_set_header X-Api-Key {CANARY};
        proxy_set_header X-Auth $http_authorization;
        proxy_cookie_path / /steve;
        auth_basic "admin";
        auth_basic_user_file /etc/nginx/htpasswd;
        if ($arg_key != "{CANARY}") {{ return 403; }}
        secure_link_md5 "$uri {CANARY}";
        proxy_read_timeout 3600s;
    }}
}}
"""


def test_nginx_keeps_its_structure_and_loses_its_secrets() -> None:
    done = _redact.nginx(NGINX.encode(), "/etc/nginx/nginx.conf")
    assert CANARY not in done.text
    for kept in (
        "server_tokens off;", "location = /steve { return 301 /steve/; }", "Upgrade $http_upgrade;",
        "X-Auth $http_auth",
        "proxy_cookie_path / /steve;", 'auth_basic "admin";', "auth_basic_user_file /etc/nginx/htpasswd;",
        "proxy_read_timeout 3600s;", "server_name steve.example.net;", "listen 80;", "@127.0.0.1:8180;",
    ):  # fmt: skip
        assert kept in done.text, kept
    # It is a configuration still, with as many directives.
    whole, other = (_nginx_conf.parse(text.encode(), "x").directives for text in (NGINX, done.text))
    assert [one.name for one in whole] == [one.name for one in other]
    assert len(done.text.splitlines()) == len(NGINX.splitlines())


def test_what_nginx_could_not_read_is_redacted_line_by_line(tmp_path: Path) -> None:
    broken = NGINX.replace("listen 80;", "listen 80")[:-2]
    done = _redact.nginx(broken.replace(f'"{CANARY}" 1', "1 1").replace(f'!= "{CANARY}"', "").encode(), "x")
    assert "location = /steve" in done.text and f"Basic {CANARY}" not in done.text


@pytest.mark.parametrize(
    "text",
    [
        'location / { proxy_pass http://a; proxy_set_header Cookie ""; proxy_set_header Upgrade $http_upgrade; }',
        'proxy_set_header Authorization "";\nproxy_set_header Cookie "";\nproxy_http_version 1.1;',
        'if ($http_authorization = "") { return 401; }',
        "location = /token { return 200; }\nlocation /c { proxy_pass http://token-service:8080; }",
        "upstream secret-app { server 10.0.0.1:8180; }",
        "proxy_pass_header Authorization; proxy_ignore_headers Set-Cookie Cache-Control; proxy_cookie_path / /steve;",
        "proxy_set_header Authorization $http_authorization; proxy_set_header X-Auth \"Basic $basic\";",
        "rewrite ^/a(?:b|c)$ /x?id=$1&to=$arg_to last; return 301 https://$host$request_uri?$args;",
        "location ~ ^/(?<token>[a-z]+)=x { return 200; }",
        "log_format main '$remote_addr \"$http_cookie\"'; limit_req_zone $http_authorization zone=auth:10m rate=1r/s;",
        "map $http_x_forwarded_proto $scheme_of { https https; default http; }",
        "server_tokens off; # location = /token { return 200; }",
    ],
)  # fmt: skip
def test_a_directive_that_holds_no_secret_stays(text: str) -> None:
    done = _redact.nginx(text.encode(), "x")
    assert done.text == text and not +done.counts


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        # What stands beside a hidden value.
        ("location / { proxy_set_header X-Token §; proxy_pass http://h/x?token=§; }",
         'location / { proxy_set_header X-Token "§"; proxy_pass http://h/x?token=§; }'),
        ("proxy_set_header X-Token §; # old password: §", 'proxy_set_header X-Token "§"; # old password: §'),
        ('proxy_set_header X "a"; more_set_input_headers "Authorization: Basic §"; proxy_http_version 1.1;',
         'proxy_set_header X "a"; more_set_input_headers "Authorization: §"; proxy_http_version 1.1;'),
        ("if ($http_x_steve != §) { return 403; }", 'if ($http_x_steve != "§") { return 403; }'),
        ('set $basic "§"; set $creds §;', 'set $basic "§"; set $creds "§";'),
        ("rewrite ^ /x?key=§ last;", "rewrite ^ /x?key=§ last;"),
        ('proxy_set_body "user=a&pw=§";', 'proxy_set_body "user=a&pw=§";'),
        ("env TZ=UTC; env STEVE_PW=§;", "env TZ=UTC; env STEVE_PW=§;"),
        ("# curl -u admin:§ http://x\n# Passwort §\n# set $api_key §;",
         "# curl -u admin:§ http://x\n# Passwort §\n# set $api_key §;"),
        # What nginx could not read, and what this reader does not.
        ('broken {\n proxy_cookie_path / /; proxy_set_header X-Auth "§"; proxy_http_version 1.1;',
         'broken {\n proxy_cookie_path / /; proxy_set_header X-Auth "§"; proxy_http_version 1.1;'),
        ('a_by_lua_block { say("don\'t") }\nset $basic "§";\nrewrite ^ /x?key=§ last;\nproxy_set_header Cookie "";',
         'a_by_lua_block { say("don\'t") }\nset $basic "§";\nrewrite ^ /x?key=§ last;\nproxy_set_header Cookie "";'),
        ('broken {\n location = /token { if ($arg_key != "§") { return 403; } }',
         'broken {\n location = /token { if ($arg_key != "§") { return 403; } }'),
    ],
)  # fmt: skip
def test_only_the_value_goes_from_a_line_of_nginx(text: str, shown: str) -> None:
    done = _redact.nginx(text.replace("§", CANARY).encode(), "x")
    assert done.text == shown.replace("§", "(value hidden)")
    assert _redact.nginx(done.text.encode(), "x").text == done.text
