/* core/app/cmd_access.c: `banyan cert`, `banyan user` and `banyan key`: who we are and who may do what.
 *
 * Passwords are read from a terminal without echo or from a file, never from the command line, where every user of the
 * machine could see them.
 */
#include "core/app/client.h"
#include "core/app/commands.h"
#include "core/app/print.h"
#include "core/base/io.h"
#include "core/base/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

enum { PATH_MAX_BYTES = 4096, PEM_BYTES_MAX = 256 * 1024, PASSWORD_BYTES_MAX = 1024 };

static char *path_of(const char *kind, const char *name) {
    buf path = BUF_MAX(PATH_MAX_BYTES);
    buf_printf(&path, "/api/v1/%s/", kind);
    client_path_add(&path, name);
    return buf_take(&path, NULL);
}

/* One call on KIND/NAME; *reply may be NULL. */
static error *call_named(const char *method, const char *kind, const char *name, const json_t *body, json_t **reply) {
    client *c = NULL;
    char *path = path_of(kind, name);
    error *err = client_open(&c);
    if (!err) err = client_call(c, method, path, body, reply);
    client_close(c);
    free(path);
    return err;
}

static int list_kind(const command_line *line, const char *path, const print_column *columns) {
    client *c = NULL;
    json_t *items = NULL;
    error *err = client_open(&c);
    if (!err) err = client_collect(c, path, 0, &items);
    if (!err && command_flag(line, "json"))
        print_json(items);
    else if (!err)
        print_table(stdout, columns, items);
    json_decref(items);
    client_close(c);
    return err ? command_failed(err) : EXIT_DONE;
}

static int remove_named(const command_line *line, const char *kind, const char *done) {
    error *err = call_named("DELETE", kind, command_argument(line, 0), NULL, NULL);
    if (err) return command_failed(err);
    printf("%s %s\n", done, command_argument(line, 0));
    return EXIT_DONE;
}

/* ---- certificates ---- */

/* A name that is taken stays as it is, unless the user says otherwise: a key that is overwritten is gone. */
static error *put_new(const command_line *line, const json_t *body, json_t **reply) {
    const char *name = command_argument(line, 0);
    client *c = NULL;
    if (command_flag(line, "replace")) return call_named("PUT", "certificates", name, body, reply);
    char *path = path_of("certificates", name);
    error *err = client_open(&c);
    if (!err) err = client_create(c, path, body, reply);
    client_close(c);
    free(path);
    if (!err || error_code_of(err) != ERROR_CONFLICT) return err;
    error_free(err);
    return error_new(ERROR_CONFLICT, "there is a certificate %s already; choose another name, or --replace it", name);
}

static int put_certificate(const command_line *line, const json_t *body) {
    json_t *reply = NULL;
    error *err = put_new(line, body, &reply);
    if (!err && command_flag(line, "json")) {
        print_json(reply);
    } else if (!err) {
        static const char *const facts[] = {"name", "key", "subject", "fingerprint", "not_after", "public_key"};
        for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
            char *cell = print_cell(reply, facts[i]);
            if (*cell) printf("%-12s %s\n", facts[i], cell);
            free(cell);
        }
    }
    json_decref(reply);
    return err ? command_failed(err) : EXIT_DONE;
}

static int run_cert_new(const command_line *line) {
    const char *kind = command_text(line, "kind", "ec");
    int64_t days = 730;
    error *err = command_integer(line, "days", 1, 36500, &days);
    if (err) return command_failed(err);
    if (strcmp(kind, "ec") != 0 && strcmp(kind, "rsa") != 0 && strcmp(kind, "ssh") != 0)
        return command_misused(line, "--kind must be ec, rsa or ssh, not \"%s\"", kind);
    json_t *body = json_object(), *generate = json_object();
    json_put_text(generate, "kind", kind);
    json_put_text(generate, "common_name", command_text(line, "common-name", command_argument(line, 0)));
    json_object_set_new(generate, "days", json_integer(days));
    json_object_set_new(body, "generate", generate);
    int code = put_certificate(line, body);
    json_decref(body);
    return code;
}

