"""nginx configuration for a repository's static pages and files."""

from __future__ import annotations

import re
from pathlib import Path

from microrepo.standalone.server.application.application import PREFLIGHT
from microrepo.standalone.server.index_pages import HTML_TYPE, JSON_TYPE
from microrepo.standalone.server.messages.responses import FILE_CACHE, INDEX_CACHE
from microrepo.standalone.server.names import SUFFIX_TYPES, VARIANTS_SUFFIX

_TEMPLATE = """\
# Serves the static pages of a repository to pip, uv and other mirrors.
# Put it into /etc/nginx/conf.d/ (files there are read inside http {{ }}).

# What the client asks for by ?format= or, without it, by Accept (PEP 691). nginx knows no weights:
# clients name the type they like best first, so the first name that is known counts.
map $arg_format $microrepo_asked {{
    ""       $http_accept;
    default  $arg_format;
}}
map $microrepo_asked $microrepo_suffix {{
    default                                                      "";
    ""                                                           ".html";
    "~*^[^,]*application/vnd\\.pypi\\.simple\\.(v1|latest)( |\\+|%2B)json"  ".v1_json";
    "~*^[^,]*application/vnd\\.pypi\\.simple\\.(v1|latest)( |\\+|%2B)html"  ".v1_html";
    "~*^[^,]*(text/html|text/\\*|\\*/\\*)"                          ".html";
    "~*application/vnd\\.pypi\\.simple\\.(v1|latest)\\+json"         ".v1_json";
    "~*application/vnd\\.pypi\\.simple\\.(v1|latest)\\+html"         ".v1_html";
    "~*(text/html|text/\\*|\\*/\\*)"                                ".html";
}}

server {{
    listen {listen};
    server_name {server_name};
    root {root};
    charset utf-8;
    charset_types text/plain {html_type};
    sendfile on;
    tcp_nopush on;
    server_tokens off;
    disable_symlinks on from=$document_root;
    absolute_redirect off;
    add_header X-Content-Type-Options nosniff always;

    # A browser asks with OPTIONS before a script of another site may send some header fields.
    error_page 405 = @microrepo_options;
    if ($request_method = OPTIONS) {{ return 405; }}
    location @microrepo_options {{
        if ($request_method != OPTIONS) {{ return 405; }}
        {preflight_headers}
        return 204;
    }}

    # Index pages: revalidated each time, or uv would guess that they stay as they are for days.
    location /simple/ {{
        location ~ ^(?<microrepo_folder>/simple/(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?/)?)$ {{
            if ($microrepo_suffix = "") {{ return 406; }}
            rewrite ^ ${{microrepo_folder}}index$microrepo_suffix last;
        }}
        location ~ /index\\.v1_json$ {{ types {{ }} default_type {json_type};
            {index_headers}
        }}
        location ~ /index\\.v1_html$ {{ types {{ }} default_type {html_type};
            {index_headers}
        }}
        location ~ /(index|links)\\.html$ {{ types {{ }} default_type text/html;
            {index_headers}
        }}
        # Other spellings of a project's name are not found: nginx can't normalise them.
        location ~ ^/simple/[a-z0-9-]+$ {{ return 301 $uri/$is_args$args; }}
        return 404;
    }}
    location = /simple {{ return 301 simple/; }}

    # Documents for other mirrors.
    location ~ ^/pypi/[a-z0-9-]+/json$ {{ types {{ }} default_type application/json;
        {document_headers}
    }}
    location = /last-modified {{ types {{ }} default_type text/plain;
        {document_headers}
    }}

    # What explains the variant labels of a release changes when a wheel is added.
    location ~* ^/[^/.][^/]*{variants}$ {{ types {{ }} default_type application/json;
        {document_headers}
    }}

    # Distributions and their metadata never change under one name.
    location ~* ^/[^/.][^/]*(?:{suffixes})$ {{ types {{ }} default_type application/octet-stream;
        {file_headers}
    }}
    location ~* ^/[^/.][^/]*(?:{suffixes})\\.metadata$ {{ types {{ }} default_type text/plain;
        {file_headers}
    }}

    # Mirrors that look for files below /packages/ find them there too.
    location ~ ^/packages/[^/.][^/]*$ {{ rewrite ^/packages(/.*)$ $1 last; }}

    # Pages for people, where the repository keeps them (`browse`).
    location ^~ /browse/ {{ types {{ }} default_type text/html; index index.html;
        {document_headers}
        location ~ /\\. {{ return 404; }}
    }}
    location = / {{ return 302 simple/; }}
    # Nothing else: no hidden names, no state.
    location / {{ return 404; }}
}}
"""


def nginx_config(directory: Path, *, listen: str = "8080", server_name: str = "_") -> str:
    """Return the configuration for a repository that has static pages.

    Args:
        directory: the repository, an absolute path.
        listen: address and port, as nginx's `listen` takes them.
        server_name: host names, separated by spaces; ``_`` for all.

    Raises:
        ValueError: an argument cannot be part of a configuration.
    """
    if not directory.is_absolute():
        raise ValueError(f"not an absolute path: {directory}")
    for text in (listen, server_name):
        if not re.fullmatch(r"[\w.:*\[\] -]+", text, re.ASCII):
            raise ValueError(f"not for nginx: {text!r}")
    suffixes = sorted(re.escape(one) for one in SUFFIX_TYPES if one != VARIANTS_SUFFIX)
    return _TEMPLATE.format(
        listen=listen,
        server_name=server_name,
        root=_quoted(str(directory)),
        suffixes="|".join(suffixes),
        variants=re.escape(VARIANTS_SUFFIX),
        json_type=JSON_TYPE,
        html_type=HTML_TYPE,
        index_headers=_headers(INDEX_CACHE, vary=True),
        document_headers=_headers(INDEX_CACHE, vary=False),
        file_headers=_headers(FILE_CACHE, vary=False),
        preflight_headers=" ".join(f'add_header {name} "{value}";' for name, value in PREFLIGHT),
    )


def _headers(cache: str, *, vary: bool) -> str:
    # An add_header here hides those of the level above, so all are repeated.
    names = [f'add_header Cache-Control "{cache}";', "add_header X-Content-Type-Options nosniff;"]
    # Scripts of other sites (micropip) may read all of it, and that a page does not exist.
    names.append('add_header Access-Control-Allow-Origin "*" always;')
    return " ".join([*names, *(["add_header Vary Accept;"] if vary else [])])


def _quoted(path: str) -> str:
    if not path.isprintable() or "$" in path:
        raise ValueError(f"nginx can't serve this path: {path!r}")
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'
