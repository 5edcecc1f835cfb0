"""What runs beside the services in a cluster: makes secrets, forms the replica set, provisions queues, fills shelves.

It is part of the image, so it needs what the services need and nothing else. What the local stack needs of it, too, is
taken from here.
"""
