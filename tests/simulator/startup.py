# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a starting SteVe writes: banner, success lines, failure lines, by era (seen live on 3.7.1 and 3.14.1)."""

from __future__ import annotations

from typing import TextIO

from . import logs
from .central import CentralSystem
from .store import UnusableDataBaseError

MAIN = "main"


class Startup:
    """Writes the start of one simulated release."""

    def __init__(self, system: CentralSystem, stdout: TextIO | None) -> None:
        """``stdout``: where the banner texts go; None for silence (embedded in tests)."""
        self._system = system
        self._stdout = stdout

    def say(self, text: str, *, newline: bool = True) -> None:
        """A text on stdout that is no log line."""
        if self._stdout is not None:
            self._stdout.write(text + ("\n" if newline else ""))
            self._stdout.flush()

    def migrations(self) -> None:
        """What Flyway prints while the container builds (never by the application itself)."""
        version = self._system.era.schema_version
        self.say("[INFO] --- flyway-maven-plugin:migrate (default) @ steve ---")
        self.say("[INFO] Successfully validated 20 migrations")
        self.say(f'[INFO] Migrating schema `stevedb` to version "{version} - update"')

    def migrations_done(self) -> None:
        """Flyway's last line."""
        self.say("[INFO] Successfully applied 20 migrations to schema `stevedb`")
        self.say("[INFO] BUILD SUCCESS")

    def begin(self) -> None:
        """First lines, before the data base is asked."""
        system, log = self._system, self._system.log
        if system.era.boot:
            if log.file is not None:
                self.say(f"Log file location: {log.file}")
            log.write(
                "INFO",
                logs.BOOT_APPLICATION,
                f"Starting SteveApplication v{system.era.release}",
                thread=MAIN,
            )
            log.write(
                "INFO",
                "de.rwth.idsg.steve.SteveApplicationStartupListener",
                "------------ Starting ------------",
                thread=MAIN,
            )
        else:
            if log.file is not None:
                self.say(f"Log file: {log.file}")
            self._properties_lines()
        now = system.now().isoformat(timespec="milliseconds") + "Z"
        logger = logs.BOOT_APPLICATION if system.era.boot else logs.APPLICATION
        log.write(
            "INFO",
            logger,
            f"Date/time zone of the application is set to UTC. Current date/time: {now}",
            thread=MAIN,
        )
        if not system.era.boot:
            if system.era.api == "header" and not system.properties.get("webapi.value"):
                log.write(
                    "WARN",
                    logs.SECURITY,
                    "Web APIs will not be exposed. Reason: 'webapi.key' and 'webapi.value' are not set in config file",
                    thread=MAIN,
                )
            # Log lines follow on the same stream in the docker profile: they start on a line of their own.
            self.say("Starting....", newline=system.docker_profile)

    def _properties_lines(self) -> None:
        log, source = self._system.log, self._system.properties.source
        if source is None:
            message = (
                "Hint: The Java system property 'main.properties' can be set to point to an external properties file, "
                "which will be prioritized over the bundled one"
            )
        else:
            message = f"Loaded properties from {source}"
        log.write("INFO", logs.PROPERTIES_LOADER, message, thread=MAIN)
        log.write(
            "INFO",
            "de.rwth.idsg.steve.SteveConfiguration",
            "Loaded the properties. Starting with the 'PROD' profile",
            thread=MAIN,
        )

    def started(self, seconds: float) -> None:
        """The port is bound."""
        system, log, port = self._system, self._system.log, self._system.port
        if system.era.boot:
            log.write(
                "INFO",
                system.era.jetty_server_logger,
                f"Jetty started on port {port} (http/1.1) with context path '{system.context}'",
                thread=MAIN,
            )
            log.write(
                "INFO",
                logs.BOOT_APPLICATION,
                f"Started SteveApplication in {seconds:.2f} seconds (process running for {seconds + 1.4:.3f})",
                thread=MAIN,
            )
            return
        log.write(
            "INFO",
            system.era.jetty_server_logger,
            f"Started Server@5b56b654{{STARTING}}[{system.era.jetty},sto=5000] @{round(seconds * 1000)}ms",
            thread=MAIN,
        )
        authority = f"{system.host}:{port}{system.context}"
        self.say(" Done!")
        self.say("Hint: You can stop the application by pressing CTRL+C")
        self.say(f"Access the web interface using\n- http://{authority}/manager/home")
        self.say(f"SOAP endpoint for OCPP\n- http://{authority}/services/CentralSystemService")
        self.say(f"WebSocket/JSON endpoint for OCPP\n- ws://{authority}/websocket/CentralSystemService/(chargeBoxId)")

    def failed(self, failure: UnusableDataBaseError) -> None:
        """The application gave up because of its data base."""
        log, era = self._system.log, self._system.era
        if failure.kind == "time-zone":
            text = (
                "MySQL and Java are not using the same time zone. "
                f"Java offset in seconds (0) != MySQL offset in seconds ({failure.detail})"
            )
            cause = f"de.rwth.idsg.steve.SteveException: {text}"
        else:
            cause = self._driver_text(failure)
            log.write(
                "ERROR",
                logs.HIKARI,
                "HikariPool-1 - Exception during pool initialization.",
                thread=MAIN,
                trace=(cause,),
            )
        self._gave_up(cause if era.boot else f"Caused by: {cause}")

    def _driver_text(self, failure: UnusableDataBaseError) -> str:
        """The exception as the release's driver words it; refusals hold the data base's own text."""
        host, detail = self._system.store.url.host or "localhost", failure.detail
        exception = "java.sql.SQLSyntaxErrorException" if failure.kind == "unknown-schema" else "java.sql.SQLException"
        if not self._system.era.mariadb_driver_texts:
            if failure.kind == "unreachable":
                return "com.mysql.cj.jdbc.exceptions.CommunicationsException: Communications link failure"
            return f"{exception}: {detail}"
        if failure.kind == "unreachable":
            return f"java.sql.SQLNonTransientConnectionException: Socket fail to connect to {host}"
        code = "1044-42000" if " to database " in detail else "1045-28000"
        if failure.kind == "unknown-schema":
            code = "1049-42000"
        return f"{exception}: Error: {code}: {detail}"

    def port_taken(self) -> None:
        """The port is in use by something else."""
        log, era, port = self._system.log, self._system.era, self._system.port
        if era.boot:
            log.write(
                "ERROR",
                logs.BOOT_FAILURE,
                "",
                thread=MAIN,
                trace=(
                    "***************************",
                    "APPLICATION FAILED TO START",
                    "***************************",
                    f"Description: Web server failed to start. Port {port} was already in use.",
                ),
            )
            return
        self._gave_up(f"Caused by: java.io.IOException: Failed to bind to /{self._system.host}:{port}")

    def _gave_up(self, cause: str) -> None:
        log, era = self._system.log, self._system.era
        if era.boot:
            log.write(
                "ERROR",
                logs.BOOT_RUN,
                "Application run failed",
                thread=MAIN,
                trace=(cause,),
            )
            return
        self.say(" FAILED!")
        self.say("Please refer to the log file for details")
        log.write(
            "ERROR",
            logs.APPLICATION,
            "Application failed to start",
            thread=MAIN,
            trace=(cause,),
        )
