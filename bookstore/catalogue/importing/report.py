"""What became of a file, in words."""

from collections import Counter
from dataclasses import dataclass, field

from bookstore.catalogue.importing import writing
from bookstore.catalogue.importing.columns import Columns, plain_name
from bookstore.catalogue.importing.errors import Note, Refusal
from bookstore.catalogue.importing.rows import Counts
from bookstore.web.i18n import ngettext, number


@dataclass
class Report:
    """What became of a file: `understood` comes first, then the rows."""

    understood: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    refused: list[Refusal] = field(default_factory=list)
    refused_rows: int = 0
    repeated: list[Note] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    doubtful: list[Note] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    without_sku: int = 0
    kept_missing: str | None = None  # why offers that are missing were left alone

    def keep_missing(self, unknown_rows: int) -> None:
        """Say why offers that the file does not name are left alone."""
        self.kept_missing = ngettext(
            "%(num)s refused row does not tell which offer it is, so offers that the file does not"
            " name are left on sale",
            "%(num)s refused rows do not tell which offer they are, so offers that the file does"
            " not name are left on sale",
            unknown_rows,
            num=number(unknown_rows),
        )

    @property
    def added(self) -> int:
        """Count the books that were added."""
        return self.kinds[writing.ADDED]

    @property
    def changed(self) -> int:
        """Count the offers that were changed."""
        return self.kinds[writing.CHANGED]

    @property
    def withdrawn(self) -> int:
        """Count the offers that were withdrawn."""
        return self.kinds[writing.WITHDRAWN]

    @property
    def unchanged(self) -> int:
        """Count the rows that say what the last file said."""
        return self.kinds[writing.SAME]

    def summary(self, name: str, *, dry_run: bool = False) -> str:
        """Return the sentence of the command line that says it all."""
        would = "would be " if dry_run else ""
        books = "book" if self.added == 1 else "books"
        lines = "line" if self.refused_rows == 1 else "lines"
        return (
            f"{name}: {self.added:,} {books} {would}added, {self.changed:,} {would}changed,"
            f" {self.withdrawn:,} {would}withdrawn, {self.unchanged:,} as before,"
            f" {self.refused_rows:,} {lines} refused."
        )

    def remarks(self) -> list[str]:
        """Return what else there is to know, a sentence each."""
        said = []
        if self.without_sku:
            said.append(
                ngettext(
                    "%(num)s row has no SKU: what tells an offer from others is then the ISBN, or"
                    " title and author, with condition and description, and a change of one of"
                    " these makes another offer.",
                    "%(num)s rows have no SKU: what tells an offer from others is then the ISBN, or"
                    " title and author, with condition and description, and a change of one of"
                    " these makes another offer.",
                    self.without_sku,
                    num=number(self.without_sku),
                )
            )
        if rows := self.kinds[writing.NOTHING]:
            said.append(
                ngettext(
                    "%(num)s row with 0 copies is of no book that is there.",
                    "%(num)s rows with 0 copies are of no book that is there.",
                    rows,
                    num=number(rows),
                )
            )
        for what, rows in self.counts.invented.most_common():
            said.append(
                ngettext(
                    "made up: %(what)s, in %(num)s row",
                    "made up: %(what)s, in %(num)s rows",
                    rows, what=what, num=number(rows),
                )
            )  # fmt: skip
        for what, rows in self.counts.mended.most_common():
            said.append(
                ngettext(
                    "mended: %(what)s, in %(num)s row",
                    "mended: %(what)s, in %(num)s rows",
                    rows, what=what, num=number(rows),
                )
            )  # fmt: skip
        for what, rows in self.counts.left_out.most_common():
            said.append(
                ngettext(
                    "left out: %(what)s, in %(num)s row",
                    "left out: %(what)s, in %(num)s rows",
                    rows, what=what, num=number(rows),
                )
            )  # fmt: skip
        if lines := len(self.repeated):
            said.append(
                ngettext(
                    "%(num)s line repeats an offer and counts once",
                    "%(num)s lines repeat an offer and count once",
                    lines,
                    num=number(lines),
                )
            )
        if lines := len(self.doubtful):
            said.append(
                ngettext(
                    "%(num)s line has letters that are a guess; look at it, and name the encoding"
                    " if they are wrong",
                    "%(num)s lines have letters that are a guess; look at them, and name the"
                    " encoding if they are wrong",
                    lines,
                    num=number(lines),
                )
            )
        if self.kept_missing:
            said.append(self.kept_missing)
        return said


def understood(columns: Columns, line: int) -> list[str]:
    """Say which column was read as what, and which were ignored."""
    said = []
    if line:
        read = [
            f"{name.replace('_', ' ')} from "
            + " or ".join(f"“{plain_name(columns.header[place])}”" for place in places)
            for name, places in columns.places.items()
            if name != "handle"
        ]
        said.append(f"Line {line} names the columns: {'; '.join(read)}.")
        if columns.ignored:
            shown = ", ".join(f"“{plain_name(name)}”" for name in columns.ignored[:40])
            said.append(f"Not read: {shown}.")
    if columns.settings:
        given = "; ".join(f"{name.replace('_', ' ')} {value}" for name, value in
                          columns.settings.items())  # fmt: skip
        said.append(f"For all rows that do not say it: {given}.")
    return said
