// The page of the API: the OpenAPI document, and requests under the reader's own session.
"use strict";
const place = document.getElementById("api");
const csrf = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/);
window.SwaggerUIBundle({
  url: place.dataset.schema,
  domNode: place,
  deepLinking: true,
  // Subjects folded, and a field to search them: with all operations open at once the page took half a minute to come.
  docExpansion: "none",
  filter: true,
  requestInterceptor: (request) => {
    if (csrf && new URL(request.url, location.href).origin === location.origin) {
      request.headers["X-CSRFToken"] = csrf[1];
    }
    return request;
  },
});
