# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The catalogue of findings: one table that drives code, documentation and tests.

Ids are stable once released and retired ids are never used again. Facts about SteVe in the texts come from its
tagged sources and from answers of live servers; see the links in ``docs/findings.md``.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Layers in the order in which a person should read them.
LAYERS = (
    "app", "network", "tls", "path", "proxy", "registration", "handshake", "session", "time", "credentials",
)  # fmt: skip

FAIL = "fail"
WARN = "warn"

HOST = "host"
HOP = "hop"
CHARGE_BOX = "charge_box"


@dataclass(frozen=True)
class Remedy:
    """What to do, and who can do it.

    Attributes:
        text: a sentence for a person.
        by: a role or module of this collection, or ``operator`` | ``charger`` | ``network`` | ``steve``.
        command: a command line that applies it, or None.
    """

    text: str
    by: str
    command: str | None = None


@dataclass(frozen=True)
class Entry:
    """One question the diagnosis asks.

    Attributes:
        id: stable kebab-case id.
        layer: one of ``LAYERS``.
        severity: ``fail`` or ``warn``.
        scope: ``host`` (asked once), ``hop`` (asked for each probed hop) or ``charge_box`` (asked once for all ids).
        title: a few words.
        meaning: what it means for the charger.
        needs: ids that must not fail for this question to make sense. A plain id is looked up on the same hop, or
            on the host where it has no hop; ``id@direct`` on the direct hop; a ``direct:`` prefix applies the
            need only to the check of the direct hop, ``behind:`` only to those of the proxy and the public hop,
            ``open:`` only while nothing was seen (a failure that was seen stands by itself).
        evidence: sources that a finding of this id cites.
        remedy: what to do.
        side_effect: of looking: ``none`` | ``log-line`` | ``unknown-list`` | ``may-register``.
    """

    id: str
    layer: str
    severity: str
    scope: str
    title: str
    meaning: str
    needs: tuple[str, ...]
    evidence: tuple[str, ...]
    remedy: Remedy
    side_effect: str = "none"


_REMEDIATE = "ansible-playbook chargeops.steve.remediate"
_TO_NGINX = f"{_REMEDIATE} --tags nginx"
_TO_ENV = f"{_REMEDIATE} --tags env"
_TO_BOXES = f"{_REMEDIATE} --tags charge_boxes"

_APP_DOWN = (
    "app-not-running", "app-restarting", "app-starting", "app-failed-to-start", "app-out-of-memory", "app-port-taken",
    "app-port-not-published",
)  # fmt: skip
#: A fault of the host's own port, which is told only where the chargers come to that port.
_OWN_PORT = ("behind:app-port-not-published", "behind:app-loopback-only")
_RESOLVE = ("dns-unresolvable",)
_CONNECT = (*_RESOLVE, "tcp-refused", "tcp-timeout", "host-unreachable")
_HTTP = (
    *_CONNECT, "connection-closed", "http-timeout", "not-http", "tls-on-plain-port", "plain-on-tls-port",
    "tls-handshake-failed",
)  # fmt: skip
_PATH = (
    *_HTTP, "redirected", "proxy-login-wall", "proxy-bad-gateway", "proxy-no-route", "wrong-context-path",
    "wrong-path", "soap-path",
)  # fmt: skip
#: What a proxy shows of the program that holds SteVe's port.
_BEHIND_SQUATTER = "behind:app-port-taken"
#: What keeps a certificate from being seen; one that was seen stands by itself.
_BEFORE_TLS = tuple(f"open:{need}" for need in ("connection-closed", "http-timeout", "not-http", "tls-on-plain-port"))
_DIRECT_APP = tuple(f"direct:{need}" for need in _APP_DOWN)
_BEHIND_APP = tuple(f"behind:{need}" for need in _APP_DOWN)
_BEHIND_DIRECT = tuple(f"behind:{need}@direct" for need in _HTTP)
_OPEN_DIRECT = (*(f"open:{need}@direct" for need in _PATH), *(f"open:{need}" for need in _APP_DOWN))
#: What ends before SteVe leaves open whose SteVe it is; a server that is another one shows by these as well.
_OPEN_ELSEWHERE = tuple(
    f"open:{need}" for need in _PATH[len(_HTTP) :] if need not in ("proxy-no-route", "wrong-context-path")
)
#: What nginx does may be what its files no longer say.
_NOT_LOADED = ("behind:proxy-config-not-loaded",)
#: A proxy's silence hides no old address: nobody answers at one that nobody has any more.
_BEFORE_STALE = (*(need for need in _HTTP if need != "http-timeout"), *_BEHIND_DIRECT)
_WEB_API = (*_APP_DOWN, *(f"{need}@direct" for need in (*_HTTP, "wrong-context-path")))
_IDS = (*_APP_DOWN, *_PATH, "public-url-elsewhere", "db-unreachable")
#: What keeps every charger out at the proxy or on the way to it.
_ON_THE_WAY = (
    *_PATH, "public-url-elsewhere", "proxy-upgrade-stripped", "proxy-connection-stripped", "proxy-http10-upstream",
    "tls-version-too-old", "tls-untrusted", "tls-chain-incomplete", "tls-expired", "tls-name-mismatch",
)  # fmt: skip


