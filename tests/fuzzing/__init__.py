"""Random requests over REST, held against the OpenAPI document: schemathesis as others use it."""
