"""The pages of orders."""

from quart import Blueprint

blueprint = Blueprint("orders", __name__)
