# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the action plugins share: run the module of the same name, open its envelope, file what it saw."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.chargeops.steve.plugins.module_utils._envelope import KEY, unseal
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert
from ansible_collections.chargeops.steve.plugins.plugin_utils import _archive


class EnvelopeAction(ActionBase):
    """Runs ``self._task.action`` as a module and returns its opened result."""

    _supports_async = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module with the task's own arguments."""
        del tmp
        super().run(task_vars=task_vars)
        return self.module_result(dict(self._task.args), task_vars or {})

    def module_result(self, module_args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Run the module with the given arguments and merge the opened envelope into its result."""
        result: dict[str, Any] = self._execute_module(
            module_name=self._task.action, module_args=module_args, task_vars=task_vars
        )
        sealed = result.pop(KEY, None)
        if sealed is None:
            return _without_options(result)
        try:
            result.update(unseal(str(sealed)))
        except ValueError as error:
            return {"failed": True, "msg": f"{self._task.action}: {error}"}
        return _without_options(result) if result.get("failed") else result


def _without_options(result: dict[str, Any]) -> dict[str, Any]:
    """A failed result without the options as they were given.

    One of them may be what is wrong: a secret under a misspelt name or inside of a URL, which Ansible does not mask.
    """
    return {key: value for key, value in result.items() if key != "invocation"} if result.get("failed") else result


class ObservingAction(EnvelopeAction):
    """An action whose result may become a file of a run on the controller instead of a task's result.

    With the option ``run_dir`` the document goes to that directory and only a summary comes back, and nothing that
    happens to this host (or vantage) fails the task: what could not be seen is part of the verdict, which is
    spoken once, at the end, over all hosts.
    """

    #: Options of the documented module that only the controller reads.
    controller_options: tuple[str, ...] = ("run_dir",)

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module; file its document when ``run_dir`` is given."""
        del tmp
        ActionBase.run(self, task_vars=task_vars)
        variables = task_vars or {}
        args = dict(self._task.args)
        self._templated = dict(args)
        options = {name: args.pop(name) for name in self.controller_options if name in args}
        args = self.module_args(args, variables)
        run_dir = options.get("run_dir")
        if not run_dir:
            return self.module_result(args, variables)
        try:
            result = self.module_result(args, variables)
            reason = str(result.get("msg") or "the module failed") if result.get("failed") else None
        except AnsibleConnectionFailure as error:
            result, reason = {}, f"unreachable: {inert(error, 300)}"
        except AnsibleError as error:
            result, reason = {}, inert(error, 300)
        document = self.lost(reason, variables) if reason else self.document(result, variables)
        path = _archive.write_observation(str(run_dir), document)
        return {"changed": False, "reached": reason is None, "file": path, **self.summary(document)}

    def module_args(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """The arguments that the module gets."""
        del variables
        return args

    def document(self, result: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """The document to file for a module that ran."""
        raise NotImplementedError

    def lost(self, reason: str, variables: dict[str, Any]) -> dict[str, Any]:
        """The document to file for a module that could not run."""
        raise NotImplementedError

    def summary(self, document: dict[str, Any]) -> dict[str, Any]:
        """The few facts of a document that later tasks need."""
        del document
        return {}
