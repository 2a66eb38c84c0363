"""Since when the connection that carried a request is open, and how often it was sent."""

from __future__ import annotations

import time
from typing import Any

from geventhttpclient.client import HTTPClient, HTTPClientPool


class Connections(HTTPClientPool):
    """The connections of one person, who does one thing at a time.

    As browsers do, the client sends a request that is safe to repeat again when its connection
    ends without an answer. `opened` is about the connection that carried it first.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.opened = 0.0  # when that connection was opened, in seconds since the epoch
        self.sent = 0  # how often the request was sent
        self._latest = 0.0

    def get_client(self, url: Any) -> HTTPClient:
        """Return the client for an address: a request begins."""
        known = len(self.clients)
        client = super().get_client(url)
        if len(self.clients) > known:
            self._listen(client._connection_pool)
        self.opened, self.sent = 0.0, 0
        return client

    def _listen(self, pool: Any) -> None:
        """Take note of the connections that a pool opens and hands out."""
        take = pool.get_socket

        def get_socket() -> Any:
            asked = time.time()
            self.sent += 1
            try:
                return take()
            except BaseException:
                self._latest = asked  # it could not be opened
                raise
            finally:
                self.opened = self.opened or self._latest

        def after_connect(_: Any) -> None:
            self._latest = time.time()

        pool.get_socket = get_socket
        pool.after_connect = after_connect
