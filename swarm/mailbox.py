#!/usr/bin/env python3
"""A mail server that delivers nothing: it keeps what it is sent, and shows it on a page.

For trying out the shop, in compose and in the rehearsal. Everybody's mail is shown to everybody.
Needs nothing but the standard library: it also runs where there is Python and nothing else.

    mailbox.py --smtp 0.0.0.0:2525 --page 0.0.0.0:8025
"""

from __future__ import annotations

import argparse
import html
import re
import socketserver
import threading
from collections import deque
from collections.abc import Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

KEPT = 500  # mails; older ones are forgotten
LARGEST = 16 * 2**20  # bytes of a mail
LINE = 2**16  # bytes of a line, several times what a sender may write
LINK = re.compile(r"https?://[^\s<>\"]+")
OWN_PAGES = "default-src 'none'; style-src 'unsafe-inline'"
MAILS_HTML = f"{OWN_PAGES}; sandbox allow-popups allow-top-navigation-by-user-activation"
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<style>body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto;
padding: 0 1rem; overflow-wrap: anywhere }} li {{ margin-bottom: .7rem }}
pre {{ white-space: pre-wrap; font: inherit }}</style></head>
<body><main><h1>{title}</h1>
{body}
</main></body></html>
"""


class Mail(NamedTuple):
    """A mail as it came, and to whom it was to go."""

    message: EmailMessage
    recipients: tuple[str, ...]


class Mailbox:
    """The mails that came, numbered from 1."""

    def __init__(self) -> None:
        self._mails: deque[tuple[int, Mail]] = deque(maxlen=KEPT)
        self._lock = threading.Lock()
        self._count = 0

    def keep(self, mail: Mail) -> None:
        """Add a mail."""
        with self._lock:
            self._count += 1
            self._mails.appendleft((self._count, mail))

    def newest_first(self) -> list[tuple[int, Mail]]:
        """Return the mails with their numbers."""
        with self._lock:
            return list(self._mails)


def smtp_server(mailbox: Mailbox, address: tuple[str, int]) -> socketserver.TCPServer:
    """Return a server that takes every mail, on the port where it listens already."""

    class Receiver(socketserver.StreamRequestHandler):
        timeout = 60

        def handle(self) -> None:
            """Take one mail after the other until the sender leaves."""
            recipients: list[str] = []
            self._say("220 mailbox")
            while line := self.rfile.readline(LINE):
                verb, _space, rest = line.decode(errors="replace").strip().partition(" ")
                match verb.upper():
                    case "EHLO":
                        self._say("250-mailbox", "250-8BITMIME", "250 SMTPUTF8")
                    case "RCPT":
                        recipients.append(rest.partition("<")[2].partition(">")[0])
                        self._say("250 OK")
                    case "DATA" if recipients:
                        self._say("354 go on")
                        self._say(self._take(recipients))
                        recipients = []
                    case "DATA":
                        self._say("503 RCPT first")
                    case "HELO" | "MAIL" | "RSET" | "NOOP":
                        recipients = [] if verb.upper() in ("MAIL", "RSET") else recipients
                        self._say("250 OK")
                    case "QUIT":
                        return self._say("221 bye")
                    case _:
                        self._say("500 not understood")
            return None

        def _take(self, recipients: list[str]) -> str:
            """Read a mail up to the line with a dot alone, and return what to say to it."""
            lines: list[bytes] = []
            size = 0
            while (line := self.rfile.readline(LINE)) not in (b".\r\n", b""):
                size += len(line)
                if size <= LARGEST:
                    lines.append(line.removeprefix(b"."))
            if size > LARGEST:
                return "552 too large"
            message = message_from_bytes(b"".join(lines), policy=policy.default)
            mailbox.keep(Mail(message, tuple(recipients)))
            return "250 OK"

        def _say(self, *lines: str) -> None:
            self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    return Server(address, Receiver)


def page_server(mailbox: Mailbox, address: tuple[str, int]) -> ThreadingHTTPServer:
    """Return a server that shows the mails, on the port where it listens already."""

    class Pages(BaseHTTPRequestHandler):
        timeout = 60

        def do_GET(self) -> None:
            """Send the list, one mail, or a mail's HTML part."""
            mails = mailbox.newest_first()
            asked = re.fullmatch(r"/(\d+)(/html)?", self.path)
            mail = dict(mails).get(int(asked[1])) if asked else None
            if self.path == "/":
                self._send(200, _list(mails))
            elif asked is None or mail is None:
                self._send(404, _page("Nothing here", '<p><a href="/">All mails</a></p>'))
            elif asked[2]:
                self._send(200, _body(mail.message, "html"), MAILS_HTML)
            else:
                self._send(200, _mail(int(asked[1]), mail))

        def _send(self, status: int, text: str, rules: str = OWN_PAGES) -> None:
            body = text.encode(errors="replace")
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Security-Policy", rules)
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Keep quiet about who looks."""

    return ThreadingHTTPServer(address, Pages)


def _list(mails: list[tuple[int, Mail]]) -> str:
    items = "".join(
        f'<li><a href="/{number}">{_header(mail.message, "Subject") or "(no subject)"}</a><br>'
        f"<small>{html.escape(', '.join(mail.recipients))} · "
        f"{_header(mail.message, 'Date')}</small></li>\n"
        for number, mail in mails
    )
    shown = f"<ul>\n{items}</ul>" if items else "<p>No mail yet. Reload to look again.</p>"
    return _page("Mailbox", f"<p>Every mail that the shop sends, the newest first.</p>\n{shown}")


def _mail(number: int, mail: Mail) -> str:
    headers = "".join(
        f"<dt>{name}</dt><dd>{value}</dd>"
        for name in ("From", "To", "Date", "Message-ID", "In-Reply-To", "List-Unsubscribe")
        if (value := _header(mail.message, name))
    )
    text = html.escape(_body(mail.message, "plain"), quote=False)
    linked = LINK.sub(lambda match: f'<a href="{match[0]}">{match[0]}</a>', text)
    return _page(
        _header(mail.message, "Subject") or "(no subject)",
        f'<p><a href="/">All mails</a> · <a href="/{number}/html">As HTML</a></p>'
        f"<dl>{headers}</dl>\n<pre>{linked}</pre>",
    )


def _page(title: str, body: str) -> str:
    return PAGE.format(title=title, body=body)


def _header(message: EmailMessage, name: str) -> str:
    return html.escape(str(message[name] or ""))


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()).replace("\r\n", "\n") if part else ""


def _address(text: str) -> tuple[str, int]:
    host, _colon, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no ADDRESS:PORT, such as 127.0.0.1:2525")
    return host, int(port)


def options(arguments: Sequence[str] | None = None) -> tuple[tuple[str, int], tuple[str, int]]:
    """Return where mails are to be taken and where they are to be shown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--smtp", type=_address, default=("127.0.0.1", 2525))
    parser.add_argument("--page", type=_address, default=("127.0.0.1", 8025))
    given = parser.parse_args(arguments)
    return given.smtp, given.page


def main() -> None:
    """Take mails and show them until the process is ended."""
    smtp, page = options()
    mailbox = Mailbox()
    receiver = smtp_server(mailbox, smtp)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    print(f"Mails are taken at {smtp[0]}:{smtp[1]} and shown at {page[0]}:{page[1]}.", flush=True)
    page_server(mailbox, page).serve_forever()


if __name__ == "__main__":
    main()
