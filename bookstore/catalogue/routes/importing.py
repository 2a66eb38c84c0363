"""A seller's own file: sent in, looked at, confirmed, followed and undone."""

import csv
import io
import json
from collections.abc import AsyncIterator
from typing import Any

from quart import Response, request

from bookstore.catalogue.domain import GRADES, Seller
from bookstore.catalogue.importing import jobs
from bookstore.catalogue.importing.checking import ASKED, NOT_IN_FILE
from bookstore.catalogue.importing.columns import FIELDS, UNASKED
from bookstore.catalogue.importing.field_names import FIELD_NAMES
from bookstore.catalogue.importing.jobs_store import Job
from bookstore.catalogue.importing.texts import harmless
from bookstore.catalogue.routes.common import (
    blueprint,
    grade_names,
    the_catalogue,
    the_settings,
)
from bookstore.catalogue.storage import StorageUnavailable
from bookstore.web import urls
from bookstore.web.i18n import gettext as _
from bookstore.web.i18n import lazy_gettext
from bookstore.web.idempotency import idempotent
from bookstore.web.page_error import not_found
from bookstore.web.responses import see_other, wants_fragment
from bookstore.web.sessions import login_required, required_person
from bookstore.web.templating import page

_TEMPLATE = "catalogue/import_job.html"
_SHOWN = 25  # rows of a kind on a page
_KINDS = ("added", "changed", "withdrawn", "refused", "same", "nothing")
_KIND_NAMES = {
    "added": lazy_gettext("New"),
    "changed": lazy_gettext("Changed"),
    "withdrawn": lazy_gettext("Withdrawn"),
    "refused": lazy_gettext("Refused"),
    "same": lazy_gettext("As before"),
    "nothing": lazy_gettext("Without copies"),
}
_BECAME = {  # of a row, in the report
    "added": lazy_gettext("added"),
    "changed": lazy_gettext("changed"),
    "withdrawn": lazy_gettext("withdrawn"),
    "refused": lazy_gettext("refused"),
    "same": lazy_gettext("same"),
    "nothing": lazy_gettext("nothing"),
}
_STEPS = {
    "checking": lazy_gettext("The file is being read."),
    "columns": lazy_gettext("Something is missing that every offer needs."),
    "ready": lazy_gettext("Nothing is changed yet. Look at what would be, and confirm."),
    "refused": lazy_gettext("The file cannot be read."),
    "working": lazy_gettext("Your books are being brought up to date. You may leave this page."),
    "done": lazy_gettext("Your books are up to date."),
    "undoing": lazy_gettext("What the file changed is being put back."),
    "undone": lazy_gettext("What the file changed was put back."),
}


@blueprint.get(urls.import_books())
@login_required
async def import_books() -> Response:
    """Ask for a file, and list a seller's earlier ones."""
    return await _start_page()


@blueprint.post(urls.import_books())
@login_required
@idempotent
async def send_file() -> Response:
    """Keep a file of at most 10 MB and have it read in the background."""
    person = await required_person()
    file = (await request.files).get("file")
    content = file.read(jobs.MAX_BYTES + 1) if file is not None else b""
    if not content:
        return await _start_page(_("Choose a file with books first."), status=422)
    if len(content) > jobs.MAX_BYTES:
        return await _start_page(
            _("The file is larger than 10 MB. Pack it with zip or gzip, or cut it in parts."),
            status=422,
        )
    name = (file.filename or "").replace("\\", "/").rpartition("/")[2] if file else ""
    try:
        job_id = await the_catalogue().imports.send_in(
            Seller(person.id, person.name), name, content
        )
    except StorageUnavailable:
        return await _start_page(
            _("We cannot keep files at the moment. Send it again in a minute."), status=503
        )
    return see_other(urls.import_job(job_id))


@blueprint.get(f"{urls.import_books()}/<{urls.ID}:job_id>")
@login_required
async def import_job(job_id: int) -> Response:
    """Show how far a file has come, and what it would change or has changed."""
    return await _job_page(await _own(job_id))


@blueprint.post(f"{urls.import_books()}/<{urls.ID}:job_id>/columns")
@login_required
@idempotent
async def read_otherwise(job_id: int) -> Response:
    """Read the file again with the columns and values that its seller gave."""
    job = await _own(job_id)
    form = await request.form
    mapped = {
        column["name"]: ours
        for place, column in enumerate(job.said.get("columns", []))
        if (ours := form.get(f"column_{place}", "")) in {*FIELDS, "ignore"}
        and column["ours"] not in UNASKED
    }
    settings = {
        name: text
        for name in ("price", "condition")
        if (text := form.get(f"all_{name}", "").strip()[:40])
    }
    encoding = form.get("encoding", "")[:40]
    options = {
        "mapped": mapped,
        "settings": settings,
        "encoding": encoding,
        "withdraw_missing": "withdraw_missing" in form,
        "by_row": "by_row" in form,
        "by_line": json.loads(job.options).get("by_line", {}),
    }
    await the_catalogue().imports.read_otherwise(job, options)
    return see_other(urls.import_job(job_id))


