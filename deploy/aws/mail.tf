# Who the mails are from.

resource "aws_sesv2_configuration_set" "orders" {
  configuration_set_name = "${var.name}-orders"

  delivery_options {
    tls_policy = "OPTIONAL" # REQUIRE would lose the mails of customers whose server has no TLS
  }

  reputation_options {
    reputation_metrics_enabled = true
  }

  sending_options {
    sending_enabled = true
  }

  suppression_options {
    suppressed_reasons = ["BOUNCE", "COMPLAINT"]
  }
}

resource "aws_sesv2_email_identity" "sender" {
  email_identity         = var.verify_domain ? local.sender_domain : var.sender_email
  configuration_set_name = aws_sesv2_configuration_set.orders.configuration_set_name
}
