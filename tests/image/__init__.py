"""The image, and the limits of its processes: the whole mesh runs as its manifests say, and the tests of it pass.

``python -m tests.image`` is for root on Linux; see ``docs/decisions/0038-the-image.md``.
"""
