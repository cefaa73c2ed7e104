/* adapters/ftp/listing.c: see listing.h. */
#include "adapters/ftp/listing.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { UNIX_FIELDS = 8 }; /* before the name: mode, links, owner, group, size, month, day, time */

static bool is_word(span text, const char *word) {
    return text.len == strlen(word) && strncasecmp(text.data, word, text.len) == 0;
}

/* "20261130210000[.123]", in UTC (RFC 3659 §2.3). */
static int64_t time_of(span text) {
    char digits[15];
    struct tm parts = {.tm_year = 0};
    if (text.len < 14) return 0;
    memcpy(digits, text.data, 14);
    digits[14] = '\0';
    const char *end = strptime(digits, "%Y%m%d%H%M%S", &parts);
    return end && !*end ? (int64_t)timegm(&parts) * 1000 : 0;
}

/* "type=file;size=12;modify=20261130210000; name". False: no entry of the directory, or malformed. */
static bool read_mlsd(span line, span *name, remote_entry *entry) {
    const char *blank = memchr(line.data, ' ', line.len);
    if (!blank) return false;
    span facts = span_make(line.data, (size_t)(blank - line.data)), fact;
    *name = span_make(blank + 1, line.len - facts.len - 1);
    bool told = false;
    while (facts.data && span_split(&facts, ';', &fact)) {
        span key, value = fact;
        if (!span_split(&value, '=', &key) || !value.data) continue;
        if (is_word(key, "type")) {
            told = true;
            entry->is_directory = is_word(value, "dir");
            entry->is_other = !entry->is_directory && !is_word(value, "file");
            if (is_word(value, "cdir") || is_word(value, "pdir")) return false;
        } else if (is_word(key, "size")) {
            entry->has_size = span_to_u64(value, 0, UINT64_MAX, &entry->size);
        } else if (is_word(key, "modify")) {
            entry->modified_ms = time_of(value);
        }
    }
    return told && name->len > 0;
}

static bool next_field(span *rest, span *field) {
    while (rest->len && rest->data[0] == ' ')
        *rest = span_make(rest->data + 1, rest->len - 1);
    size_t len = 0;
    while (len < rest->len && rest->data[len] != ' ')
        len++;
    *field = span_make(rest->data, len);
    *rest = span_make(rest->data + len, rest->len - len);
    return len > 0;
}

/* "-rw-r--r--    1 owner group   123 Nov 30 21:00 a name". */
static bool read_unix(span line, span *name, remote_entry *entry) {
    span rest = line, field;
    char kind = line.data[0];
    if (!strchr("-dlbcps", kind)) return false;
    for (int i = 0; i < UNIX_FIELDS; i++) {
        if (!next_field(&rest, &field)) return false;
        if (i == 0 && field.len < 10) return false;
        if (i == 4) entry->has_size = span_to_u64(field, 0, UINT64_MAX, &entry->size);
    }
    if (rest.len < 2 || (!entry->has_size && kind == '-')) return false;
    *name = span_make(rest.data + 1, rest.len - 1); /* one blank: others are the name's own */
    entry->is_directory = kind == 'd';
    entry->is_other = kind != 'd' && kind != '-';
    return true;
}

/* "11-30-26  09:00PM       <DIR>          a name", or a size in place of <DIR>. */
static bool read_dos(span line, span *name, remote_entry *entry) {
    span rest = line, date, time, what;
    if (!next_field(&rest, &date) || date.len < 8 || date.data[2] != '-' || !isdigit((unsigned char)date.data[0]))
        return false;
    if (!next_field(&rest, &time) || !memchr(time.data, ':', time.len) || !next_field(&rest, &what)) return false;
    entry->is_directory = is_word(what, "<DIR>");
    if (!entry->is_directory) entry->has_size = span_to_u64(what, 0, UINT64_MAX, &entry->size);
    *name = span_trim(rest);
    return name->len > 0 && (entry->is_directory || entry->has_size);
}

error *ftp_listing_read(span text, bool machine_readable, remote_each *each, void *each_context) {
    span line;
    error *err = NULL;
    while (!err && text.data && span_split(&text, '\n', &line)) {
        remote_entry entry = {.is_directory = false};
        span name;
        if (line.len && line.data[line.len - 1] == '\r') line.len--;
        if (line.len == 0) continue;
        bool good = machine_readable ? read_mlsd(line, &name, &entry)
                                     : read_unix(line, &name, &entry) || read_dos(line, &name, &entry);
        if (!good || span_is(name, ".") || span_is(name, "..")) continue;
        err = each(each_context, name, &entry);
    }
    return err;
}