static error *put_pem(json_t *body, const char *key, const char *path) {
    buf pem = BUF_MAX(PEM_BYTES_MAX);
    error *err = strcmp(path, "-") == 0 ? io_read_all(STDIN_FILENO, &pem, "standard input") : io_read_file(path, &pem);
    if (!err && !strstr(buf_text(&pem), "-----BEGIN ") && strncmp(buf_text(&pem), "ssh-", 4) != 0)
        err = error_new(ERROR_INVALID, "%s is not PEM: convert it with `openssl x509 -inform DER -in %s`", path, path);
    if (!err) json_put_span(body, key, buf_span(&pem));
    explicit_bzero(pem.data ? pem.data : (char *)"", pem.data ? pem.capacity : 0);
    buf_free(&pem);
    return err;
}

static int run_cert_import(const command_line *line) {
    const char *key = command_text(line, "key", NULL);
    json_t *body = json_object();
    error *err = put_pem(body, "certificate", command_argument(line, 1));
    if (!err && key) err = put_pem(body, "private_key", key);
    int code = err ? command_failed(err) : put_certificate(line, body);
    json_decref(body);
    return code;
}

static int run_cert_list(const command_line *line) {
    static const print_column columns[] = {{"NAME", "name"}, {"KEY", "key"}, {"SUBJECT", "subject"},
        {"UNTIL", "not_after"}, {"PRIVATE KEY", "has_private_key"}, {"FINGERPRINT", "fingerprint"}, {NULL, NULL}};
    return list_kind(line, "/api/v1/certificates", columns);
}

/* Only ever the public half. */
static int run_cert_export(const command_line *line) {
    json_t *reply = NULL;
    error *err = call_named("GET", "certificates", command_argument(line, 0), NULL, &reply);
    const char *pem = json_get_text(reply, "certificate", json_get_text(reply, "public_key", ""));
    if (!err && !*pem) err = error_new(ERROR_NOT_FOUND, "%s has no public part", command_argument(line, 0));
    const char *to = command_text(line, "output", "-");
    if (!err && command_flag(line, "json"))
        print_json(reply);
    else if (!err && strcmp(to, "-") == 0)
        printf("%s%s", pem, pem[strlen(pem) - 1] == '\n' ? "" : "\n");
    else if (!err)
        err = io_write_file(to, span_of(pem));
    json_decref(reply);
    return err ? command_failed(err) : EXIT_DONE;
}

/* ---- users ---- */

static error *read_line_without_echo(const char *prompt, buf *into) {
    struct termios before, quiet;
    bool terminal = tcgetattr(STDIN_FILENO, &before) == 0;
    char c;
    ssize_t n;
    if (terminal) {
        quiet = before;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        fprintf(stderr, "%s: ", prompt);
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    }
    while ((n = read(STDIN_FILENO, &c, 1)) == 1 && c != '\n')
        buf_add_char(into, c);
    int number = errno;
    if (terminal) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        fputc('\n', stderr);
    }
    return n < 0 ? error_from_errno(number, "cannot read the password") : buf_check(into, "the password");
}

/* From --password-file ("-": the first line of standard input), or typed twice. */
static error *read_password(const command_line *line, buf *password) {
    const char *file = command_text(line, "password-file", NULL);
    error *err = NULL;
    if (file && strcmp(file, "-") != 0) {
        err = io_read_file(file, password);
        while (!err && password->len && strchr("\r\n", password->data[password->len - 1]))
            password->data[--password->len] = '\0';
    } else {
        err = read_line_without_echo("Password", password);
    }
    if (!err && !file && isatty(STDIN_FILENO)) {
        buf again = BUF_MAX(PASSWORD_BYTES_MAX);
        err = read_line_without_echo("Once more", &again);
        if (!err && !span_equal(buf_span(password), buf_span(&again)))
            err = error_new(ERROR_INVALID, "the two passwords differ; nothing was changed");
        if (again.data) explicit_bzero(again.data, again.capacity);
        buf_free(&again);
    }
    if (!err && password->len == 0) err = error_new(ERROR_INVALID, "the password is empty; nothing was changed");
    return err;
}

static json_t *roles_of(const command_line *line, const char *fallback) {
    json_t *roles = json_array();
    size_t cursor = 0;
    const char *role;
    while ((role = command_next(line, "role", &cursor)))
        json_array_append_new(roles, json_from_span(span_of(role)));
    if (json_array_size(roles) == 0) json_array_append_new(roles, json_string(fallback));
    return roles;
}

