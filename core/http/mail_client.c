/* core/http/mail_client.c: see mail_client.h. */
#include "core/http/mail_client.h"

#include "core/base/base64.h"
#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/http/curl_part.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { WORDS_SIZE = 200, ADDRESS_MAX = 254, HEAD_BYTES_MAX = 16 * 1024, WORD_BYTES = 45, TYPE_ROOM = 128 };

struct mail_client {
    server_options options;
    CURL *easy;
    char words[WORDS_SIZE]; /* what the server said last */
    char curl_words[CURL_ERROR_SIZE];
    const mail_letter *letter;
    error *failure; /* of the letter's source */
};

mail_client *mail_client_new(const server_options *options) {
    mail_client *c = xcalloc(1, sizeof *c);
    http_curl_start();
    c->options = *options;
    c->easy = curl_easy_init();
    if (!c->easy) abort();
    return c;
}

void mail_client_free(mail_client *c) {
    if (!c) return;
    curl_easy_cleanup(c->easy);
    error_free(c->failure);
    free(c);
}

error *mail_check_address(const char *text) {
    const char *at = strrchr(text, '@');
    size_t len = strlen(text);
    bool good = at && at > text && at[1] && len <= ADDRESS_MAX;
    for (const char *c = text; *c && good; c++)
        good = (unsigned char)*c > 0x20 && (unsigned char)*c < 0x7f && !strchr("<>()[],;:\\\"", *c);
    for (const char *c = text; c < at && good; c++)
        good = *c != '@';
    return good ? NULL : error_new(ERROR_INVALID, "\"%s\" is no address such as desk@acme.example", text);
}

/* ---- callbacks ---- */

static size_t note_words(char *text, size_t size, size_t count, void *context) {
    mail_client *c = context;
    size_t len = size * count;
    bool refused = c->words[0] == '4' || c->words[0] == '5'; /* that is why; what follows is a farewell */
    if (!refused) http_curl_copy_words(span_make(text, len), c->words, WORDS_SIZE);
    return len;
}

static size_t give_bytes(char *into, size_t size, size_t count, void *context) {
    mail_client *c = context;
    size_t len = 0;
    error_free(c->failure);
    c->failure = c->letter->read(c->letter->context, into, size * count, &len);
    return c->failure ? CURL_READFUNC_ABORT : len;
}

static int from_the_start(void *context, curl_off_t offset, int origin) {
    mail_client *c = context;
    if (offset != 0 || origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
    error_free(c->failure);
    c->failure = c->letter->rewind(c->letter->context);
    return c->failure ? CURL_SEEKFUNC_FAIL : CURL_SEEKFUNC_OK;
}

/* ---- the letter ---- */

static bool is_plain(const char *text) {
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e) return false;
    return true;
}

/* Text beyond ASCII as encoded words, none of which splits a character (RFC 2047 §5). */
static void add_text(buf *out, const char *text) {
    if (is_plain(text)) {
        buf_add_text(out, text);
        return;
    }
    for (bool first = true; *text; first = false) {
        size_t len = strnlen(text, WORD_BYTES);
        while (len > 1 && ((unsigned char)text[len] & 0xc0) == 0x80)
            len--;
        buf_add_text(out, first ? "=?UTF-8?B?" : "\r\n =?UTF-8?B?");
        base64_write(span_make(text, len), out);
        buf_add_text(out, "?=");
        text += len;
    }
}

static void add_line(struct curl_slist **lines, buf *line) {
    *lines = curl_slist_append(*lines, buf_text(line));
    if (!*lines) abort();
    line->len = 0;
}

