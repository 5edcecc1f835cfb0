"""The contract's REST face as documents: OpenAPI, a page to try it, a Postman collection."""
