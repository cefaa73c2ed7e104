/* core/admin/ui.c: the files of the UI, embedded in the binary as the build compressed them (app.js.gz), which is how
 * browsers take them; the others get them unpacked.
 *
 * They hold nothing secret, so a browser may keep them: those whose name is made of their content for good, the others
 * as long as their ETag is the same. */
#include "core/admin/call.h"

#include "core/base/embedded.h"
#include "core/base/memory.h"
#include "core/http/field.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <zlib.h>

enum { GZIP_WINDOW = 15 + 16 };

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

/* The file as a client knows it, and how it lies in the binary: as gzip where the build found that worth it. */
typedef struct page {
    const embedded_file *file;
    char name[96]; /* without .gz */
    bool packed;
} page;

static bool take(const embedded_file *file, span name, page *found) {
    span path = span_of(file->path);
    if (!span_starts(path, name) || name.len >= sizeof found->name) return false;
    bool packed = span_is(span_make(path.data + name.len, path.len - name.len), ".gz");
    if (!packed && path.len != name.len) return false;
    *found = (page){.file = file, .packed = packed};
    memcpy(found->name, name.data, name.len);
    return true;
}

static bool lookup(span name, page *found) {
    for (const embedded_file *file = embedded_ui; file->path; file++)
        if (name.len > 0 && take(file, name, found)) return true;
    return false;
}

/* A path without a file is a place inside the UI: the page finds its way from the address. */
static bool find(span path, page *found) {
    span name = path.len > 0 ? span_make(path.data + 1, path.len - 1) : path;
    if (lookup(name, found)) return true;
    bool is_file = name.len > 0 && memchr(name.data, '.', name.len);
    return !is_file && lookup(SPAN("index.html"), found);
}

/* The content, from malloc; NULL when the program file is damaged. A gzip file ends with the size of what it holds
 * (RFC 1952 §2.3.1). */
static char *unpack(const embedded_file *file, size_t *len) {
    const uint8_t *end = (const uint8_t *)file->data + file->len;
    size_t size = (size_t)end[-4] | (size_t)end[-3] << 8 | (size_t)end[-2] << 16 | (size_t)end[-1] << 24;
    z_stream z = {.next_in = (Bytef *)(uintptr_t)file->data, .avail_in = (uInt)file->len, .avail_out = (uInt)size};
    char *content = xmalloc(size + 1);
    *len = size;
    z.next_out = (Bytef *)content;
    bool whole = inflateInit2(&z, GZIP_WINDOW) == Z_OK && inflate(&z, Z_FINISH) == Z_STREAM_END && z.avail_out == 0;
    inflateEnd(&z);
    if (whole) return content;
    free(content);
    return NULL;
}

error *ui_show(call *c, http_response **response) {
    span path = http_request_path(c->request);
    if (span_is(path, "/api") || span_starts(path, SPAN("/api/")))
        return error_new(ERROR_NOT_FOUND, "there is no such address; /api/v1/openapi.json tells what there is");
    page found;
    if (!find(path, &found)) return error_new(ERROR_NOT_FOUND, "there is no such page");
    bool packed = found.packed && http_takes_gzip(http_request_header(c->request, "Accept-Encoding"));
    char etag[96];
    snprintf(etag, sizeof etag, "\"%s%s\"", found.file->digest, found.packed && !packed ? "-plain" : "");
    bool for_good = span_starts(span_of(found.name), SPAN("part-"));
    char *content = NULL;
    size_t len = 0;
    bool known = span_is(http_request_header(c->request, "If-None-Match"), etag);
    if (found.packed && !packed && !known) {
        content = unpack(found.file, &len);
        if (!content) return error_new(ERROR_INTERNAL, "%s cannot be unpacked: the program is damaged", found.name);
    }
    *response = http_response_new(known ? 304 : 200);
    http_response_header(*response, "ETag", etag);
    http_response_header(*response, "Content-Type", type_of(found.name));
    http_response_header(*response, "Vary", "Accept-Encoding");
    http_response_secure(*response, page_policy);
    http_response_drop(*response, "Cache-Control");
    http_response_header(*response, "Cache-Control", for_good ? "max-age=31536000, immutable" : "no-cache");
    if (known) return NULL;
    if (packed) http_response_header(*response, "Content-Encoding", "gzip");
    if (content)
        http_response_body_take(*response, content, len);
    else
        http_response_body_static(*response, embedded_span(found.file));
    return NULL;
}