static struct curl_slist *head_of(const mail_letter *letter) {
    struct curl_slist *lines = NULL;
    struct tm parts;
    char date[64];
    time_t now = (time_t)(clock_wall_ms() / 1000);
    buf line = BUF_MAX(HEAD_BYTES_MAX);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S +0000", gmtime_r(&now, &parts));
    buf_printf(&line, "Date: %s", date);
    add_line(&lines, &line);
    buf_printf(&line, "From: <%s>", letter->from);
    add_line(&lines, &line);
    for (size_t i = 0; letter->to[i]; i++)
        buf_printf(&line, "%s<%s>", i ? ",\r\n " : "To: ", letter->to[i]);
    add_line(&lines, &line);
    buf_add_text(&line, "Subject: ");
    add_text(&line, letter->subject);
    add_line(&lines, &line);
    buf_printf(&line, "Message-ID: <%s%s>", letter->identity, strrchr(letter->from, '@'));
    add_line(&lines, &line);
    buf_add_text(&line, "Auto-Submitted: auto-generated"); /* RFC 3834: nobody's holiday answer */
    add_line(&lines, &line);
    buf_free(&line);
    return lines;
}

static curl_mime *body_of(mail_client *c, const mail_letter *letter) {
    const char *given = letter->content_type ? letter->content_type : "application/octet-stream";
    char type[TYPE_ROOM];
    curl_mime *mime = curl_mime_init(c->easy);
    curl_mimepart *part = mime ? curl_mime_addpart(mime) : NULL;
    if (!part) abort();
    bool shown = strncmp(given, "text/plain", 10) == 0;
    snprintf(type, sizeof type, "%s%s", given, shown && !strchr(given, ';') ? "; charset=utf-8" : "");
    curl_mime_data_cb(part, (curl_off_t)letter->size, give_bytes, from_the_start, NULL, c);
    curl_mime_type(part, type);
    curl_mime_encoder(part, shown ? "quoted-printable" : "base64");
    if (!shown) curl_mime_filename(part, letter->filename);
    return mime;
}

/* ---- one exchange ---- */

static void prepare(mail_client *c) {
    http_curl_begin(c->easy, &c->options, "smtp", "", c->curl_words);
    curl_easy_setopt(c->easy, CURLOPT_HEADERFUNCTION, note_words);
    curl_easy_setopt(c->easy, CURLOPT_HEADERDATA, c);
    c->words[0] = '\0';
}

/* A server says by the first digit of its reply whether another try may help (RFC 5321 §4.2.1). */
static error *judge(mail_client *c, CURLcode code) {
    long reply = 0;
    const char *host = c->options.host;
    error *failure = c->failure;
    c->failure = NULL;
    if (failure) return failure;
    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &reply);
    switch (code) {
    case CURLE_OK: return NULL;
    case CURLE_LOGIN_DENIED:
        return error_new(ERROR_DENIED, "%s refuses the login of %s: %s", host, c->options.user, c->words);
    case CURLE_USE_SSL_FAILED:
        return error_new(
            ERROR_DENIED, "%s does not offer TLS (tls: none sends everything in clear): %s", host, c->words);
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UPLOAD_FAILED:
        if (reply >= 500) return error_new(ERROR_REJECTED, "%s refuses the message: %s", host, c->words);
        if (reply >= 400) return error_new(ERROR_UNREACHABLE, "%s does not take the message now: %s", host, c->words);
        return http_curl_error(code, host, c->curl_words);
    default: return http_curl_error(code, host, c->curl_words);
    }
}

error *mail_send(mail_client *c, const mail_letter *letter) {
    struct curl_slist *recipients = NULL, *head = head_of(letter);
    prepare(c);
    for (size_t i = 0; letter->to[i]; i++)
        recipients = curl_slist_append(recipients, letter->to[i]);
    if (!recipients) abort();
    c->letter = letter;
    curl_mime *body = body_of(c, letter);
    curl_easy_setopt(c->easy, CURLOPT_MAIL_FROM, letter->from);
    curl_easy_setopt(c->easy, CURLOPT_MAIL_RCPT, recipients);
    curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, head);
    curl_easy_setopt(c->easy, CURLOPT_MIMEPOST, body);
    error *err = letter->rewind(letter->context);
    if (!err) err = judge(c, curl_easy_perform(c->easy));
    curl_easy_setopt(c->easy, CURLOPT_MIMEPOST, NULL);
    curl_mime_free(body);
    curl_slist_free_all(head);
    curl_slist_free_all(recipients);
    return err;
}

error *mail_probe(mail_client *c) {
    prepare(c);
    curl_easy_setopt(c->easy, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, "NOOP");
    return judge(c, curl_easy_perform(c->easy));
}
