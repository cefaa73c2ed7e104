/* adapters/ftp/listing.h: what FTP servers write when they list a directory. */
#include "adapters/ftp/listing.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>

typedef struct row {
    char text[512];
} row;

static error *note(void *context, span name, const remote_entry *entry) {
    row *r = context;
    size_t len = strlen(r->text);
    snprintf(r->text + len, sizeof r->text - len, "%c[%.*s]%s%llu@%lld;",
        entry->is_directory ? 'd'
        : entry->is_other   ? 'o'
                            : 'f',
        (int)name.len, name.data, entry->has_size ? "" : "?", (unsigned long long)entry->size,
        (long long)(entry->modified_ms / 1000));
    return NULL;
}

static void must_read(bool machine_readable, const char *text, const char *expected) {
    row r = {.text = ""};
    assert_null(ftp_listing_read(span_of(text), machine_readable, note, &r));
    assert_string_equal(r.text, expected);
}

static void lines_of_unix_are_read(void **state) {
    (void)state;
    must_read(false,
        "total 4\r\n"
        "-rw-r--r--    1 1000     1000          123 Nov 30 21:00 a file.edi\r\n"
        "drwxr-xr-x    2 ftp      ftp          4096 Jan 01  2025 in\r\n"
        "lrwxrwxrwx    1 0        0              11 Nov 30 21:00 link -> /etc/passwd\r\n"
        "-rw-r--r--    1 user     group 18446744073709551615 Nov 30 21:00  two blanks\r\n"
        "-rw-r--r--+   1 user     group           0 Nov 30 21:00 .hidden\r\n"
        "drwxr-xr-x    2 ftp      ftp          4096 Jan 01  2025 ..\r\n",
        "f[a file.edi]123@0;d[in]4096@0;o[link -> /etc/passwd]11@0;f[ two "
        "blanks]18446744073709551615@0;f[.hidden]0@0;");
}

static void lines_of_dos_are_read(void **state) {
    (void)state;
    must_read(false,
        "11-30-26  09:00PM       <DIR>          Sub Folder\r\n11-30-2026  09:00AM                 1234 ORD 1.EDI\r\n",
        "d[Sub Folder]?0@0;f[ORD 1.EDI]1234@0;");
}

static void facts_are_read(void **state) {
    (void)state;
    must_read(true,
        "type=cdir;modify=20261130210000; .\r\n"
        "Type=File;Size=12;Modify=20261130210000.123;UNIX.mode=0644; a; b=c.edi\r\n"
        "type=dir;modify=20261130210000; in\r\n"
        "type=OS.unix=slink:/x;size=1; link\r\n"
        "size=5; untyped\r\n"
        "type=file;size=x;modify=2026; odd\r\n",
        "f[a; b=c.edi]12@1796072400;d[in]?0@1796072400;o[link]1@0;f[odd]?0@0;");
}

static void what_is_no_line_is_left_out(void **state) {
    (void)state;
    static const char *const lines[] = {"", "\r\n", "hello", "-", "-rw-r--r--", "-rw-r--r-- 1 a b x Nov 30 21:00 name",
        "-rw-r--r-- 1 a b 5 Nov 30 21:00", "-rw-r--r-- 1 a b 5 Nov 30 21:00 ", "11-30-26", "11-30-26  09:00PM  <DIR>",
        "11-30-26  09:00PM  abc name", "xx-30-26 09:00PM 5 n"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        must_read(false, lines[i], "");
        must_read(true, lines[i], "");
    }
    must_read(true, "type=file;size=1;", "");
    must_read(true, "type=file;size=1; ", "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_unix_are_read),
        cmocka_unit_test(lines_of_dos_are_read),
        cmocka_unit_test(facts_are_read),
        cmocka_unit_test(what_is_no_line_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