static error *put_user(const command_line *line, json_t *take_roles) {
    buf password = BUF_MAX(PASSWORD_BYTES_MAX);
    json_t *body = json_object();
    json_object_set_new(body, "roles", take_roles);
    error *err = read_password(line, &password);
    if (!err) json_put_span(body, "password", buf_span(&password));
    if (!err) err = call_named("PUT", "users", command_argument(line, 0), body, NULL);
    if (password.data) explicit_bzero(password.data, password.capacity);
    buf_free(&password);
    json_decref(body);
    return err;
}

/* The user of that name, a new reference; NULL when there is none. */
static error *find_user(const char *name, json_t **user) {
    client *c = NULL;
    json_t *all = NULL;
    *user = NULL;
    error *err = client_open(&c);
    if (!err) err = client_collect(c, "/api/v1/users", 0, &all);
    for (size_t i = 0; i < json_array_size(all); i++) {
        json_t *one = json_array_get(all, i);
        if (strcmp(json_get_text(one, "name", ""), name) == 0) *user = json_incref(one);
    }
    json_decref(all);
    client_close(c);
    return err;
}

static int run_user_add(const command_line *line) {
    const char *name = command_argument(line, 0);
    json_t *there = NULL;
    error *err = find_user(name, &there);
    if (!err && there)
        err = error_new(ERROR_CONFLICT, "there is a user %s already; `banyan user passwd` changes the password", name);
    if (!err) err = put_user(line, roles_of(line, "viewer"));
    json_decref(there);
    if (err) return command_failed(err);
    printf("added %s\n", name);
    return EXIT_DONE;
}

static int run_user_passwd(const command_line *line) {
    const char *name = command_argument(line, 0);
    json_t *there = NULL;
    error *err = find_user(name, &there);
    if (!err && !there) err = error_new(ERROR_NOT_FOUND, "there is no user %s; `banyan user add` makes one", name);
    if (!err) {
        json_t *roles = json_get_array(there, "roles");
        err = put_user(line, roles ? json_incref(roles) : json_array());
    }
    json_decref(there);
    if (err) return command_failed(err);
    printf("changed the password of %s\n", name);
    return EXIT_DONE;
}

static int run_user_list(const command_line *line) {
    static const print_column columns[] = {{"NAME", "name"}, {"ROLES", "roles"}, {NULL, NULL}};
    return list_kind(line, "/api/v1/users", columns);
}

static int run_user_remove(const command_line *line) {
    return remove_named(line, "users", "removed");
}

/* ---- keys ---- */

/* "orders.read,orders.write" */
static json_t *scopes_of(const char *text) {
    json_t *list = json_array();
    span rest = span_of(text), scope;
    while (span_split(&rest, ',', &scope))
        json_array_append_new(list, json_from_span(span_trim(scope)));
    return list;
}

static error *key_details(const command_line *line, json_t *body) {
    const char *scopes = command_text(line, "scopes", NULL), *requests = command_text(line, "daily-requests", NULL);
    uint64_t number;
    json_put_text(body, "owner", command_text(line, "owner", NULL));
    json_put_text(body, "expires_at", command_text(line, "expires", NULL));
    if (scopes) json_object_set_new(body, "scopes", scopes_of(scopes));
    if (!requests) return NULL;
    if (!span_to_u64(span_of(requests), 1, INT32_MAX, &number))
        return error_new(ERROR_INVALID, "--daily-requests takes a number, not \"%s\"", requests);
    json_object_set_new(body, "daily_requests", json_integer((json_int_t)number));
    return NULL;
}

static int run_key_add(const command_line *line) {
    client *c = NULL;
    json_t *body = json_object(), *reply = NULL;
    json_put_text(body, "name", command_argument(line, 0));
    json_object_set_new(body, "roles", roles_of(line, "client"));
    error *err = key_details(line, body);
    if (!err) err = client_open(&c);
    if (!err) err = client_call(c, "POST", "/api/v1/keys", body, &reply);
    const char *key = json_get_text(reply, "key", NULL);
    if (!err && !key) err = error_new(ERROR_INTERNAL, "the appliance sent no key back");
    if (!err && command_flag(line, "json")) {
        print_json(reply);
    } else if (!err) {
        puts(key);
        if (isatty(STDERR_FILENO)) fprintf(stderr, "Keep it now: it is not shown again.\n");
    }
    json_decref(body);
    json_decref(reply);
    client_close(c);
    return err ? command_failed(err) : EXIT_DONE;
}

