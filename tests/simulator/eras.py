# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each SteVe release answers: one table, so that no other file compares versions.

Sources: answers recorded from servers built from the tags of https://github.com/steve-community/steve
(``tests/contract/recorded``), and that project's source at the same tag where nothing was recorded.
A further release is added by describing it here; no other file should need an ``if release``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

PATTERN = r"[^=/()<>]*"
"""Default charge box id pattern since 3.5.1/3.6.1/3.7.1/3.8.0 (SteVe's ChargeBoxIdValidator)."""


@dataclass(frozen=True)
class UriRule:
    """Something in the raw (undecoded) path that is refused before SteVe's own code runs."""

    pattern: str
    """Regular expression that is searched in the raw path, whatever the case of letters."""
    outcome: Literal["page", "error-dispatch"]
    status: int
    message: str
    """``{found}``: what the pattern matched, as the path spells it."""
    close: bool
    """Whether the answer says ``Connection: close``."""
    everywhere: bool
    """True: refused by the container for every path. False: by Spring's StrictHttpFirewall, inside the context only."""

    def refuses(self, path: str) -> str | None:
        """The message for a raw path; None when the rule has nothing against it."""
        match = re.search(self.pattern, path, re.IGNORECASE)
        return None if match is None else self.message.replace("{found}", match[0])


