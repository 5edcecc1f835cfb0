# What orders and notifier may do in AWS. Auth, inventory and the gateway call nothing there and have no role.

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}

locals {
  oidc_issuer = split("oidc-provider/", var.oidc_provider_arn)[1]
  ses_prefix  = "arn:${data.aws_partition.this.partition}:ses:${var.region}:${data.aws_caller_identity.this.account_id}"

  policies = {
    orders = templatefile("${path.module}/policies/orders.json.tftpl", {
      queue_arn = jsonencode(aws_sqs_queue.orders.arn)
    })
    notifier = templatefile("${path.module}/policies/notifier.json.tftpl", {
      queue_arn             = jsonencode(aws_sqs_queue.orders.arn)
      dead_letter_queue_arn = jsonencode(aws_sqs_queue.dead_letters.arn)
      sending_arns          = jsonencode([aws_sesv2_email_identity.sender.arn, aws_sesv2_configuration_set.orders.arn])
      identity_arns         = jsonencode([for identity in local.sender_identities : "${local.ses_prefix}:identity/${identity}"])
      sender_email          = jsonencode(var.sender_email)
    })
  }
}

data "aws_iam_policy_document" "assumed_by_service_account" {
  for_each = local.policies

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [var.oidc_provider_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.oidc_issuer}:sub"
      values   = ["system:serviceaccount:${var.namespace}:${each.key}"]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.oidc_issuer}:aud"
      values   = ["sts.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "service" {
  for_each = local.policies

  name               = "${var.name}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.assumed_by_service_account[each.key].json
}

resource "aws_iam_role_policy" "service" {
  for_each = local.policies

  name   = each.key
  role   = aws_iam_role.service[each.key].id
  policy = each.value
}
