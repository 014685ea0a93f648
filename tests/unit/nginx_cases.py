# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bodies of a server block: those that nginx refuses, with our words for it, and those that it accepts.

The unit test asks our reader, the integration test asks nginx itself.
"""

from __future__ import annotations

REFUSED = [
    ("location / { proxy_pass http://127.0.0.1:1\n proxy_http_version 1.1; }", "number of arguments"),
    ("location / { proxy_set_header Upgrade; }", "number of arguments"),
    ("location / { proxy_set_header Connection upgrade now; }", "number of arguments"),
    ("location / { proxy_read_timeout; }", "number of arguments"),
    ("location / { proxy_read_timeout 1hour; }", "invalid value"),
    ("proxy_read_timeout -1;", "invalid value"),
    ("location / { proxy_buffering yes; }", 'must be "on" or "off"'),
    ("location / { proxy_http_version http; }", "invalid value"),
    ("location / { proxy_pass 127.0.0.1:8180; }", "invalid URL prefix"),
    ("location / { proxy_pass ws://127.0.0.1:8180; }", "invalid URL prefix"),
    ("location ~ ^/steve { proxy_pass http://127.0.0.1:1/; }", "cannot have URI part"),
    ("location / { if ($http_upgrade) { proxy_pass http://127.0.0.1:1/x; } }", "cannot have URI part"),
    ("location @app { proxy_pass http://127.0.0.1:1/x; }", "cannot have URI part"),
    ("proxy_pass http://127.0.0.1:1;", "not allowed here"),
    ("location / { if ($a) { proxy_set_header Upgrade x; } }", "not allowed here"),
    ("server { listen 81; }", "not allowed here"),
    ("location / { listen 81; }", "not allowed here"),
    ("location / { proxy_read_timeout 1s; proxy_read_timeout 2s; }", "is duplicate"),
    ("location / { proxy_pass http://127.0.0.1:1; proxy_pass http://127.0.0.1:1; }", "is duplicate"),
    ("location /a { } location /a { }", "duplicate location"),
    ("location = /a { } location = /a { }", "duplicate location"),
    ("location / { proxy_http_version 1.1 { } }", "not terminated"),
    ("location /;", "no opening"),
    ("root;", "number of arguments"),
]

ACCEPTED = [
    "location / { proxy_read_timeout 1h30m; proxy_send_timeout '1h 30m'; proxy_connect_timeout 500ms; }",
    "location / { proxy_read_timeout 3600; }",
    "location / { proxy_buffering OFF; }",
    "location / { proxy_pass http://127.0.0.1:1/x/; }",
    "location / { proxy_pass HTTP://127.0.0.1:1; }",
    "location / { proxy_pass http://unix:/run/x.sock:/uri/; }",
    "location ~ ^/steve { proxy_pass http://127.0.0.1:1; }",
    "set $up 127.0.0.1:1; location ~ ^/s { proxy_pass http://$up/x; }",
    "location / { if ($http_upgrade) { proxy_pass http://127.0.0.1:1; } }",
    "location / { limit_except GET { proxy_pass http://127.0.0.1:1; } }",
    "location / { proxy_set_header Upgrade $http_upgrade; proxy_set_header Upgrade ''; }",
    "location /a { } location = /a { } location ~ /a { } location ~ /a { }",
    "location /a { location /a { } }",
    "if ($host = x) { return 301 https://x; } return 404;",
    "location / { proxy_http_version 1.0; }",
    "location / { try_files $uri @a; } location @a { return 200; }",
    "server_name a b; server_name c; listen 127.0.0.1:1; listen 127.0.0.1:2;",
]
