# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The WebSocket location that is wanted, from options to text. Pure."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from ansible_collections.chargeops.steve.plugins.module_utils._errors import InputError
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_conf import quote, shown

#: First line of every fragment; a file without it is somebody's own and is never overwritten.
MARK = "# Managed by Ansible (chargeops.steve.steve_nginx_location): changes made here are lost."
#: Path of SteVe's OCPP-J endpoint below its context (SteVe's WebSocketConfiguration).
ENDPOINT = "/websocket/CentralSystemService"
#: An id of nobody: only what nginx does with its path is computed.
NOBODY = "x"
#: Other paths below its context: pages, their files, the API and SOAP (SteVe's SecurityConfiguration).
PAGES = ("/", "/manager/home", "/manager/signin", "/static/css/style.css", "/api/v1/ocppTags", "/services/")
#: Seconds between SteVe's pings to a charger (SteVe's WebSocketConfiguration, all releases).
PING_INTERVAL_S = 900
#: Seconds that a time limit of nginx should be longer than that: the pong takes its way through mobile networks.
PING_MARGIN_S = 60
#: Seconds of a location that is made, where nobody asked for others.
TIMEOUT_S = 3600
#: Holds the upstream's name where nginx is to ask for its address at run time.
HOST_VARIABLE = "$steve_websocket_host"

