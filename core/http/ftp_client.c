/* core/http/ftp_client.c: see ftp_client.h. */
#include "core/http/ftp_client.h"

#include "core/base/memory.h"
#include "core/http/curl_part.h"

#include <stdio.h>
#include <stdlib.h>

enum { URL_ROOM = 8192, WORDS_SIZE = 200, LISTING_BYTES_MAX = 64 * 1024 * 1024 };

struct ftp_client {
    server_options options;
    CURL *easy;
    bool no_mlsd;           /* the server does not know it */
    char words[WORDS_SIZE]; /* what the server said last */
    char curl_words[CURL_ERROR_SIZE];
    error *failure; /* of a callback */
    error *(*write)(void *context, span bytes);
    error *(*read)(void *context, char *into, size_t room, size_t *len);
    void *context;
};

ftp_client *ftp_client_new(const server_options *options) {
    ftp_client *c = xcalloc(1, sizeof *c);
    http_curl_start();
    c->options = *options;
    c->easy = curl_easy_init();
    if (!c->easy) abort();
    return c;
}

void ftp_client_free(ftp_client *c) {
    if (!c) return;
    curl_easy_cleanup(c->easy);
    error_free(c->failure);
    free(c);
}

/* ---- callbacks ---- */

/* Answers of the server, line by line. */
static size_t note_words(char *text, size_t size, size_t count, void *context) {
    ftp_client *c = context;
    size_t len = size * count;
    bool made_here = len < 4 || text[0] < '1' || text[0] > '5'; /* by libcurl itself */
    if (!made_here) http_curl_copy_words(span_make(text, len), c->words, WORDS_SIZE);
    return len;
}

static size_t take_bytes(char *bytes, size_t size, size_t count, void *context) {
    ftp_client *c = context;
    size_t len = size * count;
    if (c->write && !c->failure) c->failure = c->write(c->context, span_make(bytes, len));
    return c->failure ? CURL_WRITEFUNC_ERROR : len;
}

static size_t give_bytes(char *into, size_t size, size_t count, void *context) {
    ftp_client *c = context;
    size_t len = 0;
    c->failure = c->read(c->context, into, size * count, &len);
    return c->failure ? CURL_READFUNC_ABORT : len;
}

/* ---- one step ---- */

static void add_encoded(buf *url, const char *path) {
    static const char digits[] = "0123456789ABCDEF";
    if (*path == '/') { /* an absolute path (RFC 1738 §3.2.2) */
        buf_add_text(url, "%2F");
        path++;
    }
    for (const char *p = path; *p; p++) {
        unsigned char byte = (unsigned char)*p;
        bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
                     strchr("-._~/", byte);
        if (plain) {
            buf_add_char(url, *p);
        } else {
            buf_add_char(url, '%');
            buf_add_char(url, digits[byte >> 4]);
            buf_add_char(url, digits[byte & 15]);
        }
    }
}

static error *check_path(const char *path) {
    for (const char *p = path; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return error_new(ERROR_INVALID, "a control character cannot stand in a path");
    return NULL;
}

/* What every step has in common. */
static error *prepare(ftp_client *c, const char *path) {
    CURL *easy = c->easy;
    buf url = BUF_MAX(URL_ROOM);
    error *err = check_path(path);
    add_encoded(&url, path);
    if (!err) err = buf_check(&url, "the path");
    http_curl_begin(easy, &c->options, "ftp", buf_text(&url), c->curl_words);
    buf_free(&url);
    curl_easy_setopt(easy, CURLOPT_FTP_FILEMETHOD, (long)CURLFTPMETHOD_NOCWD);
    curl_easy_setopt(easy, CURLOPT_FTP_SKIP_PASV_IP, 1L);
    curl_easy_setopt(easy, CURLOPT_FTPSSLAUTH, (long)CURLFTPAUTH_TLS);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, note_words);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, c);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, c);
    c->words[0] = '\0';
    c->write = NULL;
    return err;
}

/* What the server answered stands in the code of its reply (RFC 959 §4.2). */
static error_code code_of_reply(long reply) {
    switch (reply) {
    case 450:
    case 550: return ERROR_NOT_FOUND;
    case 452:
    case 552: return ERROR_FULL;
    case 530:
    case 532:
    case 534: return ERROR_DENIED;
    case 553: return ERROR_DENIED;
    case 500:
    case 501:
    case 502:
    case 504: return ERROR_UNSUPPORTED;
    default: return reply >= 400 && reply < 500 ? ERROR_UNREACHABLE : ERROR_IO;
    }
}

