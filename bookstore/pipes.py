"""Output that somebody may stop reading: `| head`."""

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def reader_may_leave() -> Iterator[None]:
    """End with status 141 and without a word when the reader of our output has left."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        output = sys.stdout.fileno()
        polled = select.poll()
        polled.register(output, select.POLLOUT)
        if not any(event & select.POLLERR for _, event in polled.poll(0)):
            raise  # it was another pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), output)
        sys.exit(141)
