"use strict";

// A key of one's own for each press of "Execute": a call that is repeated with it (curl shows it) is made once.
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function withIdempotencyKey(request) {
  if (request.method === "POST" && !request.headers["Idempotency-Key"]) {
    request.headers["Idempotency-Key"] = newKey();
  }
  return request;
}

SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#documentation",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  persistAuthorization: false, // a token does not outlive the page
  validatorUrl: null, // nothing is sent to anybody else
  requestInterceptor: withIdempotencyKey,
});
