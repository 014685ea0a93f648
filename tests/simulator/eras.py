# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each SteVe release answers: one table, so that no other file compares versions.

Sources: answers recorded from servers built from the tags of https://github.com/steve-community/steve
(``tests/contract/recorded``), and that project's source at the same tag where nothing was recorded.
A further release is added by describing it here; no other file should need an ``if release``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

PATTERN = r"[^=/()<>]*"
"""Default charge box id pattern since 3.5.1/3.6.1/3.7.1/3.8.0 (SteVe's ChargeBoxIdValidator)."""


@dataclass(frozen=True)
class UriRule:
    """A character sequence in the raw (undecoded) path that is refused before SteVe's own code runs."""

    token: str
    """Lower case text that is looked for in the lower cased raw path."""
    outcome: Literal["page", "error-dispatch"]
    status: int
    message: str
    close: bool
    """Whether the answer says ``Connection: close``."""
    everywhere: bool
    """True: refused by the container for every path. False: by Spring's StrictHttpFirewall, inside the context only."""


@dataclass(frozen=True)
class Era:
    """The behaviour of one release. Times in seconds unless the name says otherwise."""

    release: str

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
    location_absolute: bool
    honours_forwarded: bool
    """X-Forwarded-Proto/-Host change redirects (Jetty's ForwardedRequestCustomizer, 3.5.0 to 3.8.0)."""

    # --- security filter -------------------------------------------------------------------------------------
    filter_covers_all: bool
    """Security headers and stale-cookie handling also on /static and /services."""
    denies_unknown_paths: bool
    """Unknown paths in the context: 302 to sign-in (deny by default) instead of a 404 page."""
    error_dispatch_to_signin: bool
    """Errors are dispatched to /error, which Spring Security 6 protects: anonymous clients see 302."""
    csrf_masked: bool
    saved_request_suffix: str
    xss_protection: str

    # --- handshake -------------------------------------------------------------------------------------------
    id_pattern: str | None
    unknown_id_status: int
    unsupported_protocol_status: int
    security_profiles: bool
    profile_2_needs_tls: bool
    basic_user_case_sensitive: bool
    certificate_contains: bool
    """Profile 3: subject O/CN must contain (True) or equal (False) the CPO name / serial number."""
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
    api: Literal["none", "header", "basic"]
    api_unknown_path_status: int
    api_trailing_slash: bool
    api_operations: bool
    registration_status_enum: bool
    """Form value ACCEPTED (True) or Accepted (False)."""
    basic_password_length: tuple[int, int] | None
    batch_is_atomic: bool
    unknown_delete_is_silent: bool
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

    @property
    def number(self) -> tuple[int, ...]:
        """The release as a tuple, for ordering."""
        return tuple(int(part) for part in self.release.split("."))


