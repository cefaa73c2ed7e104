/* core/admin/ui.c: the files of the UI, embedded in the binary, each also as the build compressed it (app.js.gz).
 *
 * They hold nothing secret, so a browser may keep them: those whose name is made of their content for good, the others
 * as long as their ETag is the same. */
#include "core/admin/call.h"

#include "core/base/embedded.h"
#include "core/http/field.h"

#include <stdio.h>
#include <strings.h>

extern const embedded_file embedded_ui[];

static const char page_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; font-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

static const char *type_of(const char *path) {
    static const char *const known[][2] = {{".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"}, {".css", "text/css; charset=utf-8"}, {".svg", "image/svg+xml"},
        {".json", "application/json"}, {".txt", "text/plain; charset=utf-8"}};
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof known / sizeof *known; i++) {
        if (strcasecmp(dot, known[i][0]) == 0) return known[i][1];
    }
    return "application/octet-stream";
}

/* A path without a file is a place inside the UI: the page finds its way from the address. */
static const embedded_file *find(span path) {
    const embedded_file *page = NULL;
    span name = path.len > 0 ? span_make(path.data + 1, path.len - 1) : path;
    for (const embedded_file *file = embedded_ui; file->path; file++) {
        if (span_is(name, file->path)) return file;
        if (strcmp(file->path, "index.html") == 0) page = file;
    }
    bool is_file = name.len > 0 && memchr(name.data, '.', name.len);
    return is_file ? NULL : page;
}

/* The same file compressed; NULL where that was not worth it. */
static const embedded_file *packed(const embedded_file *file) {
    char name[128];
    int len = snprintf(name, sizeof name, "%s.gz", file->path);
    return embedded_find(embedded_ui, span_make(name, (size_t)len));
}

error *ui_show(call *c, http_response **response) {
    span path = http_request_path(c->request);
    if (span_is(path, "/api") || span_starts(path, SPAN("/api/")))
        return error_new(ERROR_NOT_FOUND, "there is no such address; /api/v1/openapi.json tells what there is");
    const embedded_file *file = find(path);
    if (!file) return error_new(ERROR_NOT_FOUND, "there is no such page");
    const embedded_file *small =
        http_takes_gzip(http_request_header(c->request, "Accept-Encoding")) ? packed(file) : NULL;
    const embedded_file *sent = small ? small : file;
    char etag[80];
    snprintf(etag, sizeof etag, "\"%s\"", sent->digest);
    bool for_good = span_starts(span_of(file->path), SPAN("part-"));
    bool known = span_is(http_request_header(c->request, "If-None-Match"), etag);
    *response = http_response_new(known ? 304 : 200);
    http_response_header(*response, "ETag", etag);
    http_response_header(*response, "Content-Type", type_of(file->path));
    http_response_header(*response, "Vary", "Accept-Encoding");
    http_response_secure(*response, page_policy);
    http_response_drop(*response, "Cache-Control");
    http_response_header(*response, "Cache-Control", for_good ? "max-age=31536000, immutable" : "no-cache");
    if (known) return NULL;
    if (small) http_response_header(*response, "Content-Encoding", "gzip");
    http_response_body_static(*response, embedded_span(sent));
    return NULL;
}
