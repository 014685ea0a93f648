# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Small observation documents, healthy unless told otherwise, for tests of the analyser and the reports."""

from __future__ import annotations

from typing import Any

WS = "/steve/websocket/CentralSystemService"


def probe(
    hop: str = "direct",
    vantage: str = "host",
    endpoint: dict[str, Any] | None = None,
    gates: dict[str, Any] | None = None,
    rows: list[dict[str, Any]] | None = None,
    url: str = f"ws://steve.test{WS}",
) -> dict[str, Any]:
    """A probe result: reachable, proven, CP-1 accepted."""
    reachable: dict[str, Any] = {
        "verdict": "reachable",
        "finding": None,
        "candidates": [],
        "stage": "path",
        "addresses": [],
        "evidence": [],
    }
    rows = [row("CP-1")] if rows is None else rows
    accepted = sum(1 for item in rows if item["verdict"] == "accepted")
    refused = sum(1 for item in rows if item["verdict"] == "refused")
    return {
        "schema": "chargeops.steve/probe/1",
        "hop": hop,
        "vantage": vantage,
        "url": url,
        "connect_to": None,
        "era": {"min": "3.14.1", "max": "3.14.1", "source": "fingerprint"},
        "endpoint": reachable | (endpoint or {}),
        "upgrade_path": {"verdict": "proven", "finding": None, "gates": [], "evidence": []} | (gates or {}),
        "probes": rows,
        "summary": {
            "asked": len(rows),
            "accepted": accepted,
            "refused": refused,
            "undetermined": len(rows) - accepted - refused,
            "findings": {},
        },
        "side_effects": {"requests": 1, "sessions_opened": 0, "knocks": [], "from": None, "to": None},
        "elapsed_s": 0.1,
        "changed": False,
    }


def broken(finding: str, stage: str, **more: Any) -> dict[str, Any]:
    """An endpoint with a finding."""
    evidence = [{"request": "GET /x", "status": 502, "headers": {"Server": "nginx"}, "body": "<html>", "note": "seen"}]
    return {"verdict": "wrong", "finding": finding, "stage": stage, "evidence": evidence} | more


def row(charge_box_id: str, verdict: str = "accepted", finding: str | None = None, **more: Any) -> dict[str, Any]:
    """One id's row."""
    return {
        "charge_box_id": charge_box_id,
        "verdict": verdict,
        "finding": finding,
        "candidates": [],
        "stage": "upgrade",
        "status": 400,
        "evidence": [],
    } | more


def registered_box(charge_box_id: str, **more: Any) -> dict[str, Any]:
    """A row of the admin list: a charge box that has been connected."""
    seen = {"protocol": "ocpp1.6J", "last_heartbeat": "2026-11-23T00:59:00Z", "description": None}
    return {"id": charge_box_id, "pk": 1} | seen | more


def service(state: str = "running", **more: Any) -> dict[str, Any]:
    """Facts of a container."""
    return {
        "container": "site-app-1",
        "state": state,
        "health": None,
        "restarts": 0,
        "exit_code": 0,
        "oom_killed": False,
        "started_at": "2026-11-23T00:00:00Z",
        "finished_at": "2026-11-23T00:30:00Z",
        "ports": [],
        "wanted_ports": [],
        "unpublished": [],
        "network_mode": "site_default",
        "networks": {},
        "image": "steve",
        "memory_limit": None,
        "error": None,
        "config_hash": "x",
        "compose_version": "2.26.1",
    } | more


def environment(**more: Any) -> dict[str, Any]:
    """An app that runs with what its files hold, and with other credentials than the shipped ones."""
    return {
        "added": [],
        "changed": [],
        "removed": [],
        "definitions_changed": [],
        "names": ["AUTH_PASSWORD", "AUTH_USER"],
        "definitions": [],
        "interpolated": [],
        "sourced": False,
        "credentials": {},
        "db_password_shipped": None,
        "config_hash": {"container": "x", "files": "x", "differs": False, "reason": None},
    } | more


def resources(**more: Any) -> dict[str, Any]:
    """A host with room on its one disk."""
    places = [{"role": "root", "path": "/"}, {"role": "docker", "path": "/var/lib/docker"}]
    disk = {
        "places": places, "size": 10**11, "free": 10**10, "inodes": 10**6, "inodes_free": 10**5, "read_only": False
    }  # fmt: skip
    memory = {"total": 2**33, "available": 2**32}
    return {"file_systems": [disk], "unread": [], "memory": memory, "oom_kills": 0} | more


def observation(
    host: str = "steve-a",
    app: dict[str, Any] | None = None,
    db: dict[str, Any] | None = None,
    probes: list[dict[str, Any]] | None = None,
    asked: list[str] | None = None,
    registered: list[str] | None = None,
    skipped_hops: dict[str, str] | None = None,
    **parts: Any,
) -> dict[str, Any]:
    """An observation of a healthy 3.14.1 with direct and proxy hop; ``parts`` replaces whole parts."""

    def ok(data: Any) -> dict[str, Any]:
        return {"status": "ok", "reason": None, "elapsed_s": 0.1, "data": data}

    services = {"app": service() if app is None else app, "db": service(container="site-db-1") if db is None else db}
    known = ["CP-1"] if registered is None else registered
    return {
        "schema": "chargeops.steve/observation/1",
        "run_id": "20261123T010203Z-7f3a",
        "host": host,
        "reached": True,
        "collected_at": "2026-11-23T01:00:00Z",
        "duration_s": 1.0,
        "era": {"min": "3.14.1", "max": "3.14.1", "source": "about"},
        "asked": {"charge_box_ids": ["CP-1"] if asked is None else asked, "subprotocols": ["ocpp1.6"]},
        "parts": {
            "compose": ok(
                {
                    "project_dir": "/srv/steve",
                    "has_compose_file": True,
                    "has_containers": True,
                    "app_service": "app",
                    "db_service": "db",
                    "services": services,
                }
            ),
            "env": ok(environment()),
            "sockets": ok({"listening": [], "owners": "all", "left_out": 0}),
            "resources": ok(resources()),
            "admin": ok({"registered": [registered_box(item) for item in known], "unknown": [], "sessions": []}),
            "tls": {"status": "skipped", "reason": "no TLS URL", "elapsed_s": 0.0, "data": None},
            "probes": ok([probe(), probe("proxy")] if probes is None else probes)
            | {"skipped_hops": skipped_hops or {}},
        }
        | parts,
    }


def unknown(reason: str, code: str = "error") -> dict[str, Any]:
    """A part that could not be looked at."""
    return {"status": "unknown", "reason": reason, "code": code, "elapsed_s": 0.1, "data": None}
