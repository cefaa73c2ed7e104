/* core/base/json_schema_format.c: the formats and patterns of json_schema.h. */
#include "core/base/json_schema.h"

#include "core/base/clock.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <regex.h>

enum { TEXT_ROOM = 512 };

/* ---- patterns ---- */

static const struct {
    char letter;
    const char *set; /* inside brackets */
} classes[] = {{'d', "0-9"}, {'w', "0-9A-Za-z_"}, {'s', " \t\n\r\f\v"}};

static const char *class_of(char letter) {
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (classes[i].letter == letter) return classes[i].set;
    return NULL;
}

/* A code point as UTF-8. */
static void add_rune(buf *out, unsigned c) {
    if (c < 0x80) {
        buf_add_char(out, (char)c);
    } else if (c < 0x800) {
        buf_add_char(out, (char)(0xc0 | c >> 6));
        buf_add_char(out, (char)(0x80 | (c & 0x3f)));
    } else {
        buf_add_char(out, (char)(0xe0 | c >> 12));
        buf_add_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_add_char(out, (char)(0x80 | (c & 0x3f)));
    }
}

/* The character that an escape stands for; -1: it is none. Moves *at to its last letter. */
static int escaped_rune(const char **at) {
    static const char controls[] = "t\tn\nr\rf\fv\v";
    size_t digits = **at == 'x' ? 2 : **at == 'u' ? 4 : 0;
    for (size_t i = 0; controls[i]; i += 2)
        if (**at == controls[i]) return (unsigned char)controls[i + 1];
    int value = 0;
    for (size_t i = 1; i <= digits; i++) {
        if (!isxdigit((unsigned char)(*at)[i])) return -1;
        char c = (*at)[i];
        value = value * 16 + (isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10);
    }
    if (digits == 0) return -1;
    *at += digits;
    return value;
}

/* The class between brackets; POSIX knows no escapes there, and a bracket, hyphen or caret by its place only. */
static error *add_class(const char **at, buf *out) {
    bool closing = false, hyphen = false, caret = false;
    const char *c = *at + 1;
    buf inside = BUF_MAX(TEXT_ROOM * 4);
    bool negated = *c == '^';
    error *err = NULL;
    if (negated) c++;
    for (bool first = true; *c && *c != ']' && !err; c++, first = false) {
        char letter = *c;
        if (letter == '\\') {
            letter = *++c;
            const char *set = letter ? class_of(letter) : NULL;
            int rune = set || !letter ? -1 : escaped_rune(&c);
            if (set) {
                buf_add_text(&inside, set);
                continue;
            }
            if (rune >= 0 && (rune == 0 || rune >= 0x80 || !strchr("]^-[", rune))) {
                /* No text of JSON holds a NUL: a range from it begins behind it. */
                add_rune(&inside, rune ? (unsigned)rune : 1);
                continue;
            }
            if (rune > 0)
                letter = (char)rune;
            else if (!letter || isalnum((unsigned char)letter)) {
                err = error_new(ERROR_INVALID, "\\%c inside brackets is not known", letter ? letter : ' ');
                break;
            }
            if (letter == '-') {
                hyphen = true;
                continue;
            }
        }
        if (letter == ']')
            closing = true;
        else if (letter == '^')
            caret = true;
        else if (letter == '-' && (first || c[1] == ']'))
            hyphen = true;
        else if (letter == '[')
            buf_add_text(&inside, c[1] == '.' || c[1] == ':' || c[1] == '=' ? "[.[.]" : "[");
        else
            buf_add_char(&inside, letter);
    }
    if (!err && *c != ']') err = error_new(ERROR_INVALID, "a bracket is not closed");
    if (!err) {
        bool only_caret = caret && !closing && !hyphen && inside.len == 0 && !negated;
        buf_add_text(out, only_caret ? "\\^" : negated ? "[^" : "[");
        if (!only_caret) {
            if (closing) buf_add_char(out, ']');
            buf_add(out, buf_span(&inside));
            if (caret) buf_add_char(out, '^');
            if (hyphen) buf_add_char(out, '-');
            buf_add_char(out, ']');
        }
        *at = c;
    }
    buf_free(&inside);
    return err;
}

static error *add_escape(const char **at, buf *out) {
    const char *c = *at + 1;
    bool negated = *c == 'D' || *c == 'W' || *c == 'S';
    const char *set = *c ? class_of((char)tolower((unsigned char)*c)) : NULL;
    int rune = set || !*c ? -1 : escaped_rune(&c);
    *at = c;
    if (set)
        buf_printf(out, "[%s%s]", negated ? "^" : "", set);
    else if (*c == 'b' || *c == 'B')
        buf_printf(out, "\\%c", *c); /* a GNU extension of the same meaning */
    else if (rune > 0 && rune < 0x80 && strchr("^$.[]|()*+?{}\\", rune))
        buf_printf(out, "\\%c", (char)rune);
    else if (rune > 0)
        add_rune(out, (unsigned)rune);
    else if (!*c || isalnum((unsigned char)*c))
        return error_new(ERROR_INVALID, "\\%c is not known in a pattern", *c ? *c : ' ');
    else if (strchr("^$.[]|()*+?{}\\", *c))
        buf_printf(out, "\\%c", *c);
    else
        buf_add_char(out, *c);
    return NULL;
}