STEVE_3_7_1 = Era(
    release="3.7.1",
    sends_date=False,
    http_idle_timeout_s=60.0,
    jetty="10.0.14",
    bad_message_page=True,
    connection_lost_message="Bad Request",
    uri_rules=(
        UriRule(
            "//",
            "page",
            400,
            "Ambiguous URI empty segment",
            close=True,
            everywhere=True,
        ),
        UriRule("%2f", "page", 500, "Server Error", close=True, everywhere=False),
        UriRule("%25", "page", 500, "Server Error", close=True, everywhere=False),
        UriRule("%5c", "page", 500, "Server Error", close=True, everywhere=False),
        UriRule("%2e", "page", 500, "Server Error", close=True, everywhere=False),
        UriRule(";", "page", 500, "Server Error", close=True, everywhere=False),
    ),
    root_redirects_home=True,
    location_absolute=True,
    honours_forwarded=True,
    filter_covers_all=False,
    denies_unknown_paths=False,
    error_dispatch_to_signin=False,
    csrf_masked=False,
    saved_request_suffix="",
    xss_protection="1; mode=block",
    id_pattern=PATTERN,
    unknown_id_status=404,
    unsupported_protocol_status=404,
    security_profiles=False,
    profile_2_needs_tls=False,
    basic_user_case_sensitive=True,
    certificate_contains=False,
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
    api_unknown_path_status=404,
    api_trailing_slash=True,
    api_operations=False,
    registration_status_enum=False,
    basic_password_length=None,
    batch_is_atomic=False,
    unknown_delete_is_silent=True,
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

STEVE_3_14_1 = replace(
    STEVE_3_7_1,
    release="3.14.1",
    sends_date=True,
    http_idle_timeout_s=30.0,
    jetty="12.1",
    bad_message_page=False,
    connection_lost_message="Invalid h2c upgrade headers",
    uri_rules=(
        UriRule(
            "//",
            "page",
            400,
            "Ambiguous URI empty segment",
            close=False,
            everywhere=True,
        ),
        UriRule(
            "%2f",
            "page",
            400,
            "Ambiguous URI path separator",
            close=False,
            everywhere=True,
        ),
        UriRule(
            "%25",
            "page",
            400,
            "Ambiguous URI path encoding",
            close=False,
            everywhere=True,
        ),
        UriRule(
            "%5c",
            "page",
            400,
            "Suspicious Path Character",
            close=False,
            everywhere=True,
        ),
        UriRule("%2e", "error-dispatch", 400, "Bad Request", close=False, everywhere=False),
        UriRule(";", "error-dispatch", 400, "Bad Request", close=False, everywhere=False),
    ),
    root_redirects_home=False,
    location_absolute=False,
    honours_forwarded=False,
    filter_covers_all=True,
    denies_unknown_paths=True,
    error_dispatch_to_signin=True,
    csrf_masked=True,
    saved_request_suffix="?continue",
    xss_protection="0",
    security_profiles=True,
    profile_2_needs_tls=True,
    basic_user_case_sensitive=False,
    certificate_contains=True,
    headers_on_101=True,
    allow_header="GET,CONNECT",
    session_has_database_spelling=True,
    wrong_status_text_is_unknown=False,
    pool_queue="per-id",
    configuration_on_connect="all-first",
    pending_is_rejected_below_16=True,
    delete_closes_session=True,
    abrupt_loss_is_transport_error=False,
    users_in_database=True,
    api="basic",
    api_unknown_path_status=403,
    api_trailing_slash=False,
    api_operations=True,
    registration_status_enum=True,
    basic_password_length=(16, 20),
    batch_is_atomic=True,
    unknown_delete_is_silent=False,
    status_page_has_disconnect=True,
    duration_has_sort_value=True,
    operation_select_prefix="V_16_JSON",
    shows_enabled_protocols=True,
    missing_button_status=403,
    api_type_mismatch=(
        "Method parameter 'ocppTagPk': Failed to convert value of type 'java.lang.String' to required type "
        "'java.lang.Integer'; For input string: \"{value}\""
    ),
    json_field_word="property",
    json_error_suffix="",
    boot=True,
    has_location_columns=False,
    has_created_columns=True,
    has_configuration_json=True,
    has_evse_table=True,
    schema_version="1.1.6",
    mariadb_driver_texts=True,
    start_failure_rc=1,
    logs_lost_upgrade=False,
    logs_missing_mapping=False,
    protocol_lines_have_id=True,
    jetty_server_logger="org.springframework.boot.jetty.JettyWebServer",
)

ERAS: dict[str, Era] = {era.release: era for era in (STEVE_3_7_1, STEVE_3_14_1)}
"""The releases that the simulator plays, by release."""


def era_of(release: str) -> Era:
    """Return the era of ``release``; raise ValueError with the known releases when it is not played."""
    try:
        return ERAS[release]
    except KeyError:
        known = ", ".join(sorted(ERAS, key=lambda name: ERAS[name].number))
        raise ValueError(f"release {release!r} is not played by the simulator; known: {known}") from None
