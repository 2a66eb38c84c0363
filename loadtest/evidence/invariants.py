"""What must hold in a shop's database, as statements that find the rows that break it."""

# Each statement finds rows that must not be there.
NEVER = {
    "fewer than no copies": "SELECT id FROM books WHERE stock < 0",
    "on sale without copies, or not on sale with them": (
        "SELECT id FROM books WHERE on_sale <> (listed = 1 AND stock > 0)"
    ),
    "a parcel sent of an order that is not paid for": (
        "SELECT s.id FROM shipments s JOIN orders o ON o.id = s.order_id"
        " WHERE s.shipped_at IS NOT NULL AND (o.state <> 'paid' OR o.confirmed_at IS NULL)"
    ),
    "a parcel sent and called off": (
        "SELECT id FROM shipments WHERE shipped_at IS NOT NULL AND cancelled_at IS NOT NULL"
    ),
    "paid without money": (
        "SELECT o.id FROM orders o JOIN payment_intents p ON p.order_id = o.id"
        " WHERE o.paid_at IS NOT NULL AND p.state <> 'succeeded'"
    ),
    "money that nobody knows of": (
        "SELECT o.id FROM orders o JOIN payment_intents p ON p.order_id = o.id"
        " LEFT JOIN refunds r ON r.order_id = o.id"
        " WHERE p.state = 'succeeded' AND o.state <> 'paid' AND r.order_id IS NULL"
    ),
    "a buyer's own book": (
        "SELECT l.order_id FROM order_lines l JOIN orders o ON o.id = l.order_id"
        " WHERE l.seller_id = o.buyer_id"
    ),
    "a basket with an odd quantity": (
        "SELECT basket_id FROM basket_items WHERE quantity < 1 OR quantity > 20"
    ),
    "one form, two orders": (
        "SELECT MIN(id) FROM orders GROUP BY buyer_id, checkout_key HAVING COUNT(*) > 1"
    ),
    "a line without its copies": (
        "SELECT l.order_id FROM order_lines l JOIN orders o ON o.id = l.order_id"
        " LEFT JOIN holds h ON h.reference = o.reference AND h.book_id = l.book_id"
        " WHERE o.confirmed_at IS NOT NULL AND (h.quantity IS NULL OR h.quantity <> l.quantity)"
    ),
}
# Each finds rows that something should have finished by now.
STUCK = {
    "an order that is neither placed nor given up": "SELECT id FROM orders WHERE state = 'placing'",
    "an order whose time to pay is long over": (
        "SELECT id FROM orders WHERE state = 'placed' AND expires_at < {now} - 15000"
    ),
    "a sale that is not confirmed": (
        "SELECT id FROM orders WHERE state = 'paid' AND confirmed_at IS NULL"
    ),
    "copies that were not given back": (
        "SELECT id FROM orders WHERE state = 'cancelled' AND released_at IS NULL"
    ),
    "a refund that is owed": "SELECT order_id FROM refunds WHERE done_at IS NULL",
    "a parcel's refund that is owed": ("SELECT order_id FROM parcel_refunds WHERE done_at IS NULL"),
    "a payment that its bank forgot": (
        "SELECT order_id FROM payment_intents WHERE state = 'processing'"
        " AND settles_at < {now} - 15000"
    ),
    "copies held for nobody": (
        "SELECT h.book_id FROM holds h LEFT JOIN orders o ON o.reference = h.reference"
        " WHERE h.state = 'held' AND (o.id IS NULL OR o.state NOT IN ('placing', 'placed'))"
    ),
}
