# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real stack for tests: Docker engine, images, a compose project of SteVe's shape, a target host, a live charger.

Standard library only, so that it runs before any environment exists. Start at project.Stack.
"""
