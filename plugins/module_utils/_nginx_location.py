# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The WebSocket location in nginx, from reading to proof. Edge: it joins the plan, the transaction and nginx.

What is guaranteed about untested bytes: before any file that nginx includes changes, ``nginx -t`` has accepted a copy
of the configuration as it will be (see ``_nginx_plan.rehearsal``). So a reload or restart by anybody else, at any
moment, finds either the previous files or ones that were tested as a whole: the fragment is written first, while
nothing includes it, and the one rename that brings it in (or, when only the fragment changes, replaces it) takes
effect at once. A repair of several files, each of which nginx reads already, is tested once more for every file that
has changed on the way. What a test cannot foresee (a port taken meanwhile, an upstream that refuses) the reload and the
proof find, and then the previous bytes come back.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Callable, Optional

from ansible_collections.chargeops.steve.plugins.module_utils._era import Era
from ansible_collections.chargeops.steve.plugins.module_utils._errors import InputError, SteveError
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_conf import Config, load, shown
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_files import Files
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_plan import (
    REHEARSAL_PREFIX,
    Plan,
    Target,
    diffs,
    plan,
    rehearsal,
)
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_process import Nginx
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_view import shutdown_limit
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_walls import Wall
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_wanted import Desired
from ansible_collections.chargeops.steve.plugins.module_utils._probe import ProbeRequest, path_broken_because, probe
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert
from ansible_collections.chargeops.steve.plugins.module_utils._transaction import (
    Change,
    Journal,
    locked,
    prepare_directory,
    recover,
    restorable,
    transact,
    write_file,
)

#: Seconds within which the proof must succeed: old workers may take a new connection while they shut down.
PROOF_DEADLINE_S = 15.0
#: The same where nginx's files hold what may refuse a knock from here: waiting longer would not change that.
WALLED_DEADLINE_S = 3.0
#: Asks through nginx whether WebSockets get through. Returns None when they do, or a sentence why that could not be
#: found out; raises WalledError when a rule in nginx's files may be the reason, SteveError when they do not.
Prove = Callable[[Target], Optional[str]]
#: With these nginx says that it got no answer from its upstream.
_OF_NGINX = (502, 503, 504)
#: What a knock ends in that nginx hangs up on: an address that waits for the PROXY line, ``return 444``.
_HUNG_UP = ("connection-closed", "tls-handshake-failed")
_ENGINES = ("docker", "podman", "nerdctl", "kubectl", "docker-compose")


class NotChangedError(SteveError):
    """The plan refused; the sentence says why and that nothing was changed."""

    code = "nginx-not-changed"

    def __init__(self, conf: str, refusal: str, recovered: Sequence[str]) -> None:
        self.recovered = tuple(recovered)
        self.refusal = refusal
        super().__init__("put the WebSocket location in place", shown(conf), refusal, "")

    def sentence(self) -> str:
        if not self.recovered:
            return self.refusal
        return f"What an interrupted run had left was undone first ({', '.join(self.recovered)}). {self.refusal}"


class WalledError(SteveError):
    """The knock was refused, and something in nginx's files may refuse it although chargers get in."""

    code = "not-proven"

    def __init__(self, target: Target, seen: str, walls: Sequence[Wall]) -> None:
        named = " or ".join(wall.text for wall in walls)
        what = f"this host's knock ends in {seen}, and {named} may refuse it although chargers get in"
        advice = "See that a charger connects, or diagnose from a host of their network (steve_vantage_hosts)."
        super().__init__("prove the WebSocket path through nginx", target.url, what, advice)

    def sentence(self) -> str:
        return f"It could not be proven that an upgrade gets through nginx: {self.got}. {self.advice}"