error *json_schema_pattern(const char *expression, buf *posix) {
    error *err = NULL;
    for (const char *c = expression; *c && !err; c++) {
        if (*c == '\\') {
            err = add_escape(&c, posix);
            if (!*c) break;
        } else if (*c == '[') {
            err = add_class(&c, posix);
        } else if (*c == '(' && c[1] == '?') {
            if (c[2] != ':') return error_new(ERROR_INVALID, "only (?:…) may begin with (?");
            buf_add_char(posix, '(');
            c += 2;
        } else {
            buf_add_char(posix, *c);
            /* Lazy or not is the same when only yes or no is asked. */
            if (strchr("*+?}", *c) && c[1] == '?') c++;
        }
    }
    return err ? err : buf_check(posix, "the pattern");
}

/* ---- formats ---- */

static bool is_date(span t) {
    int64_t ignored;
    if (t.len != 10 || t.data[4] != '-' || t.data[7] != '-') return false;
    error *err = clock_parse(t, &ignored);
    error_free(err);
    return !err;
}

static bool two_digits(const char *at, uint64_t maximum, uint64_t *value) {
    return span_to_u64(span_make(at, 2), 0, maximum, value);
}

/* RFC 3339 full-time; a leap second only at 23:59 UTC. */
static bool is_time(span t) {
    uint64_t hour, minute, second, zone_hour = 0, zone_minute = 0;
    if (t.len < 9 || t.data[2] != ':' || t.data[5] != ':' || !two_digits(t.data, 23, &hour) ||
        !two_digits(t.data + 3, 59, &minute) || !two_digits(t.data + 6, 60, &second))
        return false;
    size_t at = 8;
    if (t.data[at] == '.') {
        size_t digits = 0;
        while (at + 1 + digits < t.len && isdigit((unsigned char)t.data[at + 1 + digits]))
            digits++;
        if (digits == 0) return false;
        at += 1 + digits;
    }
    if (at >= t.len) return false;
    char sign = t.data[at];
    if (sign == 'Z' || sign == 'z') {
        if (at + 1 != t.len) return false;
    } else if ((sign != '+' && sign != '-') || t.len != at + 6 || t.data[at + 3] != ':' ||
               !two_digits(t.data + at + 1, 23, &zone_hour) || !two_digits(t.data + at + 4, 59, &zone_minute)) {
        return false;
    }
    if (second < 60) return true;
    int64_t offset = (int64_t)(zone_hour * 60 + zone_minute) * (sign == '-' ? -1 : 1);
    int64_t utc = ((int64_t)(hour * 60 + minute) - offset + 2880) % 1440;
    return utc == 23 * 60 + 59;
}

static bool is_date_time(span t) {
    return t.len > 11 && (t.data[10] == 'T' || t.data[10] == 't') && is_date(span_make(t.data, 10)) &&
           is_time(span_make(t.data + 11, t.len - 11));
}

static bool is_uuid(span t) {
    if (t.len != 36) return false;
    for (size_t i = 0; i < t.len; i++) {
        bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        if (hyphen ? t.data[i] != '-' : !isxdigit((unsigned char)t.data[i])) return false;
    }
    return true;
}

static bool is_address(span t, int family) {
    unsigned char address[16];
    char copy[64];
    if (t.len >= sizeof copy) return false;
    memcpy(copy, t.data ? t.data : "", t.len);
    copy[t.len] = '\0';
    return inet_pton(family, copy, address) == 1;
}

/* RFC 1123. */
static bool is_hostname(span t) {
    size_t label = 0;
    if (t.len == 0 || t.len > 253) return false;
    for (size_t i = 0; i < t.len; i++) {
        unsigned char c = (unsigned char)t.data[i];
        if (c == '.') {
            if (label == 0 || t.data[i - 1] == '-') return false;
            label = 0;
        } else {
            if ((!isalnum(c) && c != '-') || c >= 0x80 || (label == 0 && c == '-') || ++label > 63) return false;
        }
    }
    return label > 0 && t.data[t.len - 1] != '-';
}