@dataclass(frozen=True)
class Era:
    """The behaviour of one release. Times in seconds unless the name says otherwise."""

    release: str
    evidence: Literal["recorded", "seen live", "from source", "documented"]
    """Where the facts come from: every answer compared with a recording, the handshake seen on a live server, the
    release's source, or a fork's client and documentation."""

    # --- container -------------------------------------------------------------------------------------------
    sends_date: bool
    """SteVe's own Jetty (<= 3.8.0) switches the Date header off (JettyServer.java); Spring Boot leaves it on."""
    http_idle_timeout_s: float
    jetty: str
    bad_message_page: bool
    """Jetty 9/10 answers unparsable requests with a bare "Bad Message" page."""
    connection_lost_message: str
    """Text of the 400 page for an Upgrade header without ``Connection: upgrade``."""
    uri_rules: tuple[UriRule, ...]
    root_redirects_home: bool
    """``GET /`` outside the context: 302 to home, otherwise a 404 page."""
    sent_redirects_are_absolute: bool
    """Location of redirects that the container completes (sendRedirect: server root, stale cookie, missing CSRF token,
    after a POST): absolute up to Jetty 10, as it was given from Jetty 12 on."""
    honours_forwarded: bool
    """X-Forwarded-Proto/-Host change redirects (Jetty's ForwardedRequestCustomizer, 3.5.0 to 3.8.0)."""
    missing_handler_message: str
    """Text of the 404 page for a path inside the context that nothing handles (``{method}``, ``{path}``). The message
    of Spring 6's NoHandlerFoundException is seen on 3.8.0 only: later the error dispatch hides the page."""

    # --- security filter -------------------------------------------------------------------------------------
    filter_scope: Literal["manager", "application", "all"]
    """Where security headers and stale-cookie handling apply: /manager only (<= 3.5.1), everything but /static and
    /services, or everything."""
    manager_accepts_basic: bool
    """HTTP Basic below /manager, and 401 with a challenge for clients that do not ask for HTML (3.4.x)."""
    denies_unknown_paths: bool
    """Unknown paths in the context: 302 to sign-in (deny by default) instead of a 404 page."""
    signin_location_absolute: bool
    """Location of the redirect to the sign-in page by Spring Security's LoginUrlAuthenticationEntryPoint, which builds
    it itself: with scheme and host up to Spring Security 6."""
    error_dispatch_to_signin: bool
    """Errors are dispatched to /error, which Spring Security 6 protects: anonymous clients see 302."""
    dispatched_denial_is_empty: bool
    """What a signed-in client sees of the protected error dispatch: 403 without a body (3.9.0) or with a page."""
    saves_upgrade_requests: bool
    """Whether an upgrade request is remembered for after the login, which creates a session for it."""
    csrf_masked: bool
    saved_request_suffix: str
    xss_protection: str

    # --- handshake -------------------------------------------------------------------------------------------
    spring_checks_first: bool
    """Spring's five checks come before SteVe's own, whose refusals are exceptions: 500 pages (<= 3.4.8)."""
    id_is_last_segment: bool
    """The id is the last segment of the decoded path (<= 3.4.9) instead of all that follows the prefix."""
    id_case_sensitive: bool
    """Only the runbook dialect compares ids exactly; SteVe leaves it to the data base's collation."""
    missing_protocol_status: int
    supported_protocols: tuple[str, ...]
    protocols_can_be_disabled: bool
    """``steve.ocpp.enabled-protocols.v16.json`` and so on (>= 3.10.0): a disabled one is like an unsupported one."""
    id_pattern: str | None
    unknown_id_status: int
    unsupported_protocol_status: int
    security_profiles: bool
    profile_2_needs_tls: bool
    basic_user_case_sensitive: bool
    certificate_contains: bool
    """Profile 3: subject O/CN must contain (True) or equal (False) the CPO name / serial number."""
    certificate_header_is_form_decoded: bool
    """The proxy's certificate header is always URL-decoded (up to 3.12.0), so that a ``+`` of bare base64 or of a PEM
    with tabs becomes a blank and the certificate unreadable."""
    extension_refusal_closes: bool
    """The page for an extension that the WebSocket engine refuses says ``Connection: close``."""
    headers_on_101: bool
    allow_header: str
    session_has_database_spelling: bool
    wrong_status_text_is_unknown: bool
    """A registration_status outside Accepted/Pending/Rejected makes the id unknown on the handshake."""
    pool_queue: Literal["global", "per-id"]
    """How handshakes that wait for a dead data base queue behind each other."""

    # --- OCPP sessions ---------------------------------------------------------------------------------------
    protocol_written_on_open: bool
    configuration_on_connect: Literal["none", "cpo-name-profile-1", "all-first"]
    pending_is_rejected_below_16: bool
    delete_closes_session: bool
    abrupt_loss_is_transport_error: bool

    # --- admin pages, Web API --------------------------------------------------------------------------------
    users_in_database: bool
    api: Literal["none", "header", "basic", "bearer"]
    api_charge_boxes: bool
    """GET /api/v1/chargeBoxes and /api/v1/operations/tasks/{id} (ExpresSync's fork)."""
    api_unknown_path_status: int
    api_trailing_slash: bool
    api_operations: bool
    registration_status_enum: bool
    """Form value ACCEPTED (True) or Accepted (False)."""
    basic_password_length: tuple[int, int] | None
    batch_is_atomic: bool
    unknown_delete_is_silent: bool
    delete_breaks_without_protocol: bool
    """Deleting a box that never connected shows an error page after the row was deleted (3.9.0, 3.10.0)."""
    update_tells_station: bool
    """Changing profile or password sends ChangeConfiguration to a connected station and shows its refusal (3.13.0)."""
    transactions_show_user: bool
    """The list of transactions has a column for the user (3.9.0) instead of one for the stop reason."""
    query_ids_are_list: bool
    """The id of a transaction query is a list: one value is cut at its commas, each must match the pattern (3.11.0)."""
    status_page_has_disconnect: bool
    duration_has_sort_value: bool
    operation_select_prefix: str
    shows_enabled_protocols: bool
    missing_button_status: int
    api_type_mismatch: str
    json_field_word: str
    json_error_suffix: str
    """What follows Jackson's sentence in the API's message (Spring 5 repeats the nested exception)."""

    # --- configuration, data base, start ---------------------------------------------------------------------
    boot: bool
    """Spring Boot: environment and -D reach the configuration (relaxed binding)."""
    has_location_columns: bool
    has_created_columns: bool
    has_time_zone: bool
    """An address has a time zone (3.14.1)."""
    has_configuration_json: bool
    has_evse_table: bool
    schema_version: str
    mariadb_driver_texts: bool
    start_failure_rc: int

    # --- logs ------------------------------------------------------------------------------------------------
    log_thread_in_prod: bool
    logs_lost_upgrade: bool
    """Spring's ERROR lines for a lost Upgrade, wrong version, missing key (debug level since Spring 6.2.12/7)."""
    logs_missing_mapping: bool
    protocol_lines_have_id: bool
    jetty_server_logger: str


