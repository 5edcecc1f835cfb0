output "values_env" {
  description = "deploy/k8s/overlays/aws/values.env: keys of orders and notifier, and the roles of their ServiceAccounts."
  value = join("", [for key, value in {
    AWS_REGION           = var.region
    AWS_SQS_QUEUE_URL    = aws_sqs_queue.orders.id
    AWS_SQS_DLQ_URL      = aws_sqs_queue.dead_letters.id
    AWS_SES_SENDER_EMAIL = var.sender_email
    ORDERS_ROLE_ARN      = aws_iam_role.service["orders"].arn
    NOTIFIER_ROLE_ARN    = aws_iam_role.service["notifier"].arn
  } : "${key}=${value}\n"])
}

output "dkim_records" {
  description = "CNAME records of the sender's domain: SES verifies it when they are there. Empty for an address."
  value = var.verify_domain ? {
    for token in aws_sesv2_email_identity.sender.dkim_signing_attributes[0].tokens :
    "${token}._domainkey.${local.sender_domain}" => "${token}.dkim.amazonses.com"
  } : {}
}
