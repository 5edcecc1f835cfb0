# What may be verified for the sender.

locals {
  sender_domain = split("@", var.sender_email)[1]
  domain_labels = split(".", local.sender_domain)

  # The address, its domain and each domain above: what notifier asks SES about, see identities_of in
  # services/notifier/ses_mailer.py.
  sender_identities = concat([var.sender_email], [
    for first in range(max(1, length(local.domain_labels) - 1)) :
    join(".", slice(local.domain_labels, first, length(local.domain_labels)))
  ])
}
