"""What PyPI answers about a `FakeIndex`: documents of the JSON API and Simple API pages."""

from __future__ import annotations

from html import escape
from typing import Any

from tests.support.index import FakeIndex, IndexFile, IndexProject

API_VERSION = "1.4"
_EMPTY_INFO_KEYS = [
    "author",
    "author_email",
    "bugtrack_url",
    "description",
    "docs_url",
    "download_url",
    "home_page",
    "keywords",
    "license",
    "maintainer",
    "maintainer_email",
    "platform",
    "requires_python",
    "yanked_reason",
]


def project_document(project: IndexProject, base_url: str) -> dict[str, Any]:
    """Return the document of ``/pypi/<project>/json``."""
    latest = project.latest()
    document = release_document(project, latest, base_url)
    document["releases"] = {
        version: _release_files(project, version, base_url) for version in project.versions()
    }
    return document


def release_document(project: IndexProject, version: str | None, base_url: str) -> dict[str, Any]:
    """Return the document of ``/pypi/<project>/<version>/json``, which has no ``releases``."""
    return {
        "info": _info(project, version, base_url),
        "last_serial": project.serial,
        "urls": _release_files(project, version, base_url),
        "vulnerabilities": _vulnerabilities(project, version),
        "ownership": {"roles": [{"role": "Owner", "user": "owner"}], "organization": None},
    }


def _vulnerabilities(project: IndexProject, version: str | None) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in entry.items() if key != "affects"}
        for entry in project.vulnerabilities
        if version in entry.get("affects", [project.latest()])
    ]


def _info(project: IndexProject, version: str | None, base_url: str) -> dict[str, Any]:
    files = [file for file in project.files if file.version == version]
    built = files[0].built if files else None
    url = f"{base_url}/project/{project.name}/"
    info: dict[str, Any] = dict.fromkeys(_EMPTY_INFO_KEYS)
    info.update(
        name=project.display_name,
        version=version,
        summary=built.summary if built else "",
        classifiers=["Programming Language :: Python :: 3"],
        description_content_type="text/plain",
        downloads={"last_day": -1, "last_month": -1, "last_week": -1},
        dynamic=None,
        license_expression="MIT",
        license_files=[],
        package_url=url,
        project_url=url,
        project_urls={"Homepage": f"https://{project.name}.example/"},
        provides_extra=list(built.provides_extra) if built else [],
        release_url=f"{url}{version}/",
        requires_dist=list(built.requires_dist) or None if built else None,
        requires_python=files[0].requires_python if files else None,
        yanked=bool(files) and all(file.yanked is not False for file in files),
    )
    info.update(project.info)
    return info


def _release_files(
    project: IndexProject, version: str | None, base_url: str
) -> list[dict[str, Any]]:
    return [_file_entry(file, base_url) for file in project.files if file.version == version]


def _file_entry(file: IndexFile, base_url: str) -> dict[str, Any]:
    time = iso_time(file.upload_time)
    return {
        "comment_text": None,
        "core-metadata": _core_metadata(file),
        "digests": dict(file.digests),
        "downloads": -1,
        "filename": file.filename,
        "has_sig": False,
        "md5_digest": file.digests.get("md5"),
        "packagetype": file.package_type,
        "python_version": file.python_version,
        "requires_python": file.requires_python,
        "size": file.size,
        "upload_time": time.partition(".")[0],
        "upload_time_iso_8601": time,
        "url": file_url(file, base_url),
        "yanked": file.yanked is not False,
        "yanked_reason": file.yanked if isinstance(file.yanked, str) else None,
        **file.extra,
    }


def simple_root_document(index: FakeIndex) -> dict[str, Any]:
    """Return the root of the Simple API in its JSON form (PEP 691), with PyPI's serials."""
    return {
        "meta": {"_last-serial": index.serial, "api-version": API_VERSION},
        "projects": [
            {"name": project.display_name, "_last-serial": project.serial}
            for project in _visible(index)
        ],
    }


def simple_document(project: IndexProject, base_url: str) -> dict[str, Any]:
    """Return the Simple API page of a project in its JSON form (PEP 691, 700, 714, 740, 792)."""
    shown = {file.version for file in offered(project)}
    return {
        "meta": {"_last-serial": project.serial, "api-version": API_VERSION},
        "name": project.name,
        "project-status": {"status": project.status},
        "versions": [version for version in project.versions() if version in shown],
        "files": [_simple_entry(file, base_url) for file in offered(project)],
    }