@dataclass(frozen=True)
class Settings:
    """Where nginx and its files are.

    Attributes:
        conf: main configuration file as nginx sees it.
        nginx_command: how to call nginx; everything before its last word runs other commands where nginx runs.
        mounts: for an nginx in a container: directory as it sees it → directory on this host.
        state_dir: where the journal stands while a change is under way.
        reload: whether a running nginx is to load the change.
        look_up_again: whether a running nginx is to load its files although nothing changes.
        hold: whether the previous bytes are kept until the change is confirmed or taken back.
    """

    conf: str = "/etc/nginx/nginx.conf"
    nginx_command: tuple[str, ...] = ("nginx",)
    mounts: dict[str, str] = field(default_factory=dict)
    state_dir: str = "/var/lib/chargeops.steve"
    reload: bool = True
    look_up_again: bool = False
    hold: bool = False

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Settings:
        """The settings that a task gave.

        Raises:
            InputError: they cannot work.
        """
        mounts = options["mounts"] or {}
        command = tuple(options["nginx_command"])
        if not command:
            raise InputError("nginx_command", "it is empty", "Give at least [nginx].")
        for option in ("conf", "state_dir"):
            if not os.path.isabs(options[option]):
                raise InputError(option, f"{shown(options[option])} is not absolute", "Give the whole path.")
        if not all(isinstance(path, str) and os.path.isabs(path) for pair in mounts.items() for path in pair):
            advice = "Give absolute paths, e.g. mounts: {/etc/nginx/conf.d: /srv/steve/nginx}."
            raise InputError("mounts", "it does not map absolute paths to absolute paths", advice)
        if os.path.basename(command[0]) in _ENGINES and not mounts:
            raise InputError(
                "mounts",
                "nginx runs in a container and no directory of its configuration is named",
                "Say where its configuration lies on this host, e.g. mounts: {/etc/nginx/conf.d: /srv/steve/nginx}.",
            )
        if options["look_up_again"] and not options["reload"]:
            advice = "Leave one of them out."
            raise InputError("look_up_again", "it needs a reload, and reload is false", advice)
        return cls(
            options["conf"], command, dict(mounts), options["state_dir"], options["reload"], options["look_up_again"],
            options["hold"],
        )  # fmt: skip

    @property
    def prefix(self) -> tuple[str, ...]:
        """The command prefix; empty when nginx reads the files of this host."""
        return self.nginx_command[:-1] if self.mounts else ()

    @property
    def journal_dir(self) -> str:
        """One per nginx, so that a run never recovers another one's files."""
        identity = json.dumps([self.nginx_command, self.conf]).encode("utf-8")
        return os.path.join(self.state_dir, "nginx-" + hashlib.sha256(identity).hexdigest()[:12])


def ensure(
    wanted: Desired, settings: Settings, check_mode: bool, prove: Prove | None = None
) -> dict[str, Any]:
    """Make the location present.

    Args:
        wanted: what is wanted.
        settings: where nginx is.
        check_mode: say what would change, write nothing, run nothing that writes.
        prove: called with where to knock, after a reload; only when it raises the change is taken back.

    Returns:
        The result as documented for the module.

    Raises:
        SteveError: the plan refused, or a step failed and the previous state is back.
    """
    with _sentences(settings):
        return _Run(wanted, settings, prove).result(check_mode)


def settle(wanted: Desired, settings: Settings, check_mode: bool, keep: bool) -> dict[str, Any]:
    """End what ``hold`` has left open: keep the change, or put the previous bytes back and let nginx load them.

    Args:
        wanted: what was wanted.
        settings: where nginx is, as at the change.
        check_mode: only say what would be done.
        keep: whether the change stays.

    Returns:
        The result as documented for the module.

    Raises:
        SteveError: it is not possible, because somebody else has changed a file since for example.
    """
    with _sentences(settings):
        return _Run(wanted, settings, None).settled(check_mode, keep)


@contextmanager
def _sentences(settings: Settings) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SteveError(
            "change the nginx configuration",
            inert(error.filename or settings.conf),
            error.strerror or type(error).__name__,
            "Check the directory, its file system and this user's rights, then run this again.",
        ) from error


