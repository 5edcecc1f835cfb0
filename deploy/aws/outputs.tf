output "environment" {
  description = "Keys of orders and notifier."
  value = {
    AWS_REGION           = var.region
    AWS_SQS_QUEUE_URL    = aws_sqs_queue.orders.id
    AWS_SQS_DLQ_URL      = aws_sqs_queue.dead_letters.id
    AWS_SES_SENDER_EMAIL = var.sender_email
  }
}

output "role_arns" {
  description = "The annotation eks.amazonaws.com/role-arn of the ServiceAccounts orders and notifier."
  value       = { for service, role in aws_iam_role.service : service => role.arn }
}

output "dkim_records" {
  description = "CNAME records of the sender's domain: SES verifies it when they are there. Empty for an address."
  value = var.verify_domain ? {
    for token in aws_sesv2_email_identity.sender.dkim_signing_attributes[0].tokens :
    "${token}._domainkey.${local.sender_domain}" => "${token}.dkim.amazonses.com"
  } : {}
}
