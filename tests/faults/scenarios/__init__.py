"""What the mesh is put through, one promise a module."""

from tests.faults.rig.scenario import Scenario
from tests.faults.scenarios.cancel_races import CANCEL_RACES
from tests.faults.scenarios.crash_points import CRASH_POINTS
from tests.faults.scenarios.fuzzing import FUZZING
from tests.faults.scenarios.hot_sku import HOT_SKU
from tests.faults.scenarios.key_rotation import KEY_ROTATION
from tests.faults.scenarios.kills import KILLS, MONGOD_KILLS
from tests.faults.scenarios.mails import MAILS
from tests.faults.scenarios.network import NETWORK
from tests.faults.scenarios.outages import OUTAGES
from tests.faults.scenarios.poison import POISON
from tests.faults.scenarios.redis import REDIS
from tests.faults.scenarios.restarts import RESTARTS
from tests.faults.scenarios.sessions import REFRESHES, REVOCATIONS
from tests.faults.scenarios.sqs import SQS
from tests.faults.scenarios.twins import TWINS

SCENARIOS: tuple[Scenario, ...] = (
    KILLS,
    HOT_SKU,
    TWINS,
    CRASH_POINTS,
    SQS,
    MAILS,
    RESTARTS,
    MONGOD_KILLS,
    REDIS,
    CANCEL_RACES,
    OUTAGES,
    POISON,
    NETWORK,
    REFRESHES,
    REVOCATIONS,
    KEY_ROTATION,
    FUZZING,
)
"""In the order in which they run."""