static int run_key_list(const command_line *line) {
    static const print_column columns[] = {{"NAME", "name"}, {"ROLES", "roles"}, {"OWNER", "owner"},
        {"SCOPES", "scopes"}, {"CREATED", "created_at"}, {"EXPIRES", "expires_at"}, {"LAST USED", "last_used_at"},
        {NULL, NULL}};
    return list_kind(line, "/api/v1/keys", columns);
}

static int run_key_revoke(const command_line *line) {
    return remove_named(line, "keys", "revoked");
}

/* ---- the table ---- */

static const option_spec json_option[] = {{"json", 0, NULL, "Print JSON"}, {.name = NULL}};

static const option_spec cert_new_options[] = {
    {"kind", 'k', "ec|rsa|ssh", "What to make: a P-256 or RSA certificate, or an SSH user key (ec)"},
    {"common-name", 0, "NAME", "The subject's common name (the certificate's name)"},
    {"days", 0, "NUMBER", "How long it is valid (730)"},
    {"replace", 0, NULL, "Put it in the place of one that is there; the key that was there is gone"},
    {"json", 0, NULL, "Print JSON"},
    {.name = NULL},
};

static const option_spec cert_import_options[] = {
    {"key", 'k', "FILE", "The private key in PEM, when FILE does not hold it"},
    {"replace", 0, NULL, "Put it in the place of one that is there"},
    {"json", 0, NULL, "Print JSON"},
    {.name = NULL},
};

static const option_spec cert_export_options[] = {
    {"output", 'o', "FILE", "Write to this file in place of standard output"},
    {"json", 0, NULL, "Print JSON"},
    {.name = NULL},
};

static const option_spec user_add_options[] = {
    {"role", 'r', "ROLE", "viewer, operator, developer or admin (viewer)"},
    {"password-file", 0, "FILE", "Read the password from this file, or with - from standard input"},
    {.name = NULL},
};

static const option_spec user_passwd_options[] = {
    {"password-file", 0, "FILE", "Read the password from this file, or with - from standard input"},
    {.name = NULL},
};

static const option_spec key_add_options[] = {
    {"role", 'r', "ROLE", "client (may call endpoints), viewer, operator, developer or admin (client)"},
    {"owner", 0, "TEXT", "Whom to ask about it"},
    {"scopes", 0, "NAMES", "What it may do on endpoints that ask for scopes, separated by commas"},
    {"expires", 0, "DATE", "When it stops working: 2027-06-30, or a time with a zone"},
    {"daily-requests", 0, "NUMBER", "How many requests a day it may send to endpoints"},
    {"json", 0, NULL, "Print JSON"},
    {.name = NULL},
};

#define ONE_NAME .arguments = "NAME", .least = 1, .most = 1

const command access_commands[] = {
    {.name = "cert new",
        ONE_NAME,
        .summary = "Make a key and its certificate in the key store",
        .options = cert_new_options,
        .run = run_cert_new},
    {.name = "cert import",
        .arguments = "NAME FILE",
        .least = 2,
        .most = 2,
        .summary = "Put a PEM certificate, with or without its key, into the key store",
        .options = cert_import_options,
        .run = run_cert_import},
    {.name = "cert list",
        .arguments = "",
        .summary = "List keys and certificates",
        .options = json_option,
        .run = run_cert_list},
    {.name = "cert export",
        ONE_NAME,
        .summary = "Write out a certificate or a public key; private keys never leave",
        .options = cert_export_options,
        .run = run_cert_export},
    {.name = "user add",
        ONE_NAME,
        .summary = "Let a person use the admin side",
        .options = user_add_options,
        .run = run_user_add},
    {.name = "user passwd",
        ONE_NAME,
        .summary = "Change a user's password",
        .options = user_passwd_options,
        .run = run_user_passwd},
    {.name = "user list", .arguments = "", .summary = "List users", .options = json_option, .run = run_user_list},
    {.name = "user remove", ONE_NAME, .summary = "Remove a user", .run = run_user_remove},
    {.name = "key add",
        ONE_NAME,
        .summary = "Make an API key; it is shown once",
        .options = key_add_options,
        .run = run_key_add},
    {.name = "key list", .arguments = "", .summary = "List API keys", .options = json_option, .run = run_key_list},
    {.name = "key revoke", ONE_NAME, .summary = "Make an API key worthless", .run = run_key_revoke},
    {.name = NULL},
};