_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\]")
_CONTEXT = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")
_FRAGMENT = re.compile(r"/[^\x00-\x1f\x7f*?\[\]\"'\\;{}$#]+")
_FORWARDED_FOR = re.compile(r"(?:[A-Za-z0-9.:_]|\$[A-Za-z_][A-Za-z0-9_]*|(?<=[^, ]),? (?=[^, ]))+")
_FORWARDED_PROTO = re.compile(r"https?|\$[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Site:
    """A file with a server block of our own, for a name that no other block is for.

    Attributes:
        path: of the managed file, as nginx sees it.
        certificate: file with the chain, None for a block without TLS.
        certificate_key: file with its key, None likewise.
    """

    path: str
    certificate: str | None = None
    certificate_key: str | None = None


@dataclass(frozen=True)
class Desired:
    """What is wanted; make it with ``desired()``, which checks that no value can leave its place in the file.

    Attributes:
        name: host of the public WebSocket URL, lower case.
        port: port on which nginx receives it.
        context: context path of SteVe, e.g. ``/steve``.
        scheme: of the upstream, ``http`` or ``https``.
        host: of the upstream.
        upstream_port: of the upstream.
        resolver: name server that nginx asks at run time, or None to resolve once, when it loads its configuration.
        read_timeout_s: proxy_read_timeout in seconds.
        send_timeout_s: proxy_send_timeout in seconds.
        read_least_s: what is enough where a location has a proxy_read_timeout already.
        send_least_s: likewise.
        fragment: path of the managed file, as nginx sees it.
        public_tls: whether the public URL is ``wss``.
        forwarded_for: value of X-Forwarded-For, None where nobody asked for a certain one.
        forwarded_proto: value of X-Forwarded-Proto, likewise.
        keep_upstream: whether the upstream of a location that is there for SteVe already stays as it is.
        kept: that upstream, as it is written there, without a path.
        sent_context: context under which the upstream gets the path, where the location that serves it says so; None
            for the request's own.
        guards: lines for the location that keep out whom the location that serves the path now keeps out.
        site: the server block to make where none is for the name, None to make none.
    """

    name: str
    port: int
    context: str
    scheme: str
    host: str
    upstream_port: int
    resolver: str | None
    read_timeout_s: int
    send_timeout_s: int
    fragment: str
    read_least_s: int = PING_INTERVAL_S + PING_MARGIN_S
    send_least_s: int = PING_INTERVAL_S + PING_MARGIN_S
    public_tls: bool = False
    forwarded_for: str | None = None
    forwarded_proto: str | None = None
    keep_upstream: bool = False
    kept: str | None = None
    sent_context: str | None = None
    guards: tuple[str, ...] = ()
    site: Site | None = None

    @property
    def prefix(self) -> str:
        """Path of the location."""
        return f"{self.context}/websocket/"

    @property
    def path(self) -> str:
        """Path of a request that must be served."""
        return f"{self.context}{ENDPOINT}/{NOBODY}"

    @property
    def pages(self) -> tuple[str, ...]:
        """Paths of requests that are none of the WebSocket endpoint: SteVe's pages for people, its API and SOAP."""
        return tuple(f"{self.context}{page}" for page in PAGES)

    @property
    def upstream(self) -> str:
        """The upstream as a URL."""
        return f"{self.scheme}://{self.host}:{self.upstream_port}"

    @property
    def passed(self) -> str:
        """The upstream as ``proxy_pass`` names it, without a path."""
        if self.resolver is not None:
            return f"{self.scheme}://{HOST_VARIABLE}:{self.upstream_port}"
        return self.kept or self.upstream

    @property
    def not_sent(self) -> str:
        """The phrase for a location where ``target`` is None."""
        under = shown(self.sent_context or "") or "no context"
        return f"proxy_pass {shown(self.passed)} alone cannot send the path to SteVe under {under} as it is sent now"

    def target(self, prefix: str | None) -> str | None:
        """The argument of ``proxy_pass``: without a path nginx passes on the request's own.

        Where SteVe has another context, the URI behind the upstream replaces the location's prefix. With a variable in
        it nginx replaces the whole path instead (ngx_http_proxy_module), so only ``$request_uri`` behind can do it.

        Args:
            prefix: of the location in which it stands, None where that is a regular expression.

        Returns:
            None where ``proxy_pass`` alone cannot send the path under that context.
        """
        passed = self.passed
        if self.sent_context is None or self.sent_context == self.context:
            return passed
        if _CONTEXT.fullmatch(self.sent_context) is None:
            return None
        if "$" in passed:
            return None if self.context else f"{passed}{self.sent_context}$request_uri"
        if prefix is None or not prefix.startswith(f"{self.context}/"):
            return None
        return f"{passed}{self.sent_context}{prefix[len(self.context) :]}"

    @property
    def resolving(self) -> tuple[tuple[str, str], ...]:
        """The directives (name and the rest) by which nginx asks a name server at run time.

        With a variable nginx asks the resolver whenever the answer expires, so a recreated container is found again;
        without it the address of the moment of loading stays until the next reload.
        """
        if self.resolver is None:
            return ()
        return ("resolver", f"{self.resolver} valid=10s"), ("set", f"{HOST_VARIABLE} {self.host}")


def desired(
    url: str,
    upstream: str,
    fragment: str,
    *,
    listen_port: int | None = None,
    resolver: str | None = None,
    read_timeout_s: int | None = None,
    send_timeout_s: int | None = None,
    forwarded_for: str | None = None,
    forwarded_proto: str | None = None,
    keep_upstream: bool = False,
    site: Site | None = None,
) -> Desired:
    """Read the options.

    Args:
        url: public WebSocket URL without the id, ``ws(s)://host[:port]/context/websocket/CentralSystemService``.
        upstream: where SteVe listens as nginx sees it, ``http(s)://host:port``.
        fragment: absolute path of the managed file.
        listen_port: port on which nginx receives the requests, where it is not the port of ``url``.
        resolver: address of a name server, with or without port.
        read_timeout_s: seconds without a byte from SteVe after which nginx may close; None: ``TIMEOUT_S``, and a
            location that is there may have any that is longer than SteVe's pings are apart.
        send_timeout_s: seconds without progress towards SteVe after which nginx may close; None likewise.
        forwarded_for: value of X-Forwarded-For: words and variables of nginx; None: nginx's own, nothing is compared.
        forwarded_proto: value of X-Forwarded-Proto: ``http``, ``https`` or a variable; None likewise.
        keep_upstream: keep the upstream of a location that is there for SteVe already.
        site: the server block to make where none is for the name.

    Raises:
        InputError: a value cannot be used.
    """
    name, port, path = _split("url", url, ("ws", "wss"), {"ws": 80, "wss": 443})
    context = path.rstrip("/")
    if not context.endswith(ENDPOINT) or _CONTEXT.fullmatch(context[: -len(ENDPOINT)]) is None:
        raise InputError(
            "url",
            f"the path of {shown(url)} does not end with {ENDPOINT}",
            "Give the WebSocket URL without the charge box id, e.g. wss://charge.example.net/steve" + ENDPOINT + ".",
        )
    host, upstream_port, rest = _split("upstream", upstream, ("http", "https"), {"http": 80, "https": 443})
    if rest not in ("", "/"):
        advice = "nginx passes the path on as it came: leave it out."
        raise InputError("upstream", f"{shown(upstream)} has a path", advice)
    if resolver is not None and re.fullmatch(rf"(?:{_HOST.pattern})(?::\d{{1,5}})?", resolver) is None:
        raise InputError("resolver", f"{shown(resolver)} is no address", "Give an address such as 127.0.0.11.")
    _plain_path("fragment", fragment, "/etc/nginx/steve-websocket.conf")
    if site is not None:
        _check_site(site, tls_here=urlsplit(url).scheme == "wss" and listen_port is None)
    for option, value in (("read_timeout", read_timeout_s), ("send_timeout", send_timeout_s)):
        if value is not None and not 1 <= value <= 31536000:
            raise InputError(option, f"{value} s is not between a second and a year", "Give seconds, e.g. 3600.")
    if listen_port is not None and not 1 <= listen_port <= 65535:
        raise InputError("listen_port", f"{listen_port} is no TCP port", "Give a port from 1 to 65535.")
    if forwarded_for is not None and (len(forwarded_for) > 200 or _FORWARDED_FOR.fullmatch(forwarded_for) is None):
        raise InputError(
            "forwarded_for",
            f"{shown(forwarded_for) or 'nothing'} is not made of addresses and variables",
            'Give e.g. $proxy_add_x_forwarded_for, $http_x_forwarded_for or "$http_x_forwarded_for, $remote_addr".',
        )
    if forwarded_proto is not None and _FORWARDED_PROTO.fullmatch(forwarded_proto) is None:
        raise InputError(
            "forwarded_proto",
            f"{shown(forwarded_proto) or 'nothing'} is neither http nor https nor a variable",
            "Give $scheme, $http_x_forwarded_proto or https.",
        )
    enough = PING_INTERVAL_S + PING_MARGIN_S
    return Desired(
        name=name.lower(),
        port=listen_port or port,
        context=context[: -len(ENDPOINT)],
        scheme=urlsplit(upstream).scheme,
        host=host,
        upstream_port=upstream_port,
        resolver=resolver,
        read_timeout_s=TIMEOUT_S if read_timeout_s is None else read_timeout_s,
        send_timeout_s=TIMEOUT_S if send_timeout_s is None else send_timeout_s,
        fragment=fragment,
        read_least_s=enough if read_timeout_s is None else read_timeout_s,
        send_least_s=enough if send_timeout_s is None else send_timeout_s,
        public_tls=urlsplit(url).scheme == "wss",
        forwarded_for=forwarded_for,
        forwarded_proto=forwarded_proto,
        keep_upstream=keep_upstream,
        site=site,
    )


def site_options(path: str | None, certificate: str | None, certificate_key: str | None) -> Site | None:
    """Read the options of a site; None where none is wanted.

    Raises:
        InputError: a certificate for no site.
    """
    if path is not None:
        return Site(path, certificate, certificate_key)
    if certificate is not None or certificate_key is not None:
        advice = "Give site as well; the certificate of an existing server block is its owner's."
        raise InputError("certificate", "there is no site that it could be for", advice)
    return None


def _plain_path(option: str, path: str, example: str) -> None:
    if _FRAGMENT.fullmatch(path) is None or os.path.normpath(path) != path:
        raise InputError(option, f"{shown(path)} is no plain absolute path", f"Give e.g. {example}.")


def _check_site(site: Site, tls_here: bool) -> None:
    """``tls_here``: nothing says that TLS might end elsewhere."""
    _plain_path("site", site.path, "/etc/nginx/conf.d/steve.conf")
    for option, path in (("certificate", site.certificate), ("certificate_key", site.certificate_key)):
        if path is not None:
            _plain_path(option, path, "/etc/ssl/steve.pem")
    if (site.certificate is None) != (site.certificate_key is None):
        missing = "certificate" if site.certificate is None else "certificate_key"
        raise InputError(missing, "it is missing", "Give certificate and certificate_key, or neither.")
    if tls_here and site.certificate is None:
        raise InputError(
            "certificate",
            "the URL is wss and the site would have no TLS",
            "Give certificate and certificate_key, or listen_port where TLS ends in front of nginx.",
        )


def _split(option: str, url: str, schemes: tuple[str, ...], ports: Mapping[str, int]) -> tuple[str, int, str]:
    """Host (IPv6 in brackets), port and path of a URL without credentials, query and fragment."""
    advice = f"Give {schemes[0]}://host:port or {schemes[1]}://host:port" + ("…" if option == "url" else "") + "."
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InputError(option, "it is no URL", advice) from None
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    plain = parts.username is None and not parts.query and not parts.fragment
    if parts.scheme not in schemes or _HOST.fullmatch(host) is None or not plain or re.search(r"[\s\x00-\x1f]", url):
        raise InputError(option, "it is not such a URL", advice)
    return host, port or ports[parts.scheme], parts.path


def render(wanted: Desired) -> bytes:
    """The fragment, byte for byte."""
    return f"{MARK}\n{_location(wanted)}".encode("utf-8", "surrogateescape")


def render_site(wanted: Desired, site: Site, addresses: Sequence[str]) -> bytes:
    """The file with the server block, byte for byte: the WebSocket path and nothing else.

    Args:
        addresses: where it listens, ``*`` for every IPv4 address.
    """
    tls = " ssl" if site.certificate is not None else ""
    places = [str(wanted.port) if address == "*" else f"{address}:{wanted.port}" for address in addresses]
    lines = [*(f"listen {place}{tls};" for place in places), f"server_name {wanted.name};"]
    if site.certificate is not None and site.certificate_key is not None:
        lines.append(f"ssl_certificate {quote(site.certificate)};")
        lines.append(f"ssl_certificate_key {quote(site.certificate_key)};")
    lines += [*_location(wanted).splitlines(), "location / {", "    return 404;", "}"]
    body = "".join(f"    {line}\n" for line in lines)
    return f"{MARK}\nserver {{\n{body}}}\n".encode("utf-8", "surrogateescape")


def _location(wanted: Desired) -> str:
    lines = [
        *wanted.guards,
        *(f"{name} {rest};" for name, rest in wanted.resolving),
        f"proxy_pass {wanted.target(wanted.prefix)};",
        "proxy_http_version 1.1;",
        "proxy_set_header Upgrade $http_upgrade;",
        'proxy_set_header Connection "upgrade";',
        "proxy_set_header Host $host;",
        f"proxy_set_header X-Forwarded-For {header_value(wanted.forwarded_for or '$proxy_add_x_forwarded_for')};",
        f"proxy_set_header X-Forwarded-Proto {header_value(wanted.forwarded_proto or '$scheme')};",
        f"proxy_read_timeout {wanted.read_timeout_s}s;",
        f"proxy_send_timeout {wanted.send_timeout_s}s;",
    ]
    body = "".join(f"    {line}\n" for line in lines)
    return f"location ^~ {wanted.prefix} {{\n{body}}}\n"


def header_value(text: str) -> str:
    """A validated value as the second word of ``proxy_set_header``."""
    return text if re.fullmatch(r"[\w.$-]+", text) else f'"{text}"'