/* The mailbox of RFC 5321, without quoted names: what people mean. */
static bool is_email(span t) {
    const char *at = t.len ? memrchr(t.data, '@', t.len) : NULL;
    size_t local = at ? (size_t)(at - t.data) : 0;
    if (local == 0 || local > 64 || t.data[0] == '.' || t.data[local - 1] == '.') return false;
    for (size_t i = 0; i < local; i++) {
        unsigned char c = (unsigned char)t.data[i];
        if (!isalnum(c) && !strchr("!#$%&'*+-/=?^_`{|}~.", c) && c < 0x80) return false;
        if (c == '.' && t.data[i + 1] == '.') return false;
    }
    span host = span_make(at + 1, t.len - local - 1);
    if (host.len > 2 && host.data[0] == '[' && host.data[host.len - 1] == ']') {
        host = span_make(host.data + 1, host.len - 2);
        if (span_starts(host, SPAN("IPv6:"))) return is_address(span_make(host.data + 5, host.len - 5), AF_INET6);
        return is_address(host, AF_INET);
    }
    return is_hostname(host);
}

/* RFC 3986: the characters that may stand anywhere, and well-formed escapes. */
static bool is_uri_text(span t) {
    for (size_t i = 0; i < t.len; i++) {
        unsigned char c = (unsigned char)t.data[i];
        if (c == '%') {
            if (i + 2 >= t.len || !isxdigit((unsigned char)t.data[i + 1]) || !isxdigit((unsigned char)t.data[i + 2]))
                return false;
        } else if (!isalnum(c) && (c >= 0x80 || c < 0x21 || strchr("\"<>\\^`{|}", c))) {
            return false;
        }
    }
    const char *hash = t.len ? memchr(t.data, '#', t.len) : NULL;
    return !hash || !memchr(hash + 1, '#', t.len - (size_t)(hash + 1 - t.data));
}

static bool is_uri(span t) {
    size_t at = 0;
    while (at < t.len && (isalnum((unsigned char)t.data[at]) || strchr("+-.", t.data[at])))
        at++;
    if (at == 0 || at >= t.len || t.data[at] != ':' || !isalpha((unsigned char)t.data[0])) return false;
    return at + 1 < t.len && is_uri_text(t);
}

/* ISO 8601 as in RFC 3339 appendix A. */
static bool is_duration(span t) {
    static const char date_units[] = "YMD", time_units[] = "HMS";
    const char *units = date_units, *next = date_units;
    bool some = false, in_time = false;
    size_t i = 1;
    if (t.len < 2 || t.data[0] != 'P') return false;
    if (t.data[t.len - 1] == 'W') {
        for (; i + 1 < t.len; i++)
            if (!isdigit((unsigned char)t.data[i])) return false;
        return t.len > 2;
    }
    while (i < t.len) {
        if (t.data[i] == 'T' && !in_time) {
            in_time = true;
            some = false;
            units = next = time_units;
            i++;
            continue;
        }
        size_t digits = 0;
        while (i + digits < t.len && isdigit((unsigned char)t.data[i + digits]))
            digits++;
        if (digits == 0 || i + digits >= t.len) return false;
        const char *unit = strchr(next, t.data[i + digits]);
        if (!unit) return false;
        /* Units follow each other without a gap: P1Y2D is none. */
        if (some && unit != next) return false;
        next = unit + 1;
        some = true;
        i += digits + 1;
        (void)units;
    }
    return some;
}

static bool is_json_pointer(span t) {
    if (t.len > 0 && t.data[0] != '/') return false;
    for (size_t i = 0; i < t.len; i++)
        if (t.data[i] == '~' && (i + 1 >= t.len || (t.data[i + 1] != '0' && t.data[i + 1] != '1'))) return false;
    return true;
}

static bool is_regex(span t) {
    char copy[TEXT_ROOM];
    regex_t compiled;
    if (t.len >= sizeof copy) return false;
    memcpy(copy, t.data ? t.data : "", t.len);
    copy[t.len] = '\0';
    buf posix = BUF_MAX(TEXT_ROOM * 8);
    error *err = json_schema_pattern(copy, &posix);
    bool good = !err && regcomp(&compiled, buf_text(&posix), REG_EXTENDED | REG_NOSUB) == 0;
    if (good) regfree(&compiled);
    error_free(err);
    buf_free(&posix);
    return good;
}

static bool is_ipv4(span t) {
    return is_address(t, AF_INET);
}

static bool is_ipv6(span t) {
    return is_address(t, AF_INET6);
}

bool json_schema_format(const char *format, span text) {
    static const struct {
        const char *name;
        bool (*fits)(span);
    } known[] = {{"date-time", is_date_time}, {"date", is_date}, {"time", is_time}, {"duration", is_duration},
        {"email", is_email}, {"hostname", is_hostname}, {"ipv4", is_ipv4}, {"ipv6", is_ipv6}, {"uri", is_uri},
        {"uri-reference", is_uri_text}, {"uuid", is_uuid}, {"json-pointer", is_json_pointer}, {"regex", is_regex}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, format) == 0) return known[i].fits(text);
    return true;
}
