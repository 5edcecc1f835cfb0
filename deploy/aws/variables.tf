variable "region" {
  description = "Where the queues and SES are: AWS_REGION of orders and notifier."
  type        = string
}

variable "name" {
  description = "What the names of everything here begin with."
  type        = string
  default     = "ordermesh"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,31}$", var.name))
    error_message = "Up to 32 lower-case letters, digits and hyphens, a letter first."
  }
}

variable "sender_email" {
  description = "Who the mails are from, without a display name: orders@example.com."
  type        = string

  validation {
    condition     = can(regex("^[^@\\s<>]+@[^@\\s<>]+$", var.sender_email))
    error_message = "An e-mail address without a display name."
  }
}

variable "verify_domain" {
  description = "Verify the sender's domain, signed with DKIM (three DNS records); false: the address alone (a mail with a link)."
  type        = bool
  default     = true
}

variable "oidc_provider_arn" {
  description = "The cluster's OIDC provider: arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/..."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:iam::[0-9]{12}:oidc-provider/.+$", var.oidc_provider_arn))
    error_message = "The ARN of an IAM OIDC provider."
  }
}

variable "namespace" {
  description = "The namespace of the ServiceAccounts orders and notifier."
  type        = string
  default     = "ordermesh"
}

variable "visibility_seconds" {
  description = "The queues' own visibility timeout; notifier asks for VISIBILITY_SECONDS with each receive, so keep the two equal."
  type        = number
  default     = 30
}