_REJECTED = (
    "org.springframework.security.web.firewall.RequestRejectedException: The request was rejected because the URL "
)
_DOT_SEGMENT = r"(?<=/)\.{1,2}(?=/|$)"
_ENCODED_DOT_SEGMENT = r"(?<=/)(?:%2e|%2e%2e|\.%2e|%2e\.)(?=/|$)"
_BAD_ESCAPE = "%00|%(?![0-9a-f]{2})"
_ENCODED_CHARACTER = "(?:%[cd].%[89ab].|%e.(?:%[89ab].){2}|%f[0-4](?:%[89ab].){3})"
"""UTF-8 of a character beyond ASCII, percent-encoded."""
_NOT_UTF_8 = f"^(?:[^%]|%[0-7].|{_ENCODED_CHARACTER})*(?!{_ENCODED_CHARACTER})%[89a-f]"

_JETTY_10 = (
    UriRule("//", "page", 400, "Ambiguous URI empty segment", close=True, everywhere=True),
    UriRule(_ENCODED_DOT_SEGMENT, "page", 400, "Ambiguous URI path segment", close=True, everywhere=True),
    UriRule(_BAD_ESCAPE, "page", 400, "Bad Request", close=True, everywhere=True),
)
"""What Jetty 10 refuses before any filter (the last two seen on 3.5.1 and 3.6.1)."""

_FIREWALL_5 = (
    UriRule(_DOT_SEGMENT, "page", 500, f"{_REJECTED}was not normalized.", close=True, everywhere=False),
    UriRule(
        r"%2f|%25|%5c|%2e|%3b|%0a|%0d|;|\\",
        "page",
        500,
        f'{_REJECTED}contained a potentially malicious String "{{found}}"',
        close=True,
        everywhere=False,
    ),
)
"""What Spring Security 5's firewall throws, as Jetty's 500 page shows it (seen on 3.6.1)."""


def _jetty_12(*, close: bool) -> tuple[UriRule, ...]:
    """What Jetty 12 refuses of a raw path, before any filter; up to 3.9.0 it closes the connection then."""
    return (
        UriRule("//", "page", 400, "Ambiguous URI empty segment", close=close, everywhere=True),
        UriRule("%2f", "page", 400, "Ambiguous URI path separator", close=close, everywhere=True),
        UriRule("%25", "page", 400, "Ambiguous URI path encoding", close=close, everywhere=True),
        UriRule(_ENCODED_DOT_SEGMENT, "page", 400, "Ambiguous URI path segment", close=close, everywhere=True),
        # Control characters: seen for %09 and %0A.
        UriRule("%(?:5c|0[1-9a-f]|1.|7f)", "page", 400, "Suspicious Path Character", close=close, everywhere=True),
        UriRule(
            r"\\",
            "page",
            400,
            "Suspicious Path Character, Illegal Path Character",
            close=close,
            everywhere=True,
        ),
        UriRule(_NOT_UTF_8, "page", 400, "Bad UTF-8 encoding", close=close, everywhere=True),
        UriRule(_BAD_ESCAPE, "page", 400, "Bad Request", close=False, everywhere=True),
    )


_FIREWALL_6 = f"%2e|%3b|;|{_DOT_SEGMENT}"
"""What Spring Security 6's firewall refuses beside that."""
_DISPATCHED = (UriRule(_FIREWALL_6, "error-dispatch", 400, "Bad Request", close=False, everywhere=False),)
"""The same from 3.9.0 on."""

