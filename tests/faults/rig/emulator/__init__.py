"""SQS and SES in memory, in the rig's own event loop, with faults that are switched while it runs.

::

    server (HTTP) -> service -> sqs -> queue, message
                             -> ses -> mails
                     faults: what befalls a request, drawn from one seeded generator
"""

from tests.faults.rig.emulator.faults import Faults
from tests.faults.rig.emulator.mails import SentMail
from tests.faults.rig.emulator.server import AwsEmulator, open_emulator

__all__ = ["AwsEmulator", "Faults", "SentMail", "open_emulator"]
