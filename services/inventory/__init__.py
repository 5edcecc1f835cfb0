"""Items, their stock, and the reservations that hold stock for orders."""
