# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kernel is asked: whatever a look at a host runs, no file is opened for writing, made, renamed or removed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.integration.local_nginx import NAME, LocalNginx
from tests.integration.one_task import linked
from tests.simulator import running_simulator
from tests.stack.shell import ROOT, apt_install

CALLS = (
    "open,openat,openat2,creat,truncate,rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,mknod,mknodat,"
    "link,linkat,symlink,symlinkat,chmod,fchmodat,chown,lchown,fchownat,utimensat,setxattr,mount,swapon"
)  # fmt: skip
_OPENS = re.compile(r"\bopen(?:at2?)?\(")
_WRITES = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_TMPFILE")
_PATH = re.compile(r'"((?:[^"\\]|\\.)*)"')
#: A thread that was killed as it entered a call, before strace could read which: the kernel skips the call then
#: (ptrace_report_syscall_entry() tells of the pending kill), so nothing was done.
_NEVER_MADE = re.compile(r"^\d+ +\?\?\?\( ?<detached \.\.\.>$")
#: What every program opens: terminals and the null device.
_DEVICES = ("/dev/null", "/dev/tty", "/dev/pts/")
SCRIPT = """
import json, sys
from ansible_collections.chargeops.steve.plugins.modules import steve_info
from tests.unit.module_runs import result_of
print(json.dumps(result_of(steve_info, **json.loads(sys.stdin.read()))))
"""


def traced(folder: Path, argv: Sequence[str], stdin: str = "") -> tuple[str, list[str]]:
    """Run a command under strace: what it prints, and every call that changes a file, its children's included."""
    if shutil.which("strace") is None:
        apt_install("strace")
    trace = folder / "trace"
    done = subprocess.run(
        ["strace", "-f", "-qq", "-s", "300", "-e", f"trace={CALLS}", "-o", str(trace), *argv],
        input=stdin, capture_output=True, text=True, timeout=170, check=False, cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": f"{linked()}:{ROOT}"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, [line for line in trace.read_text("utf-8", "replace").splitlines() if _changes(line)]


def _changes(line: str) -> bool:
    if "(" not in line or ") = -1 " in line or _NEVER_MADE.match(line):
        # A signal, an exit, or a call that was refused; the second half of an interrupted call has no arguments.
        return False
    path = _PATH.search(line)
    if path is not None and path.group(1).startswith(_DEVICES):
        return False
    return _WRITES.search(line) is not None if _OPENS.search(line) else True


def test_the_look_at_a_host_opens_nothing_for_writing(tmp_path: Path) -> None:
    project, log = tmp_path / "project", tmp_path / "steve.log"
    project.mkdir()
    (project / "compose.yaml").write_text("services:\n  app:\n    image: steve\n")
    log.write_text("[INFO ] 2026-11-23 01:02:03,004 de.rwth.idsg.steve.SteveApplication (main) - started\n")
    nginx = LocalNginx(tmp_path / "nginx")
    with running_simulator(release="3.14.1", charge_boxes=["CP-1"]) as steve:
        nginx.site(
            f"location /steve/ {{ proxy_pass http://127.0.0.1:{steve.port}; proxy_http_version 1.1;",
            "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; proxy_read_timeout 3600s; }",
        )
        nginx.start()
        try:
            options = {
                "url": steve.url, "username": "admin", "password": "1234", "charge_box_id": ["CP-1"],
                "public_ws_url": f"ws://{NAME}:{nginx.port}/steve/websocket/CentralSystemService",
                "project_dir": str(project), "nginx_conf": str(nginx.conf), "nginx_command": list(nginx.command),
                "timeout": 30, "deadline": 120,
            }  # fmt: skip
            said, changes = traced(tmp_path, [sys.executable, "-c", SCRIPT], json.dumps(options))
        finally:
            nginx.stop()
    parts = json.loads(said)["parts"]
    assert {name for name, part in parts.items() if part["status"] == "ok"} >= {"nginx", "admin", "probes"}, parts
    assert changes == [], '\n'.join(changes)


def test_the_trace_would_see_a_file_and_a_child_that_writes_one(tmp_path: Path) -> None:
    mine, other = str(tmp_path / "mine"), str(tmp_path / "other")
    script = f"import subprocess; open({mine!r}, 'w'); subprocess.run(['touch', {other!r}])"
    _said, changes = traced(tmp_path, [sys.executable, "-c", script])
    assert [name for name in ("mine", "other") if not any(name in line for line in changes)] == []


def test_a_call_that_a_killed_thread_never_made_is_no_change_and_one_that_it_began_is() -> None:
    assert not _changes("20842 ???( <detached ...>")
    assert _changes('20842 openat(AT_FDCWD, "/etc/x", O_WRONLY|O_CREAT, 0666 <unfinished ...>')
    assert _changes('20842 unlink("/etc/x" <detached ...>')
    assert _changes('20842 ???("/etc/x") = 0')