@blueprint.post(f"{urls.import_books()}/<{urls.ID}:job_id>/rows")
@login_required
@idempotent
async def give_by_row(job_id: int) -> Response:
    """Keep the prices and conditions that were given row by row, and read again."""
    job = await _own(job_id)
    options = json.loads(job.options)
    by_line = options.setdefault("by_line", {})
    for name, text in (await request.form).items():
        what, _line, line = name.rpartition("_")
        given = text.strip()[:40]
        if given and what in ASKED and line.isascii() and line.isdigit() and len(line) < 10:
            by_line.setdefault(str(int(line)), {})[what] = given
    await the_catalogue().imports.read_otherwise(job, options)
    return see_other(urls.import_job(job_id))


@blueprint.post(f"{urls.import_books()}/<{urls.ID}:job_id>/confirm")
@login_required
@idempotent
async def confirm_import(job_id: int) -> Response:
    """Carry out what the preview showed."""
    await the_catalogue().imports.confirm(await _own(job_id))
    return see_other(urls.import_job(job_id))


@blueprint.post(f"{urls.import_books()}/<{urls.ID}:job_id>/undo")
@login_required
@idempotent
async def undo_import(job_id: int) -> Response:
    """Take back an import of the last 24 hours."""
    await the_catalogue().imports.undo(await _own(job_id))
    return see_other(urls.import_job(job_id))


@blueprint.get(f"{urls.import_books()}/<{urls.ID}:job_id>/report.csv")
@login_required
async def import_report(job_id: int) -> Response:
    """Send what became of each row, as a spreadsheet."""
    job = await _own(job_id)
    heads = [_("line"), _("what"), _("title"), _("reason")]
    became = {kind: str(name) for kind, name in _BECAME.items()}
    response = Response(
        _report(the_catalogue().imports, job, heads, became),
        content_type="text/csv; charset=utf-8",
    )
    response.headers["Content-Disposition"] = f'attachment; filename="import-{job.id}.csv"'
    response.headers["Cache-Control"] = "no-store"
    return response


async def _report(
    imports: jobs.Imports, job: Job, heads: list[str], became: dict[str, str]
) -> AsyncIterator[bytes]:
    yield f"\ufeff{','.join(heads)}\r\n".encode()
    for kind in _KINDS:
        after = -1
        while rows := await imports.rows(job, kind, after, 500):
            after = rows[-1].line
            out = io.StringIO()
            for row in rows:
                data = json.loads(row.data)
                title = data.get("terms", {}).get("title", "") or data.get("called", "")
                line = row.line if row.line < NOT_IN_FILE else ""
                cells = (line, became[kind], title, "; ".join(data.get("reasons", ())))
                csv.writer(out).writerow([harmless(str(cell)) for cell in cells])
            yield out.getvalue().encode()


async def _own(job_id: int) -> Job:
    person = await required_person()
    job = await the_catalogue().imports.job(job_id, person.id)
    if job is None:
        raise not_found()
    return job


async def _start_page(problem: str | None = None, *, status: int = 200) -> Response:
    person = await required_person()
    return page(
        "catalogue/import.html",
        status=status,
        problem=problem,
        jobs=await the_catalogue().imports.latest(person.id),
        steps={state: str(text) for state, text in _STEPS.items()},
    )


async def _job_page(job: Job) -> Response:
    imports = the_catalogue().imports
    counts = await imports.counts(job)
    kind = request.args.get("kind", "")
    kind = kind if kind in _KINDS else next((k for k in _KINDS if counts.get(k)), "added")
    given = request.args.get("after", "")
    after = int(given) if given.isascii() and given.isdigit() and len(given) < 10 else -1
    rows = await imports.rows(job, kind, after, _SHOWN + 1) if counts else []
    blank: dict[str, Any] = {"reasons": [], "before": {}, "after": {}, "called": "", "asked": []}
    shown = [{"line": row.line, **blank, **json.loads(row.data)} for row in rows[:_SHOWN]]
    options = json.loads(job.options)
    names = {code: str(name) for code, name in FIELD_NAMES.items()}
    context: dict[str, Any] = {
        "job": job,
        "told": {"problem": "", "remarks": [], "columns": [], "missing": [], **job.said},
        "given": {"price": "", "condition": "", **options.get("settings", {})},
        "options": {"by_row": False, "withdraw_missing": False, **options},
        "not_in_file": NOT_IN_FILE,
        "step": str(_STEPS[job.state]),
        "counts": counts,
        "total": sum(counts.values()),
        "kind": kind,
        "kinds": [(name, str(_KIND_NAMES[name])) for name in _KINDS if counts.get(name)],
        "rows": shown,
        "more": rows[_SHOWN - 1].line if len(rows) > _SHOWN else None,
        "fields": sorted(FIELDS, key=lambda field: names[field]),
        "names": names,
        "missing": [names[code].lower() for code in job.said.get("missing", ())],
        "grades": grade_names(),
        "grade_list": [grade.code for grade in GRADES],
        "currency": the_settings().currency,
        "may_undo": imports.may_undo(job),
    }
    if wants_fragment():
        return page(_TEMPLATE, fragment="job", **context)
    return page(_TEMPLATE, **context)
