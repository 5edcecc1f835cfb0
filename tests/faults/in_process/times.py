"""The times of the mesh, in seconds of a clock that is moved by hand, but for the heartbeat."""

from datetime import timedelta

from services.orders.store import SweepTimes

HOLD_SECONDS = 120.0
LEASE_SECONDS = 15.0
SEND_SECONDS = 5.0
RELAY_LEASE = timedelta(seconds=10)
SWEEP_TIMES = SweepTimes(age=timedelta(seconds=60), renew=timedelta(seconds=40))

HEARTBEAT_SECONDS = 0.01
DRAIN_SECONDS = 0.001
STEP_SECONDS = 30.0
"""How far the clock moves at once while the mesh settles: as long as a message stays hidden."""