STEVE_3_7_1 = Era(
    release="3.7.1",
    evidence="recorded",
    sends_date=False,
    http_idle_timeout_s=60.0,
    jetty="10.0.14",
    bad_message_page=True,
    connection_lost_message="Bad Request",
    uri_rules=(*_JETTY_10, *_FIREWALL_5),
    root_redirects_home=True,
    sent_redirects_are_absolute=True,
    honours_forwarded=True,
    missing_handler_message="Not Found",
    filter_scope="application",
    manager_accepts_basic=False,
    denies_unknown_paths=False,
    signin_location_absolute=True,
    error_dispatch_to_signin=False,
    dispatched_denial_is_empty=False,
    saves_upgrade_requests=True,
    csrf_masked=False,
    saved_request_suffix="",
    xss_protection="1; mode=block",
    spring_checks_first=False,
    id_is_last_segment=False,
    id_case_sensitive=False,
    missing_protocol_status=400,
    supported_protocols=("ocpp1.6", "ocpp1.5", "ocpp1.2"),
    protocols_can_be_disabled=False,
    id_pattern=PATTERN,
    unknown_id_status=404,
    unsupported_protocol_status=404,
    security_profiles=False,
    profile_2_needs_tls=False,
    basic_user_case_sensitive=True,
    certificate_contains=False,
    certificate_header_is_form_decoded=True,
    extension_refusal_closes=True,
    headers_on_101=False,
    allow_header="GET",
    session_has_database_spelling=False,
    wrong_status_text_is_unknown=True,
    pool_queue="global",
    protocol_written_on_open=True,
    configuration_on_connect="none",
    pending_is_rejected_below_16=False,
    delete_closes_session=False,
    abrupt_loss_is_transport_error=True,
    users_in_database=False,
    api="header",
    api_charge_boxes=False,
    api_unknown_path_status=404,
    api_trailing_slash=True,
    api_operations=False,
    registration_status_enum=False,
    basic_password_length=None,
    batch_is_atomic=False,
    unknown_delete_is_silent=True,
    delete_breaks_without_protocol=False,
    update_tells_station=False,
    transactions_show_user=False,
    query_ids_are_list=False,
    status_page_has_disconnect=False,
    duration_has_sort_value=False,
    operation_select_prefix="JSON",
    shows_enabled_protocols=False,
    missing_button_status=400,
    api_type_mismatch=(
        "Failed to convert value of type 'java.lang.String' to required type 'java.lang.Integer'; "
        'nested exception is java.lang.NumberFormatException: For input string: "{value}"'
    ),
    json_field_word="field",
    json_error_suffix="; nested exception is com.fasterxml.jackson.core.JsonParseException",
    boot=False,
    has_location_columns=True,
    has_created_columns=False,
    has_time_zone=False,
    has_configuration_json=False,
    has_evse_table=False,
    schema_version="1.0.5",
    mariadb_driver_texts=False,
    start_failure_rc=0,
    log_thread_in_prod=True,
    logs_lost_upgrade=True,
    logs_missing_mapping=True,
    protocol_lines_have_id=False,
    jetty_server_logger="org.eclipse.jetty.server.Server",
)

STEVE_3_6_1 = replace(STEVE_3_7_1, release="3.6.1", schema_version="1.0.3")

STEVE_3_5_1 = replace(
    STEVE_3_6_1,
    release="3.5.1",
    jetty="10.0.11",
    uri_rules=_JETTY_10,
    filter_scope="manager",
    unknown_id_status=401,
    api="none",
)

STEVE_3_4_9 = replace(
    STEVE_3_5_1,
    release="3.4.9",
    jetty="10.0.7",
    uri_rules=(
        *_JETTY_10,
        UriRule("%25", "page", 400, "Ambiguous URI path encoding", close=True, everywhere=True),
    ),
    honours_forwarded=False,
    manager_accepts_basic=True,
    id_is_last_segment=True,
    id_pattern=None,
    protocol_written_on_open=False,
    log_thread_in_prod=False,
)

STEVE_3_4_8 = replace(
    STEVE_3_4_9,
    release="3.4.8",
    evidence="seen live",  # on 3.4.7; the tag 3.4.8 has the same handshake
    jetty="9.4.44",
    uri_rules=(),
    spring_checks_first=True,
    unknown_id_status=500,
    unsupported_protocol_status=500,
    missing_protocol_status=500,
)

STEVE_3_8_0 = replace(
    STEVE_3_7_1,
    release="3.8.0",
    jetty="12.1.1",
    bad_message_page=False,
    uri_rules=(
        *_jetty_12(close=True),
        UriRule(_FIREWALL_6, "page", 400, "Bad Request", close=False, everywhere=False),
    ),
    sent_redirects_are_absolute=False,
    missing_handler_message="No endpoint {method} {path}.",
    filter_scope="all",
    denies_unknown_paths=True,
    csrf_masked=True,
    saved_request_suffix="?continue",
    xss_protection="0",
    extension_refusal_closes=False,
    headers_on_101=True,
    users_in_database=True,
    api="basic",
    api_trailing_slash=False,
    api_type_mismatch=(
        "Method parameter 'ocppTagPk': Failed to convert value of type 'java.lang.String' to required type "
        "'java.lang.Integer'; For input string: \"{value}\""
    ),
    json_error_suffix="",
    operation_select_prefix="V_16_JSON",
    schema_version="1.0.8",
    start_failure_rc=1,
)