static error *judge(ftp_client *c, CURLcode code, const char *path) {
    long reply = 0;
    const char *host = c->options.host;
    if (c->failure) {
        error *err = c->failure;
        c->failure = NULL;
        return err;
    }
    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &reply);
    const char *said = c->words[0] ? c->words : c->curl_words;
    switch (code) {
    case CURLE_OK: return NULL;
    case CURLE_LOGIN_DENIED:
        return error_new(ERROR_DENIED, "%s refuses the login of %s: %s", host, c->options.user, said);
    case CURLE_USE_SSL_FAILED:
        return error_new(ERROR_DENIED, "%s does not offer TLS: %s (tls: none sends everything in clear)", host, said);
    case CURLE_REMOTE_FILE_NOT_FOUND: return error_new(ERROR_NOT_FOUND, "%s has no %s", host, path);
    case CURLE_REMOTE_DISK_FULL: return error_new(ERROR_FULL, "%s has no room for %s: %s", host, path, said);
    case CURLE_REMOTE_ACCESS_DENIED:
    case CURLE_FTP_COULDNT_RETR_FILE:
    case CURLE_QUOTE_ERROR:
    case CURLE_UPLOAD_FAILED: return error_new(code_of_reply(reply), "%s, %s: %s", host, path, said);
    case CURLE_PARTIAL_FILE: return error_new(ERROR_UNREACHABLE, "%s broke off in the middle of %s", host, path);
    default: return http_curl_error(code, host, c->curl_words);
    }
}

static error *run(ftp_client *c, const char *path) {
    return judge(c, curl_easy_perform(c->easy), path);
}

/* ---- the steps ---- */

error *ftp_stat(ftp_client *c, const char *path, uint64_t *size, int64_t *modified_ms) {
    curl_off_t length = -1, time = -1;
    error *err = prepare(c, path);
    curl_easy_setopt(c->easy, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(c->easy, CURLOPT_FILETIME, 1L);
    if (!err) err = run(c, path);
    if (err) return err;
    curl_easy_getinfo(c->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    curl_easy_getinfo(c->easy, CURLINFO_FILETIME_T, &time);
    if (length < 0) return error_new(ERROR_NOT_FOUND, "%s has no file %s", c->options.host, path);
    *size = (uint64_t)length;
    *modified_ms = time > 0 ? (int64_t)time * 1000 : 0;
    return NULL;
}

static error *add_to_listing(void *context, span bytes) {
    buf *text = context;
    buf_add(text, bytes);
    return buf_check(text, "the listing");
}

static error *list_by(ftp_client *c, const char *directory, const char *command, buf *text) {
    error *err = prepare(c, directory);
    c->write = add_to_listing;
    c->context = text;
    if (command) curl_easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, command);
    return err ? err : run(c, directory);
}

error *ftp_list(ftp_client *c, const char *path, buf *text, bool *machine_readable) {
    char *directory = *path ? xasprintf("%s/", path) : xstrdup("");
    char *command = *path ? xasprintf("MLSD %s", path) : xstrdup("MLSD");
    error *err = NULL;
    *text = BUF_MAX(LISTING_BYTES_MAX);
    *machine_readable = !c->no_mlsd;
    if (!c->no_mlsd) err = list_by(c, directory, command, text);
    if (err && error_code_of(err) == ERROR_UNSUPPORTED) {
        error_free(err);
        err = NULL;
        c->no_mlsd = true;
        *machine_readable = false;
    }
    if (!err && c->no_mlsd) err = list_by(c, directory, NULL, text);
    if (err) buf_free(text);
    free(directory);
    free(command);
    return err;
}

error *ftp_get(ftp_client *c, const char *path, error *(*write)(void *context, span bytes), void *context) {
    error *err = prepare(c, path);
    c->write = write;
    c->context = context;
    return err ? err : run(c, path);
}

error *ftp_put(ftp_client *c, const char *path, uint64_t size,
    error *(*read)(void *context, char *into, size_t room, size_t *len), void *context) {
    error *err = prepare(c, path);
    c->read = read;
    c->context = context;
    curl_easy_setopt(c->easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(c->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)size);
    curl_easy_setopt(c->easy, CURLOPT_READFUNCTION, give_bytes);
    curl_easy_setopt(c->easy, CURLOPT_READDATA, c);
    return err ? err : run(c, path);
}

/* Commands, one after the other, without a transfer. NULL: one alone. */
static error *command(ftp_client *c, const char *path, char *take_first, char *take_second) {
    struct curl_slist *list = curl_slist_append(NULL, take_first);
    if (take_second) curl_slist_append(list, take_second);
    error *err = check_path(take_first);
    if (!err && take_second) err = check_path(take_second);
    if (!err) err = prepare(c, "");
    curl_easy_setopt(c->easy, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(c->easy, CURLOPT_QUOTE, list);
    if (!err) err = run(c, path);
    curl_easy_setopt(c->easy, CURLOPT_QUOTE, NULL);
    curl_slist_free_all(list);
    free(take_first);
    free(take_second);
    return err;
}

error *ftp_delete(ftp_client *c, const char *path) {
    return command(c, path, xasprintf("DELE %s", path), NULL);
}

error *ftp_rename(ftp_client *c, const char *from, const char *to) {
    return command(c, from, xasprintf("RNFR %s", from), xasprintf("RNTO %s", to));
}

error *ftp_make_directory(ftp_client *c, const char *path) {
    return command(c, path, xasprintf("MKD %s", path), NULL);
}

error *ftp_probe(ftp_client *c, const char *directory) {
    buf text;
    bool readable;
    error *err = ftp_list(c, directory, &text, &readable);
    if (!err) buf_free(&text);
    return err;
}
