"""What the services' rights in AWS are about, and where Terraform describes it."""

from pathlib import Path

from services.notifier.ses_mailer import identities_of

ROOT = Path(__file__).parent.parent.parent
DEPLOYED = ROOT / "deploy" / "aws"
SERVICES = ("orders", "notifier")
"""Those that call AWS."""

QUEUE = "arn:aws:sqs:us-east-1:123456789012:ordermesh-orders"
DEAD_LETTERS = f"{QUEUE}-dead-letters"
SES = "arn:aws:ses:us-east-1:123456789012"
SENDER = "orders@mail.shop.example.com"
IDENTITIES = [f"{SES}:identity/{identity}" for identity in identities_of(SENDER)]
SENDING = [f"{SES}:identity/mail.shop.example.com", f"{SES}:configuration-set/ordermesh-orders"]
"""SES wants the right to both when an identity has a configuration set."""

PLACES = {
    "the queue": [QUEUE],
    "the dead-letter queue": [DEAD_LETTERS],
    "the sender, the configuration set": SENDING,
    "the sender's address, its domain, those above": IDENTITIES,
}
"""What the table of deploy/aws/README.md calls them."""

Need = tuple[str, str]
"""An action and a resource."""
