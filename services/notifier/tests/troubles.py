"""What the worker's neighbours answer when they are in trouble."""

from services.notifier.errors import Dependency, DependencyDown, MailUnconfirmed

ORDERS_DOWN = DependencyDown(Dependency.ORDERS, "UNAVAILABLE")
SES_THROTTLES = DependencyDown(Dependency.SES, "Throttling: not ada@example.com now")
SES_IS_SLOW = MailUnconfirmed("does not answer (TimeoutError)")