def _simple_entry(file: IndexFile, base_url: str) -> dict[str, Any]:
    sha256 = file.digests.get("sha256")
    return {
        "core-metadata": _core_metadata(file),
        "data-dist-info-metadata": _core_metadata(file),
        "filename": file.filename,
        "hashes": {"sha256": sha256} if sha256 else {},
        "provenance": provenance_url(file, base_url),
        "requires-python": file.requires_python,
        "size": file.size,
        "upload-time": iso_time(file.upload_time),
        "url": file_url(file, base_url),
        "yanked": file.yanked,
        **file.extra,
    }


def simple_root_html(index: FakeIndex, *, serials: bool = True) -> str:
    """Return the root of the Simple API as a page (PEP 503, 629)."""
    anchors = [
        f'    <a href="/simple/{project.name}/">{escape(project.display_name)}</a>'
        for project in _visible(index)
    ]
    return _html_page("Simple index", "", anchors, index.serial if serials else None)


def simple_html(project: IndexProject, base_url: str, *, serials: bool = True) -> str:
    """Return the Simple API page of a project (PEP 503, 592, 629, 658, 714, 792)."""
    anchors = [f"    {_anchor(file, base_url)}<br />" for file in offered(project)]
    meta = f'    <meta name="pypi:project-status" content="{project.status}">\n'
    serial = project.serial if serials else None
    return _html_page(f"Links for {project.name}", meta, anchors, serial)


def _html_page(title: str, meta: str, anchors: list[str], serial: int | None) -> str:
    links = "\n".join(anchors)
    comment = "" if serial is None else f"<!--SERIAL {serial}-->"
    return (
        "<!DOCTYPE html>\n<html>\n  <head>\n"
        f'    <meta name="pypi:repository-version" content="{API_VERSION}">\n{meta}'
        f"    <title>{escape(title)}</title>\n  </head>\n  <body>\n"
        f"    <h1>{escape(title)}</h1>\n{links}\n  </body>\n</html>\n{comment}"
    )


def _anchor(file: IndexFile, base_url: str) -> str:
    sha256 = file.digests.get("sha256")
    attributes = {"href": file_url(file, base_url) + (f"#sha256={sha256}" if sha256 else "")}
    if file.requires_python is not None:
        attributes["data-requires-python"] = file.requires_python
    if file.core_metadata:
        attributes["data-dist-info-metadata"] = f"sha256={file.built.metadata_sha256}"
        attributes["data-core-metadata"] = f"sha256={file.built.metadata_sha256}"
    if file.yanked is not False:
        attributes["data-yanked"] = file.yanked if isinstance(file.yanked, str) else ""
    if url := provenance_url(file, base_url):
        attributes["data-provenance"] = url
    written = " ".join(f'{key}="{escape(value)}"' for key, value in attributes.items())
    return f"<a {written}>{escape(file.filename)}</a>"


def provenance_url(file: IndexFile, base_url: str) -> str | None:
    """Return the URL of the attestations of a file, None without any."""
    known = file.provenance
    return f"{base_url}{file.provenance_path}" if isinstance(known, bytes) else known


def offered(project: IndexProject) -> list[IndexFile]:
    """Return the files that the Simple API shows: none of a quarantined project."""
    return [] if project.status == "quarantined" else list(project.files)


def file_url(file: IndexFile, base_url: str) -> str:
    """Return the announced URL of a file."""
    return file.url if file.url is not None else base_url + file.path


def iso_time(time: str) -> str:
    """Write an upload time with microseconds, as PyPI does."""
    bare, zone = (time[:-1], "Z") if time.endswith("Z") else (time, "")
    return time if "." in bare or not zone else f"{bare}.000000{zone}"


def _visible(index: FakeIndex) -> list[IndexProject]:
    ordered = sorted(index.projects.items())
    return [project for _, project in ordered if project.status != "quarantined"]


def _core_metadata(file: IndexFile) -> bool | dict[str, str]:
    sha256 = file.built.metadata_sha256
    return {"sha256": sha256} if file.core_metadata and sha256 else False