def _network(id: str, title: str, meaning: str, needs: tuple[str, ...], text: str, by: str = "network") -> Entry:
    before = (*_DIRECT_APP, *_OWN_PORT, *needs)
    return Entry(id, "network", FAIL, HOP, title, meaning, before, ("probe",), Remedy(text, by))


def _certificate(id: str, severity: str, title: str, meaning: str, text: str, *needs: str) -> Entry:
    """A question about what a TLS endpoint presents; the same fault on the next hop is the same fault."""
    same = (f"{id}@direct", f"{id}@proxy")
    return Entry(
        id, "tls", severity, HOP, title, meaning, (*_DIRECT_APP, *_CONNECT, *_BEFORE_TLS, *needs, *same), ("tls",),
        Remedy(text, "operator"),
    )  # fmt: skip


CATALOGUE: tuple[Entry, ...] = (
    # -- app ------------------------------------------------------------------------------------------------
    Entry(
        "compose-project-missing", "app", FAIL, HOST, "No compose project",
        "The project directory holds no compose file and no container belongs to it, so there is no SteVe to ask.",
        (), ("compose",),
        Remedy("Correct steve_project_dir, or deploy SteVe there.", "operator"),
    ),
    Entry(
        "app-not-running", "app", FAIL, HOST, "The app container is not running",
        "SteVe's container is stopped, paused or was never created; no charger can connect.",
        ("compose-project-missing", "app-out-of-memory", "app-port-taken"), ("compose",),
        Remedy("Find out who stopped it, then start it: docker compose up -d with the app service.", "operator"),
    ),
    Entry(
        "app-restarting", "app", FAIL, HOST, "The app container restarts again and again",
        "SteVe does not come up; nothing about chargers can be judged before it does.",
        ("compose-project-missing", "app-out-of-memory", "app-port-taken"), ("compose",),
        Remedy("Read the last lines of the dead container's log; repair that first.", "operator"),
    ),
    Entry(
        "app-starting", "app", WARN, HOST, "SteVe is still starting",
        "The container runs but its port is not open yet. SteVe binds its port only at the end of its start, and an "
        "image that compiles at start needs minutes.",
        ("compose-project-missing", "app-not-running", "app-restarting", "app-port-not-published"),
        ("compose", "probe"),
        Remedy("Diagnose again with a longer steve_start_deadline: it waits that many seconds for it.", "operator"),
    ),
    Entry(
        "app-failed-to-start", "app", FAIL, HOST, "SteVe failed to start",
        "SteVe gave up during its start; its port is closed whatever the container's state is.",
        ("compose-project-missing", "app-restarting"), ("log",),
        Remedy(
            "Repair the cause named in the evidence, then start the app service again; its log says more.", "operator",
        ),
    ),
    Entry(
        "app-out-of-memory", "app", FAIL, HOST, "The app container was killed for memory",
        "The kernel ended SteVe because its container reached its memory limit or the host had no memory left. An "
        "image that compiles at start, as SteVe's own does, needs far more memory then than SteVe itself.",
        ("compose-project-missing",), ("compose", "resources", "log"),
        Remedy(
            "Raise the memory limit of the app service (mem_limit or deploy.resources.limits.memory), or give the host "
            "more memory, then docker compose up -d with the app service.", "operator",
        ),
    ),
    Entry(
        "app-port-taken", "app", FAIL, HOST, "SteVe's port is taken",
        "Another program or container holds a port that SteVe needs, so SteVe did not start.",
        ("compose-project-missing",), ("compose", "sockets", "log"),
        Remedy(
            "Stop the program that the evidence names, or publish SteVe at another port, then docker compose up -d "
            "with the app service.", "operator",
        ),
    ),
    Entry(
        "app-port-not-published", "app", FAIL, HOST, "The app's port is not published",
        "The chargers' URL leads straight to a port of this host that SteVe's container does not publish. A port that "
        "is only exposed can be reached by other containers, not by chargers.",
        ("compose-project-missing", "app-not-running", "app-restarting"), ("compose", "probe"),
        Remedy(
            'Publish it in the compose file, e.g. ports: ["8180:8180"] for the app service, or put a proxy in front.',
            "operator",
        ),
    ),
    Entry(
        "app-loopback-only", "app", FAIL, HOST, "SteVe listens on the loopback address only",
        "The chargers' URL leads straight to SteVe's port, which only this host itself can reach. Behind a proxy on "
        "the same host that is right, and not told here.",
        ("compose-project-missing", "app-not-running", "app-restarting"), ("compose", "sockets"),
        Remedy(
            "Publish the port at an address that the chargers reach (8180:8180 instead of 127.0.0.1:8180:8180). "
            "Without docker, set server.host of SteVe (127.0.0.1 in the profile prod); up to 3.8, build again then.",
            "operator",
        ),
    ),
    Entry(
        "db-unreachable", "app", FAIL, HOST, "SteVe cannot reach its data base",
        "Every handshake hangs for 30 seconds and is then refused, while the sign-in page still answers at once.",
        ("compose-project-missing", "disk-full", *_OPEN_DIRECT),
        ("compose", "probe", "admin"),
        Remedy("Start or unfreeze the data base; SteVe recovers by itself within seconds.", "operator"),
        "log-line",
    ),
    Entry(
        "db-refused-login", "app", FAIL, HOST, "The data base refuses SteVe's login",
        "User, password or rights of SteVe's data base user differ from what the data base knows, so SteVe does not "
        "start. A data volume keeps the users it was created with, whatever the compose file says since.",
        ("compose-project-missing",), ("log",),
        Remedy(
            "Give both sides the same password: correct it in SteVe's configuration, or set it in the data base with "
            "ALTER USER. Do not recreate the volume: it holds the charge boxes and transactions.", "operator",
        ),
    ),
    Entry(
        "db-time-zone", "app", FAIL, HOST, "Data base and SteVe disagree on the time zone",
        "SteVe runs in UTC and refuses to start while the data base's time zone has another offset.",
        ("compose-project-missing",), ("log",),
        Remedy(
            "Run the data base in UTC (default-time-zone = '+00:00', and no TZ in its environment) and start both "
            "again; SteVe itself must not be set to local time.", "operator",
        ),
    ),
    Entry(
        "disk-full", "app", FAIL, HOST, "A disk is full",
        "Data base, docker or SteVe's log can no longer be written. MariaDB waits for room without a word, so that "
        "handshakes hang; a container that cannot write ends.",
        (), ("resources",),
        Remedy(
            "Make room on the file system named in the evidence: docker system df shows what docker holds, old logs go "
            "first. The data base goes on by itself as soon as there is room.", "operator",
        ),
    ),
    # -- network --------------------------------------------------------------------------------------------
    _network("dns-unresolvable", "The name does not resolve",
             "The host name in the URL has no address where the probe was sent from.", (),
             "Correct the name in the URL or add it to the DNS that the chargers use."),
    _network("tcp-refused", "Connection refused",
             "The address answers, but nothing listens on that port.", _RESOLVE,
             "Check port and bind address, and that the service runs."),
    _network("tcp-timeout", "No answer to the connection attempt",
             "Packets are dropped on the way: firewall, NAT or routing; or the listener is overloaded.", _RESOLVE,
             "Open the way from the chargers' network to this address and port."),
    _network("host-unreachable", "No route to the host",
             "The network says that there is no way to this address.", _RESOLVE,
             "Correct the address or the routing."),
    _network("connection-closed", "Closed without an answer",
             "The connection is accepted and then closed without an HTTP answer.", (*_CONNECT, _BEHIND_SQUATTER),
             "Find out which program listens on this port and why it hangs up."),
    _network("http-timeout", "Connected, but no answer",
             "Something accepts the connection and never answers the request.",
             # A proxy waits for a SteVe that is paused or silent.
             (*_CONNECT, _BEHIND_SQUATTER, *_BEHIND_APP, "behind:http-timeout@direct"),
             "Find out which program listens on this port; if it is SteVe, look for a blocked start or data base."),
    _network("not-http", "Not an HTTP server",
             "The program behind this port speaks another protocol.", (*_CONNECT, _BEHIND_SQUATTER),
             "Correct the port: this is not SteVe's.", "operator"),
    _network("tls-on-plain-port", "TLS was spoken to a plain port",
             "The URL says wss, but the port speaks plain HTTP.", _CONNECT,
             "Use ws, or the port that speaks TLS.", "operator"),
    _network("plain-on-tls-port", "Plain HTTP was spoken to a TLS port",
             "The URL says ws, but the port speaks TLS.", _CONNECT,
             "Use wss, or the port that speaks plain HTTP.", "operator"),
    Entry(
        "public-url-elsewhere", "network", FAIL, HOP, "The public URL leads elsewhere",
        "Chargers that use it reach another SteVe, another server or themselves: ids that are registered here are "
        "unknown there, and nothing of them stands in this SteVe's log.",
        (*_HTTP, *_OPEN_ELSEWHERE), ("probe", "steve_public_ws_url"),
        Remedy("Correct the DNS record, the proxy's upstream or the URL in the chargers.", "network"),
        "unknown-list",
    ),
    # -- tls ------------------------------------------------------------------------------------------------
    Entry(
        "tls-handshake-failed", "tls", FAIL, HOP, "The TLS handshake failed",
        "Client and server could not agree on a TLS connection.",
        (*_DIRECT_APP, *_CONNECT, "tls-version-too-old", "tls-untrusted", "tls-chain-incomplete", "tls-expired",
         "tls-name-mismatch"),
        ("probe",),
        Remedy("Check certificate, client certificate and protocol versions of the TLS endpoint.", "operator"),
    ),
    _certificate(
        "tls-version-too-old", FAIL, "No TLS version in common with the chargers",
        "The endpoint offers no protocol version that the chargers speak. OCPP's security profiles 2 and 3 want TLS "
        "1.2 or later; many chargers do not speak 1.3 yet.",
        "Enable TLS 1.2, and 1.3 beside it: ssl_protocols TLSv1.2 TLSv1.3; in nginx.",
    ),
    _certificate(
        "tls-untrusted", FAIL, "The chargers do not trust the certificate",
        "The chain ends in no valid root that the chargers store. Browsers have other stores, so they show no fault.",
        "Present a chain that ends in a root of the chargers' store (ask the certificate authority for an alternative "
        "chain), or bring the new root into the chargers before the old one ends.",
        "tls-chain-incomplete",
    ),
    _certificate(
        "tls-chain-incomplete", FAIL, "The certificate chain is incomplete or out of order",
        "The server does not present every intermediate certificate, each followed by its issuer. Browsers fetch and "
        "sort them, chargers do not.",
        "Serve the server's certificate followed by its intermediates, then reload: ssl_certificate "
        ".../fullchain.pem; in nginx (not cert.pem), or a keystore that holds the whole chain.",
    ),
    _certificate(
        "tls-expired", FAIL, "The certificate has expired or is not valid yet",
        "Chargers refuse it.",
        "Renew it and let the server load it: certbot renew, then nginx -s reload. Where it was renewed already, the "
        "server still holds the old one; where it is not valid yet, correct the clock.",
    ),
    _certificate(
        "tls-expiring", WARN, "The certificate expires soon",
        "Chargers will refuse it after that. Automatic renewal would have happened by now.",
        "Find out why it was not renewed: certbot renew --dry-run; and that the server is reloaded after it.",
        "tls-expired",
    ),
    _certificate(
        "tls-name-mismatch", FAIL, "The certificate is for another name",
        "The name in the chargers' URL is not among the certificate's subject alternative names.",
        "Have the certificate issued for this name as well, use one of its names in the chargers' URL, or correct "
        "server_name: an nginx without a matching block presents the certificate of the default one.",
    ),
    # -- path -----------------------------------------------------------------------------------------------
    Entry(
        "wrong-context-path", "path", FAIL, HOP, "Wrong context path",
        "There is no SteVe under the first part of the URL's path; the usual one is /steve.",
        (*_DIRECT_APP, *_HTTP, "public-url-elsewhere"), ("probe",),
        Remedy("Correct the context path in the charger's URL.", "charger"),
    ),
    Entry(
        "wrong-path", "path", FAIL, HOP, "Wrong WebSocket path",
        "SteVe is there, but the rest of the path is not /websocket/CentralSystemService.",
        (*_DIRECT_APP, *_HTTP), ("probe",),
        Remedy("Correct the path in the charger's URL; it is case-sensitive.", "charger"),
    ),
    Entry(
        "soap-path", "path", FAIL, HOP, "The SOAP path is used for OCPP-J",
        "SteVe answers 200 under /services/ to everything, and a WebSocket is never opened there.",
        (*_DIRECT_APP, *_HTTP), ("probe",),
        Remedy("Use /steve/websocket/CentralSystemService/ in the charger's URL.", "charger"),
    ),
    Entry(
        "redirected", "path", FAIL, HOP, "The endpoint redirects",
        "Chargers do not follow redirects on the WebSocket path.", (*_DIRECT_APP, *_HTTP), ("probe",),
        Remedy("Give the chargers the final URL, or stop redirecting the WebSocket path.", "operator"),
    ),
    # -- proxy ----------------------------------------------------------------------------------------------
    Entry(
        "proxy-no-route", "proxy", FAIL, HOP, "The proxy does not route the WebSocket path",
        "A proxy answers by itself instead of forwarding the path to SteVe.",
        (*_DIRECT_APP, *_HTTP, "public-url-elsewhere", *_NOT_LOADED),
        ("probe", "nginx"),
        Remedy("Add the WebSocket location to the proxy's server block.", "nginx_websocket", _TO_NGINX),
    ),
    Entry(
        "proxy-upgrade-stripped", "proxy", FAIL, HOP, "The proxy drops the Upgrade header",
        "SteVe sees a plain GET and refuses every charger.", (*_IDS, "proxy-upgrade-stripped@proxy", *_NOT_LOADED),
        ("probe", "nginx"),
        Remedy("Forward the header: proxy_set_header Upgrade $http_upgrade.", "nginx_websocket", _TO_NGINX),
        "log-line",
    ),
    Entry(
        "proxy-connection-stripped", "proxy", FAIL, HOP, "The proxy drops the Connection header",
        "SteVe's web server refuses the upgrade before SteVe sees it.",
        (*_IDS, "proxy-connection-stripped@proxy", *_NOT_LOADED),
        ("probe", "nginx"),
        Remedy('Forward the header: proxy_set_header Connection "upgrade".', "nginx_websocket", _TO_NGINX),
        "log-line",
    ),
    Entry(
        "proxy-http10-upstream", "proxy", FAIL, HOP, "The proxy speaks HTTP/1.0 to SteVe",
        "SteVe answers an empty 200 instead of opening the WebSocket.",
        (*_IDS, "proxy-http10-upstream@proxy", *_NOT_LOADED),
        ("probe", "nginx"),
        Remedy("Set proxy_http_version 1.1 in the WebSocket location.", "nginx_websocket", _TO_NGINX),
        "log-line",
    ),
    Entry(
        "proxy-bad-gateway", "proxy", FAIL, HOP, "The proxy does not reach SteVe",
        "The proxy answers 502, 503 or 504 although SteVe itself answers.",
        (*_HTTP, *_BEHIND_DIRECT, *_APP_DOWN, "proxy-stale-upstream", *_NOT_LOADED), ("probe", "nginx"),
        Remedy("Correct the proxy's upstream address and port.", "nginx_websocket", _TO_NGINX),
    ),
    Entry(
        "proxy-stale-upstream", "proxy", FAIL, HOP, "The proxy keeps an old container address",
        "The app container got another address after nginx had looked its name up, which it does once, when it loads "
        "its configuration.",
        (*_BEFORE_STALE, *_APP_DOWN, *_NOT_LOADED), ("nginx", "compose"),
        Remedy(
            "Reload nginx (nginx -s reload). To make it resolve the name again by itself: a resolver, and the name in "
            "a variable: set $steve app:8180; proxy_pass http://$steve; nginx_websocket_resolver does that.",
            "nginx_websocket", _TO_NGINX,
        ),
    ),
    Entry(
        "proxy-timeout-short", "proxy", FAIL, HOP, "The proxy cuts idle chargers",
        "Its read timeout is not longer than the 15 minutes between SteVe's pings. A charger whose own heartbeats or "
        "pings are further apart than the timeout is cut again and again; others never notice.",
        (*_PATH, *_APP_DOWN, "proxy-upgrade-stripped", "proxy-connection-stripped", "proxy-http10-upstream"),
        ("nginx", "log"),
        Remedy(
            "Raise it above the ping interval: proxy_read_timeout 3600s. Connections that are open keep the old limit "
            "until they close.", "nginx_websocket", _TO_NGINX,
        ),
    ),
    Entry(
        "proxy-login-wall", "proxy", FAIL, HOP, "A login page stands in front",
        "Something in front of SteVe wants a person to sign in; a charger cannot.", (*_DIRECT_APP, *_HTTP),
        ("probe",),
        Remedy("Exempt the WebSocket path from the sign-in of the proxy.", "operator"),
    ),
    Entry(
        "proxy-scheme-not-forwarded", "proxy", FAIL, HOP, "SteVe does not hear that the proxy's side is TLS",
        "From 3.14 on SteVe refuses stations of security profile 2 unless it is told that TLS was used.", _PATH,
        ("probe",),
        Remedy(
            "Let the proxy set the header, e.g. proxy_set_header X-Forwarded-Proto $scheme, and name it to SteVe in "
            "steve.ocpp.security.protocol-header-from-proxy.", "operator",
        ),
        "log-line",
    ),
    Entry(
        "proxy-authorization-stripped", "proxy", FAIL, HOP, "The proxy drops the Authorization header",
        "Stations of security profile 1 and 2 and the Web API are refused behind it.", _PATH, ("probe",),
        Remedy("Forward the Authorization header on the WebSocket path.", "operator"),
        "log-line",
    ),
    Entry(
        "proxy-config-invalid", "proxy", FAIL, HOST, "nginx's configuration on disk is invalid",
        "The running nginx goes on with what it has loaded; the next reload changes nothing and a restart ends it.",
        (), ("nginx",),
        Remedy("Correct the line named in the evidence, try it with nginx -t, then reload nginx.", "operator"),
    ),
    Entry(
        "proxy-config-not-loaded", "proxy", FAIL, HOST, "nginx runs an older configuration",
        "The files were changed after the running workers had read them. Where the probes show that nginx does not do "
        "what its files say this is the cause; otherwise it is a warning, because a file that was only touched looks "
        "the same.",
        ("proxy-config-invalid",), ("nginx", "probe"),
        Remedy("Try the files with nginx -t, then reload nginx: nginx -s reload.", "operator"),
    ),
    # -- registration ---------------------------------------------------------------------------------------
    Entry(
        "charge-box-unregistered", "registration", FAIL, CHARGE_BOX, "SteVe does not know the charge box",
        "SteVe refuses the handshake of every id that is not registered.", (*_IDS, "charge-box-id-near-miss"),
        ("admin", "probe"),
        Remedy(
            "Write it into steve_charge_boxes and have it registered, or correct the id in the charger.",
            "steve_chargebox", _TO_BOXES,
        ),
        "unknown-list",
    ),
    Entry(
        "charge-box-id-near-miss", "registration", FAIL, CHARGE_BOX, "A very similar id is registered",
        "The id is not registered, and one that differs only in case, blanks, look-alike characters or a typing error "
        "is.", _IDS, ("admin list",),
        Remedy("Make the two ids equal: correct the one in the charger, or the one that is registered.", "charger"),
    ),
    Entry(
        "charge-box-id-invalid", "registration", FAIL, CHARGE_BOX, "The id contains a forbidden character",
        "SteVe refuses ids with = / ( ) < > and with leading or trailing blanks before it looks them up.", _IDS,
        ("probe", "admin"),
        Remedy("Change the id in the charger, or widen charge-box-id.validation.regex in SteVe.", "charger"),
        "log-line",
    ),
    Entry(
        "charge-box-rejected", "registration", FAIL, CHARGE_BOX, "The charge box is set to Rejected",
        "It connects, but BootNotification is answered with Rejected, and most chargers do nothing more then.",
        ("charge-box-unregistered",), ("admin",),
        Remedy(
            "Set the registration status to Accepted: in SteVe, or as registration_status: accepted in "
            "steve_charge_boxes.", "steve_chargebox", _TO_BOXES,
        ),
    ),
    Entry(
        "charge-box-pending", "registration", FAIL, CHARGE_BOX, "The charge box is set to Pending",
        "It connects, but BootNotification is answered with Pending, and the charger waits.",
        ("charge-box-unregistered",), ("admin",),
        Remedy(
            "Set the registration status to Accepted: in SteVe, or as registration_status: accepted in "
            "steve_charge_boxes.", "steve_chargebox", _TO_BOXES,
        ),
    ),
    Entry(
        "charge-box-id-case", "registration", WARN, CHARGE_BOX, "The id is spelt otherwise than in SteVe",
        "SteVe accepts another case, other accents or trailing blanks; up to 3.10 it then shows the station as "
        "disconnected, and up to 3.8 the page of connected stations fails while it is connected.",
        (*_IDS, "charge-box-unregistered"), ("admin list",),
        Remedy("Spell the id in the charger as SteVe does.", "charger"),
    ),
    # -- handshake ------------------------------------------------------------------------------------------
    Entry(
        "subprotocol-missing", "handshake", FAIL, CHARGE_BOX, "No OCPP version is offered",
        "The request carries no Sec-WebSocket-Protocol; SteVe refuses it with 400.", _IDS, ("probe",),
        Remedy("Switch the charger to OCPP 1.6 JSON; firmware that offers nothing needs an update.", "charger"),
        "log-line",
    ),
    Entry(
        "subprotocol-unsupported", "handshake", FAIL, CHARGE_BOX, "The offered OCPP version is not supported",
        "SteVe speaks ocpp1.2, ocpp1.5 and ocpp1.6, spelt exactly so.", _IDS, ("probe",),
        Remedy("Switch the charger to OCPP 1.6 JSON.", "charger"),
        "log-line",
    ),
    Entry(
        "basic-auth-missing", "handshake", FAIL, CHARGE_BOX, "The charger sends no password",
        "Its security profile in SteVe asks for HTTP Basic, and its requests arrive without. Something in front may "
        "drop the Authorization header as well.",
        ("charge-box-unregistered", "proxy-authorization-stripped@proxy"), ("log",),
        Remedy("Enter the password in the charger, or set its security profile in SteVe to 0.", "charger"),
    ),
    Entry(
        "basic-auth-refused", "handshake", FAIL, CHARGE_BOX, "The password is refused",
        "The charge box has security profile 1 or 2, and the password that was given to the probe, or that the charger "
        "itself sent, does not match.",
        (*_IDS, "charge-box-unregistered"), ("probe", "log"),
        Remedy("Give charger and SteVe the same password.", "charger"),
        "log-line",
    ),
    Entry(
        "client-certificate-refused", "handshake", FAIL, CHARGE_BOX, "The client certificate is refused",
        "The charge box has security profile 3.", (*_IDS, "charge-box-unregistered"), ("probe",),
        Remedy("Check subject of the certificate against CPO name and serial number.", "charger"),
        "log-line",
    ),
    Entry(
        "profile-requires-tls", "handshake", FAIL, CHARGE_BOX, "Security profile 2 needs TLS",
        "From 3.14 on SteVe refuses a profile 2 station over plain ws.", (*_IDS, "charge-box-unregistered"), ("probe",),
        Remedy("Use wss, and tell SteVe the header by which the proxy reports it.", "operator"),
        "log-line",
    ),
    # -- session --------------------------------------------------------------------------------------------
    Entry(
        "never-connected", "session", FAIL, CHARGE_BOX, "It has never connected",
        "SteVe knows the charge box and has no trace of it: nothing that uses this id ever got through to it. It is a "
        "finding where this one is asked about (steve_charge_box_id); one of many may wait for its installation.",
        (
            *_IDS, *(f"{need}@{hop}" for hop in ("proxy", "public") for need in _ON_THE_WAY),
            "charge-box-unregistered", "charge-box-id-near-miss", "charge-box-id-invalid",
        ),
        ("admin list", "unknown list"),
        Remedy(
            "Compare URL and id in the charger with those of SteVe, character by character, then power-cycle it. If "
            "nothing arrives, probe from the charger's network: steve_vantage_hosts.", "charger",
        ),
    ),
    Entry(
        "session-flapping", "session", FAIL, CHARGE_BOX, "It connects and drops again and again",
        "Something ends the connection: at regular times it is a timeout, in a proxy, a NAT or the charger itself; at "
        "others the charger's link. Code 1006 means that it was cut, other codes that one side closed it.",
        (*_IDS, "duplicate-session", "closed-after-boot", "proxy-timeout-short@proxy"), ("log",),
        Remedy(
            "Compare the period in the evidence with the idle timeouts on the way (nginx: 60 s unless set), and let "
            "the charger send its WebSocket ping or Heartbeat more often than the shortest of them.", "network",
        ),
    ),
    Entry(
        "closed-after-boot", "session", FAIL, CHARGE_BOX, "It closes right after the boot answer",
        "The session ends within seconds of the answer to BootNotification, each time: the charger dislikes the answer "
        "(its time, its status or its interval) or cannot live with what SteVe asks next.",
        (*_IDS, "clock-skew", "boot-not-accepted"), ("log",),
        Remedy(
            "Check the clocks and the registration status first; then read the charger's own log of that second.",
            "charger",
        ),
    ),
    Entry(
        "boot-missing", "session", WARN, CHARGE_BOX, "Connected, but it says nothing",
        "The session is open and neither a BootNotification nor another message came. A charger need not boot again "
        "after a reconnect, so one that is idle may be well.",
        (*_IDS, "duplicate-session"), ("log",),
        Remedy("Power-cycle the charger; a BootNotification should follow within 30 seconds.", "charger"),
    ),
    Entry(
        "boot-not-accepted", "session", FAIL, CHARGE_BOX, "Its BootNotification was not accepted",
        "SteVe answered Pending or Rejected, or the charge box was deleted while it was connected. Most chargers do "
        "nothing until they are accepted, and ask again only after the interval (four hours by default).",
        (*_IDS, "charge-box-rejected", "charge-box-pending"), ("log", "admin"),
        Remedy(
            "Set the registration status to Accepted: in SteVe, or as registration_status: accepted in "
            "steve_charge_boxes; then restart the charger.", "steve_chargebox", _TO_BOXES,
        ),
    ),
    Entry(
        "duplicate-session", "session", FAIL, CHARGE_BOX, "Two sessions share one id",
        "Two chargers use one id, or one came back before SteVe noticed that its old connection was dead (a ping every "
        "15 minutes tells). Operators' commands reach only the newest of them.", _IDS, ("admin",),
        Remedy(
            "Give each charger its own id. If it is one charger, the older session goes by itself within 15 minutes.",
            "charger",
        ),
    ),
    # -- time -----------------------------------------------------------------------------------------------
    Entry(
        "clock-skew", "time", FAIL, HOST, "SteVe's clock is wrong",
        "Chargers take their time from SteVe's boot answer and heartbeats: transactions get wrong times, tariffs and "
        "certificates are judged by it, and some chargers close the connection.",
        (), ("clock",),
        Remedy(
            "Synchronise the host's clock (timedatectl set-ntp true, or chrony); a container has no clock of its own "
            "unless something in it fakes the time.", "operator",
        ),
    ),
    # -- credentials ----------------------------------------------------------------------------------------
    Entry(
        "admin-login-refused", "credentials", FAIL, HOST, "The admin sign-in is refused",
        "User name or password differ from what this SteVe knows; since 3.8 a changed environment value is ignored "
        "once an admin exists in the data base.",
        (
            *_APP_DOWN, *(f"{need}@direct" for need in (*_HTTP, "wrong-context-path")), "db-unreachable",
            "env-not-effective",
        ),
        ("admin",),
        Remedy("Correct steve_admin_username and steve_admin_password.", "operator"),
        "log-line",
    ),
    Entry(
        "webapi-absent", "credentials", FAIL, HOST, "This SteVe has no Web API",
        "The Web API came with SteVe 3.6.0, so a client such as ExpresSync cannot work with this one.",
        _WEB_API, ("webapi",),
        Remedy("Update SteVe.", "steve"),
    ),
    Entry(
        "webapi-disabled", "credentials", FAIL, HOST, "The Web API is switched off",
        "In 3.6 and 3.7 it is off while webapi.key or webapi.value is blank; every call is answered 500.",
        (*_WEB_API, "webapi-absent"), ("webapi",),
        Remedy("Set webapi.key and webapi.value, and start SteVe again.", "operator"),
        "log-line",
    ),
    Entry(
        "webapi-wrong-scheme", "credentials", FAIL, HOST, "The credential is sent in the wrong way",
        "3.6 and 3.7 read a header, later releases HTTP Basic with a user, and none reads a Bearer token; what is sent "
        "otherwise is answered as if nothing had been sent.",
        (*_WEB_API, "webapi-absent", "webapi-disabled"), ("webapi",),
        Remedy("Send it as the evidence says; a client must not wait for a challenge, SteVe sends none.", "operator"),
        "log-line",
    ),
    Entry(
        "webapi-refused", "credentials", FAIL, HOST, "The Web API refuses the credential",
        "Clients such as ExpresSync see nothing. Since 3.8 the Web API has users and passwords of its own in the data "
        "base: the password of the admin sign-in does not work there, and a changed environment value is ignored once "
        "an admin exists.",
        (*_WEB_API, "db-unreachable", "webapi-absent", "webapi-disabled", "webapi-wrong-scheme", "env-not-effective"),
        ("webapi",),
        Remedy(
            "Give the client the value that this SteVe knows: webapi.value (3.6, 3.7), or the user's API password in "
            "the data base (since 3.8; a change works after ten minutes or a restart).",
            "operator",
        ),
        "log-line",
    ),
    Entry(
        "webapi-plain-http", "credentials", WARN, HOST, "The Web API's credential travels in clear",
        "steve_url is plain http to another host, so anybody on the way can read the credential.",
        (), ("webapi",),
        Remedy("Use https, or SteVe's own port from the host itself.", "operator"),
    ),
    Entry(
        "webapi-box-invisible", "credentials", WARN, HOST, "Connected, but the client cannot see it",
        "This SteVe has no list of charge boxes in its Web API. A client that derives one from the transactions, such "
        "as ExpresSync, misses every charge box that has none yet; for other clients it is no fault.",
        (
            *_WEB_API, "db-unreachable", "admin-login-refused", "webapi-absent", "webapi-disabled",
            "webapi-wrong-scheme", "webapi-refused",
        ),
        ("admin", "webapi"),
        Remedy("Charge once with it, or use a SteVe that has GET /api/v1/chargeBoxes.", "steve"),
        "log-line",
    ),
    Entry(
        "env-not-applied", "credentials", FAIL, HOST, "The container runs with older values than its env file",
        "docker compose restart does not apply a changed env file; docker compose up -d does.",
        ("compose-project-missing", "app-not-running"), ("env",),
        Remedy("Recreate the app container with the current values.", "app_env", _TO_ENV),
    ),
    Entry(
        "env-not-effective", "credentials", FAIL, HOST, "Applied, but SteVe ignores it",
        "The container runs with a user, password or Web API value that SteVe does not use. Since 3.9 they are read "
        "only while the data base has no admin, that is at the first start; up to 3.8 the environment is not read at "
        "all, except by a $NAME in main.properties.",
        ("compose-project-missing", "app-not-running", "env-not-applied", "db-unreachable"),
        ("env", "admin", "webapi", "era"),
        Remedy(
            "Since 3.8, change the password where SteVe keeps it: set password (or api_password) of the row in the "
            "table web_user to a bcrypt hash of the new value, or delete the rows with ADMIN and start SteVe again, "
            "which then takes the configured values. Up to 3.7, change the properties file.", "operator",
        ),
    ),
    Entry(
        "default-credentials", "credentials", WARN, HOST, "A shipped password is in use",
        "SteVe's repository holds the admin password 1234 and the data base password changeme, so that everybody who "
        "reaches the admin UI or the data base's port can delete charge boxes and read tokens. It is told where others "
        "than the host reach them, from the configuration; no password is tried for it.",
        _OPEN_DIRECT, ("admin", "env", "compose"),
        Remedy(
            "Set passwords of your own (since 3.8 the admin's in the table web_user), and publish the data base at no "
            "address, or at 127.0.0.1.", "operator",
        ),
    ),
)  # fmt: skip

BY_ID = {entry.id: entry for entry in CATALOGUE}