def prover(
    charge_box_id: str, connect_to: str | None = None, last_gate: bool = False, era: Era | None = None
) -> Prove:
    """A proof that asks through nginx whether an upgrade would reach SteVe; it opens no session.

    SteVe lets nobody see the path who has no accepted id: when it refuses this one, or asks for its password, the
    answer has come through nginx and says nothing against it.

    Args:
        charge_box_id: an id that SteVe accepts.
        connect_to: ``host:port`` to dial, where nginx is not reached at the address that it listens on.
        last_gate: whether to send the last gate too; only with an id of no real station.
        era: SteVe's release if it is known.
    """

    def prove(target: Target) -> str | None:
        document = probe(
            ProbeRequest(
                url=target.url,
                charge_box_ids=[charge_box_id],
                gate_charge_box_id=charge_box_id,
                last_gate=last_gate,
                hop="proxy",
                connect_to=connect_to or target.connect_to,
                # The path is asked about, not the certificate, and nothing secret is sent.
                validate_certs=False,
                era=era,
                timeout=5.0,
                deadline=15.0,
            )
        )
        row, upgrade = document["probes"][0] if document["probes"] else None, document["upgrade_path"]
        broken = path_broken_because(document)
        if broken is None and row is not None and row["status"] in _OF_NGINX and not upgrade["gates"]:
            broken = f"nginx answers {row['status']} in SteVe's place"
        if broken is not None:
            endpoint = document["endpoint"]
            refusing = _refusing(endpoint, target.walls)
            if refusing:
                raise WalledError(target, endpoint["finding"] or "an answer that is not SteVe's", refusing)
            raise SteveError(
                "prove the WebSocket path through nginx",
                target.url,
                broken.rstrip("."),
                "See that SteVe runs and that the upstream is right.",
                code="not-proven",
            )
        # The answer to the version gate: both headers arrived.
        if upgrade["verdict"] == "proven" or any(gate["status"] == 426 for gate in upgrade["gates"]):
            return None
        return _why_open(charge_box_id, row, str(upgrade["reason"]))

    return prove


def _refusing(endpoint: Mapping[str, Any], walls: Sequence[Wall]) -> list[Wall]:
    """Those walls that what was seen fits, before nginx asked its upstream; ``endpoint`` as in the probe's document."""
    if endpoint["verdict"] == "unreachable":
        return [wall for wall in walls if wall.hangs_up and endpoint["finding"] in _HUNG_UP]
    answered = [one["status"] for one in endpoint["evidence"]]
    if endpoint["verdict"] != "wrong" or any(status in _OF_NGINX for status in answered):
        return []
    return [wall for wall in walls if wall.answers is None or set(wall.answers).intersection(answered)]


def _why_open(charge_box_id: str, row: Mapping[str, Any] | None, reason: str) -> str:
    """Why no gate has told; ``row`` is what the probe says of the id, ``reason`` what it says of the gates."""
    name, advice = inert(charge_box_id, 60), "Give prove_charge_box_id an id that SteVe accepts without a password."
    if row is None or row["verdict"] == "accepted":
        why, advice = reason, "Diagnose this host."
    elif row["verdict"] == "refused":
        why = f"SteVe does not accept {name} ({row['finding']})"
    elif row["stage"] == "credentials":
        why = f"SteVe asks for the credentials of {name}"
    else:
        said = next((one["note"] for one in row["evidence"] if one["note"]), "SteVe gave no answer that tells")
        why, advice = f"whether SteVe accepts {name} stays open ({said})", "Diagnose this host."
    return f"It could not be proven that an upgrade gets through nginx: {why.rstrip('.')}. {advice}"


