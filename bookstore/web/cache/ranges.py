"""Parts of a file (RFC 9110, 14): one range of bytes; whatever else is asked for gets the whole."""

from werkzeug.http import parse_range_header

Part = tuple[int, int]


class OutOfRange(Exception):
    """The part begins behind the end of the file."""


def part(header: str | None, length: int) -> Part | None:
    """Return which bytes of `length` a Range header asks for, from and to (exclusive), or None for
    the whole; raise OutOfRange."""
    wanted = parse_range_header(header)
    if wanted is None or wanted.units != "bytes" or len(wanted.ranges) != 1:
        return None
    start = wanted.ranges[0][0]
    if start < -length < 0:  # the last bytes, more than there are
        return 0, length
    found = wanted.range_for_length(length)
    if found is None:
        raise OutOfRange
    return found[0], found[1]
