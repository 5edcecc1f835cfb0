"""Which SQS and SES a stack uses: those that the environment names, else moto's."""

from chassis.config import Environment
from deploy.local.moto_server import LocalAws

ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL_SESV2")
QUEUES = ("AWS_SQS_QUEUE_URL", "AWS_SQS_DLQ_URL")
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE")


def read_aws(env: Environment, moto_url: str) -> tuple[dict[str, str], bool]:
    """The ``AWS_*`` keys that processes are given, and whether moto is needed.

    A queue without an endpoint is one of the real AWS, and then SES is the real one too.
    """
    moto = LocalAws(moto_url)
    given = {key: value for key in (*ENDPOINTS, *QUEUES, *KEYS) if (value := env.optional(key))}
    moto_is_sqs = given.keys().isdisjoint({"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS", "AWS_SQS_QUEUE_URL"})
    is_real_aws = "AWS_SQS_QUEUE_URL" in given and "AWS_ENDPOINT_URL_SQS" not in given
    moto_is_ses = given.keys().isdisjoint({"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SESV2"}) and not is_real_aws
    aws = {
        "AWS_REGION": env.text("AWS_REGION", moto.region),
        "AWS_SES_SENDER_EMAIL": env.text("AWS_SES_SENDER_EMAIL", moto.sender_email),
    }
    if moto_is_sqs or moto_is_ses:
        aws |= {"AWS_ACCESS_KEY_ID": moto.access_key_id, "AWS_SECRET_ACCESS_KEY": moto.secret_access_key}
    if moto_is_sqs:
        aws |= {"AWS_SQS_QUEUE_URL": moto.queue_url, "AWS_SQS_DLQ_URL": moto.dead_letter_queue_url}
    endpoint = {(True, True): "AWS_ENDPOINT_URL", (True, False): ENDPOINTS[1], (False, True): ENDPOINTS[2]}
    if moto_key := endpoint.get((moto_is_sqs, moto_is_ses)):
        aws[moto_key] = moto.endpoint_url
    return aws | given, moto_is_sqs or moto_is_ses