class _Run:
    def __init__(self, wanted: Desired, settings: Settings, prove: Prove | None) -> None:
        self.wanted = wanted
        self.settings = settings
        self.prove = prove
        self.files = Files(settings.prefix, settings.mounts)
        self.nginx = Nginx(settings.nginx_command, settings.conf, self.files)
        self.journal = Journal(settings.journal_dir)
        self.place = self._rehearsal_directory()
        self.old_workers: int | None = None
        self.unproven: str | None = None

    def result(self, check_mode: bool) -> dict[str, Any]:
        if check_mode:
            undone = restorable(self.journal.pending())
            files = Files(self.settings.prefix, self.settings.mounts, undone)
            return self._told(self._plan(files, list(undone)), list(undone))
        with locked(self._here(self.place)):
            try:
                recovered = recover(self.journal, self._apply_recovered)
                self._sweep()
                decided = self._plan(self.files, recovered)
                if decided.changes and decided.after is not None:
                    self._carry_out(decided, decided.after)
                elif self.settings.look_up_again:
                    self._look_up_again(decided)
            finally:
                self._tidy()
        return self._told(decided, recovered)

    def settled(self, check_mode: bool, keep: bool) -> dict[str, Any]:
        held = self.journal.pending()
        back = [] if keep else list(restorable(held))
        if held and not check_mode:
            with locked(self._here(self.place)):
                try:
                    if keep:
                        self.journal.end()
                    else:
                        back = recover(self.journal, self._apply_recovered)
                finally:
                    self._tidy()
        return {
            # To forget the previous bytes changes nothing of what was made.
            "changed": bool(held) and not keep,
            "action": "none" if not held else "confirm" if keep else "restore", "file": None, "line": None, "diff": [],
            "recovered": [shown(path) for path in back], "warnings": [], "notes": [], "old_workers": None,
        }  # fmt: skip

    def _plan(self, files: Files, recovered: Sequence[str]) -> Plan:
        config = load(self.settings.conf, files)
        site = None if self.wanted.site is None else files.read_optional(self.wanted.site.path)
        decided = plan(config, files, self.wanted, files.read_optional(self.wanted.fragment), site)
        if decided.refusal is not None:
            raise NotChangedError(self.settings.conf, decided.refusal, recovered)
        refusal = self._mounted_alone(files, config, decided)
        if refusal is not None:
            raise NotChangedError(self.settings.conf, f"{refusal} Nothing was changed.", recovered)
        self.config = config
        return decided

    def _mounted_alone(self, files: Files, config: Config, decided: Plan) -> str | None:
        """Why a file that is mounted by itself stands in the way, None where none does.

        Every writer that replaces a file (this one, and most editors) leaves such a mount with the file of before.
        """
        alone = files.mount_points()
        advice = "Mount its directory instead of the file, recreate nginx's container, then run this again."
        for path, file in config.files.items():
            here = files.host_path(files.real(path))
            if here is None or here in files.instead or not alone.intersection((path, files.real(path))):
                continue
            if files.run(["cat", path], path) != file.data:
                return (
                    f"nginx does not see {shown(here)} as it is now: {shown(path)} is mounted by itself, and the file "
                    f"was replaced on this host. {advice}"
                )
        for change in decided.changes:
            if alone.intersection((change.path, files.real(change.path))):
                return f"nginx would not see a change of {shown(change.path)}, which is mounted by itself. {advice}"
        return None

    def _told(self, decided: Plan, recovered: Sequence[str]) -> dict[str, Any]:
        return {
            "changed": bool(decided.changes or recovered or self.settings.look_up_again),
            "action": "reload" if self.settings.look_up_again and not decided.changes else decided.action,
            "file": None if decided.file is None else shown(decided.file),
            "line": decided.line,
            "diff": diffs(decided.changes),
            "recovered": [shown(path) for path in recovered],
            "warnings": [*decided.warnings, *([] if self.unproven is None else [self.unproven])],
            "notes": [*decided.notes, *self._ended(bool(decided.changes))],
            "old_workers": self.old_workers,
        }

    def _ended(self, changes: bool) -> Iterator[str]:
        """What a reload does to open connections where nginx is told to end them, or that there was none."""
        if changes and not self.settings.reload:
            yield "nginx has not loaded the change and nothing was proven, as reload is false: reload it when it suits."
        limit = shutdown_limit(self.config)
        if limit is not None and self.settings.reload and (changes or self.settings.look_up_again):
            yield (
                f"The reload ends what is connected through nginx after {shown(' '.join(limit.args))}, because "
                f"worker_shutdown_timeout ({limit.where}) says so; chargers reconnect by themselves."
            )

    # -- carrying out ----------------------------------------------------------------------------------------

    def _carry_out(self, decided: Plan, after: Config) -> None:
        changes = [Change(self._writable(one.path), one.before, one.after) for one in decided.changes]
        if self.settings.reload:
            self.nginx.master(self.config)
        self._rehearse(self.config, (), "before any change: ")
        paths = [one.path for one in decided.changes]
        for count, stage in enumerate(decided.stages, 1):
            self._rehearse(stage, paths[:count], "")
        self._rehearse(after, paths, "")
        prepare_directory(self.settings.journal_dir)
        transact(self.journal, changes, self._apply, lambda: self._proven(decided.target), self.settings.hold)
        if self.settings.reload:
            self.old_workers = self.nginx.old_workers(after)

    def _look_up_again(self, decided: Plan) -> None:
        """A reload without a change: nginx asks for the addresses of its upstreams when it loads its files."""
        self.nginx.master(self.config)
        self._rehearse(self.config, (), "")
        self.nginx.reload(self.config)
        self._proven(decided.target)
        self.old_workers = self.nginx.old_workers(self.config)

    def _apply(self) -> None:
        if self.settings.reload:
            self.nginx.reload(self.config)

    def _apply_recovered(self) -> None:
        """After a recovery: an nginx that runs may have loaded the bytes that are gone now."""
        if not self.settings.reload:
            return
        config = load(self.settings.conf, Files(self.settings.prefix, self.settings.mounts))
        try:
            self.nginx.master(config)
        except SteveError as error:
            if error.code == "nginx-not-running":
                return
            raise
        self.nginx.reload(config)

    def _proven(self, target: Target | None) -> None:
        if self.prove is None or target is None or not self.settings.reload:
            return
        started = time.monotonic()
        end = started + PROOF_DEADLINE_S
        while True:
            try:
                self.unproven = self.prove(target)
                return
            except WalledError as walled:
                if time.monotonic() >= min(started + WALLED_DEADLINE_S, end):
                    self.unproven = walled.sentence()
                    return
                time.sleep(0.5)
            except SteveError:
                if time.monotonic() >= end:
                    raise
                time.sleep(0.5)

    def _rehearse(self, config: Config, changed: Sequence[str], when: str) -> None:
        """``nginx -t`` on copies; see the module's docstring."""
        copies = rehearsal(config, changed, self.place, redirect_pid=not self.settings.prefix)
        try:
            for copy in copies:
                original = self.files.host_path(self.files.real(copy.original))
                like = original if original is not None and os.path.exists(original) else None
                write_file(self._here(copy.path), copy.data, like=like)
            self.nginx.test(copies[0].path, {copy.path: when + copy.original for copy in copies})
        finally:
            self._sweep()

    # -- places ----------------------------------------------------------------------------------------------

    def _rehearsal_directory(self) -> str:
        """The main file's directory as nginx sees it, or a managed file's where only that is on this host."""
        site = [] if self.wanted.site is None else [self.wanted.site.path]
        for path in (self.settings.conf, self.wanted.fragment, *site):
            directory = os.path.dirname(path)
            here = self.files.host_path(directory)
            if here is not None and os.path.isdir(here):
                return directory
        raise SteveError(
            "find a place for the fragment",
            shown(self.wanted.fragment),
            "its directory does not exist on this host",
            "Make the directory, mount it into nginx's container, or choose another with the option fragment.",
        )

    def _here(self, path: str) -> str:
        here = self.files.host_path(path)
        if here is None:
            raise AssertionError("a rehearsal stands outside of the mounts")
        return here

    def _writable(self, path: str) -> str:
        here = self.files.host_path(self.files.real(path))
        if here is None:
            raise SteveError(
                "change the nginx configuration",
                shown(path),
                "the file exists inside of the container only",
                "Mount its directory from this host and name it in the option mounts.",
            )
        if not os.path.isdir(os.path.dirname(here)):
            raise SteveError("change the nginx configuration", shown(path), "its directory does not exist", "Make it.")
        return here

    def _sweep(self) -> None:
        """Remove the copies of this rehearsal, or of one that was interrupted (the lock is held)."""
        directory = self._here(self.place)
        for name in os.listdir(directory):
            if name.startswith(REHEARSAL_PREFIX):
                os.unlink(os.path.join(directory, name))

    def _tidy(self) -> None:
        """Leave no empty directories of ours behind."""
        for directory in (self.settings.journal_dir, self.settings.state_dir):
            with suppress(OSError):
                os.rmdir(directory)
