"""Serve the shop over HTTP/1.1 with Hypercorn or uvicorn, and stop without failing a request."""
