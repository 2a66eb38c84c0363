"""What stands in a kept page for the parts that differ from visitor to visitor.

The marks are random for each process, so that nothing a person types can be one.
"""

import secrets

from quart import has_request_context, request

# In the ASGI scope of a request whose answer may be kept; its value is the page's language.
FLAG = "bookstore.page_cache"
CSRF_MARK = f"mark-{secrets.token_hex(12)}-csrf"
KEY_MARK = f"mark-{secrets.token_hex(12)}-key"


def rendering_for_everybody() -> bool:
    """Tell whether the page at hand may be kept: its forms get marks instead of tokens."""
    return has_request_context() and bool(request.scope.get(FLAG))
