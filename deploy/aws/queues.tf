# The queue of order events and the dead-letter queue behind it.
#
# Nothing here is guarded against `terraform destroy`: a message is a hint. Orders that are not settled publish
# theirs again by themselves, so a queue that was deleted and made again costs time only.

locals {
  retention_seconds = 14 * 24 * 3600 # SQS's most: an order waits as long as it can
  receive_count_max = 10             # room for restarts; an outage costs a message one receive in each replica
}

resource "aws_sqs_queue" "orders" {
  name                       = "${var.name}-orders"
  visibility_timeout_seconds = var.visibility_seconds
  message_retention_seconds  = local.retention_seconds
  receive_wait_time_seconds  = 20
  sqs_managed_sse_enabled    = true # a key of our own in KMS would be one more thing that can be away

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters.arn
    maxReceiveCount     = local.receive_count_max
  })
}

resource "aws_sqs_queue" "dead_letters" {
  name                       = "${var.name}-orders-dead-letters"
  visibility_timeout_seconds = var.visibility_seconds
  message_retention_seconds  = local.retention_seconds
  receive_wait_time_seconds  = 20
  sqs_managed_sse_enabled    = true
}

resource "aws_sqs_queue_redrive_allow_policy" "dead_letters" {
  queue_url = aws_sqs_queue.dead_letters.id

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.orders.arn]
  })
}

resource "aws_sqs_queue_policy" "tls_only" {
  for_each = {
    orders       = aws_sqs_queue.orders
    dead_letters = aws_sqs_queue.dead_letters
  }

  queue_url = each.value.id
  policy    = templatefile("${path.module}/policies/tls_only.json.tftpl", { queue_arn = jsonencode(each.value.arn) })
}