STEVE_3_9_0 = replace(
    STEVE_3_8_0,
    release="3.9.0",
    sends_date=True,
    http_idle_timeout_s=30.0,
    jetty="12.1",
    uri_rules=(*_jetty_12(close=True), *_DISPATCHED),
    root_redirects_home=False,
    honours_forwarded=False,
    error_dispatch_to_signin=True,
    dispatched_denial_is_empty=True,
    security_profiles=True,
    headers_on_101=False,
    allow_header="GET,CONNECT",
    wrong_status_text_is_unknown=False,
    configuration_on_connect="cpo-name-profile-1",
    delete_closes_session=True,
    api_unknown_path_status=403,
    basic_password_length=(32, 40),
    unknown_delete_is_silent=False,
    delete_breaks_without_protocol=True,
    transactions_show_user=True,
    missing_button_status=403,
    boot=True,
    has_location_columns=False,
    schema_version="1.1.1",
    logs_missing_mapping=False,
    jetty_server_logger="org.springframework.boot.web.embedded.jetty.JettyWebServer",
)

STEVE_3_12_0 = replace(
    STEVE_3_9_0,
    release="3.12.0",
    uri_rules=(*_jetty_12(close=False), *_DISPATCHED),
    signin_location_absolute=False,
    dispatched_denial_is_empty=False,
    saves_upgrade_requests=False,
    protocols_can_be_disabled=True,
    basic_user_case_sensitive=False,
    headers_on_101=True,
    session_has_database_spelling=True,
    pool_queue="per-id",
    abrupt_loss_is_transport_error=False,
    api_operations=True,
    basic_password_length=(16, 20),
    delete_breaks_without_protocol=False,
    query_ids_are_list=True,
    shows_enabled_protocols=True,
    json_field_word="property",
    logs_lost_upgrade=False,
    jetty_server_logger="org.springframework.boot.jetty.JettyWebServer",
)

STEVE_3_13_0 = replace(
    STEVE_3_12_0,
    release="3.13.0",
    connection_lost_message="Invalid h2c upgrade headers",
    certificate_contains=True,
    certificate_header_is_form_decoded=False,
    configuration_on_connect="all-first",
    pending_is_rejected_below_16=True,
    registration_status_enum=True,
    batch_is_atomic=True,
    update_tells_station=True,
    has_created_columns=True,
    has_configuration_json=True,
    has_evse_table=True,
    schema_version="1.1.4",
    mariadb_driver_texts=True,
    protocol_lines_have_id=True,
)

STEVE_3_14_1 = replace(
    STEVE_3_13_0,
    release="3.14.1",
    profile_2_needs_tls=True,
    has_time_zone=True,
    status_page_has_disconnect=True,
    duration_has_sort_value=True,
    schema_version="1.1.6",
)

EXPRESSYNC = replace(STEVE_3_12_0, release="expressync", evidence="documented", api_charge_boxes=True)
"""ExpresSync's fork of the 3.12 line, as far as its public client and documentation tell."""

RUNBOOK = replace(
    STEVE_3_14_1,
    release="runbook",
    evidence="documented",
    manager_accepts_basic=True,
    id_case_sensitive=True,
    id_pattern=None,
    unsupported_protocol_status=400,
    supported_protocols=("ocpp1.6", "ocpp1.5", "ocpp2.0.1"),
    security_profiles=False,
    profile_2_needs_tls=False,
    configuration_on_connect="none",
    users_in_database=False,
    api="bearer",
    api_charge_boxes=False,
    api_operations=False,
)
"""No release: the answers as a human runbook reads them. Credentials are read at every start."""

ERAS: dict[str, Era] = {
    era.release: era
    for era in (
        STEVE_3_4_8, STEVE_3_4_9, STEVE_3_5_1, STEVE_3_6_1, STEVE_3_7_1, STEVE_3_8_0, STEVE_3_9_0, STEVE_3_12_0,
        STEVE_3_13_0, STEVE_3_14_1, EXPRESSYNC, RUNBOOK,
    )
}  # fmt: skip
"""The releases and dialects that the simulator plays, oldest first."""


def era_of(release: str) -> Era:
    """Return the era of ``release``; raise ValueError with the known releases when it is not played."""
    try:
        return ERAS[release]
    except KeyError:
        known = ", ".join(ERAS)
        raise ValueError(f"release {release!r} is not played by the simulator; known: {known}") from None
