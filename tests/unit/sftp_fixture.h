/* tests/unit/sftp_fixture.h: keys, a server and sessions for the tests of the SFTP adapter. */
#ifndef BANYAN_TESTS_SFTP_FIXTURE_H
#define BANYAN_TESTS_SFTP_FIXTURE_H

#include "tests/unit/adapter_fixture.h"

#include "adapters/sftp/sftp.h"
#include "tests/integration/sshd.h"

/* libssh2 1.10 leaks on its own when a login or key exchange ends in the middle; its frames have no names. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libssh2.so\nleak:libcrypto.so\n";
}

static const adapter *const sftp = &adapter_sftp;
static char *keys; /* the directory with the keys of this run */

static char *read_text_file(const char *path) {
    buf content = BUF_MAX(1 << 20);
    assert_ok(io_read_file(path, &content));
    size_t len;
    return buf_take(&content, &len);
}

/* The host key of that name as one would write it down: "ssh-ed25519 AAAA..." */
static UNUSED char *host_key_line(const char *name) {
    char *path = xasprintf("%s/%s.pub", keys, name), *line = read_text_file(path);
    span rest = span_of(line), type, blob;
    span_split(&rest, ' ', &type);
    span_split(&rest, ' ', &blob);
    char *text = xasprintf("%.*s %.*s", (int)type.len, type.data, (int)blob.len, blob.data);
    free(path);
    free(line);
    return text;
}

/* Its fingerprint, as ssh-keygen -l prints it. */
static UNUSED char *host_key_digest(const char *name) {
    char *command = xasprintf("ssh-keygen -l -f %s/%s.pub", keys, name), line[512] = "";
    FILE *output = popen(command, "re");
    assert_non_null(fgets(line, sizeof line, output));
    pclose(output);
    char *at = strstr(line, "SHA256:");
    assert_non_null(at);
    *strchr(at, ' ') = '\0';
    free(command);
    return xstrdup(at);
}

/* Settings of a connection. Members that are given replace the usual ones. */
static json_t *connection_settings(uint16_t port, const char *directory, const char *members) {
    json_t *settings, *more;
    char *digest = host_key_digest("host_ed25519");
    char *text = xasprintf("{%s}", members);
    fault_list faults = {.count = 0};
    settings = json_pack("{s:s, s:i, s:s, s:s, s:s, s:i, s:s, s:s}", "host", "127.0.0.1", "port", (int)port, "user",
        getpwuid(geteuid())->pw_name, "host_key", digest, "directory", directory, "stable", 0, "timeout", "10s", "key",
        "user-key");
    assert_ok(json_parse(span_of(text), &more));
    json_object_update(settings, more);
    json_decref(more);
    settings_check(sftp->settings, settings, "/connections/test", &faults);
    sftp->check(settings, "/connections/test", &faults);
    if (faults.count) fail_msg("%s", error_text(faults.faults[0]));
    free(text);
    free(digest);
    return settings;
}

static json_t *key_secret(const char *name) {
    char *path = xasprintf("%s/%s", keys, name), *pem = read_text_file(path);
    json_t *secrets = json_pack("{s:s}", "key", pem);
    free(path);
    free(pem);
    return secrets;
}

/* A session with its settings and secrets, and a fresh directory. */
typedef struct client {
    json_t *settings, *secrets;
    char *directory;
    adapter_session *session;
} client;

static client client_with(json_t *settings, json_t *secrets, char *directory) {
    client c = {.settings = settings, .secrets = secrets, .directory = directory};
    adapter_open_options options = {
        .settings = settings, .secrets = secrets, .connection = "test", .timeout_ms = 60000};
    assert_ok(sftp->open(&options, &c.session));
    return c;
}

static UNUSED client client_open(uint16_t port, const char *members) {
    char *directory = make_directory();
    chmod(directory, 0777);
    return client_with(connection_settings(port, directory, members), key_secret("user_ed25519"), directory);
}

static void client_close(client *c) {
    sftp->close(c->session);
    json_decref(c->settings);
    json_decref(c->secrets);
    if (c->directory) remove_directory(c->directory);
}

static int make_all_keys(void **state UNUSED) {
    static const struct {
        const char *name, *type, *bits, *form, *phrase;
    } made[] = {
        {"host_ed25519", "ed25519", NULL, NULL, ""},
        {"host_ecdsa", "ecdsa", "256", NULL, ""},
        {"host_rsa", "rsa", "2048", NULL, ""},
        {"host_other", "ed25519", NULL, NULL, ""},
        {"user_ed25519", "ed25519", NULL, NULL, ""},
        {"user_ed25519_phrase", "ed25519", NULL, NULL, "open sesame"},
        {"user_ecdsa_pem", "ecdsa", "256", "PEM", ""},
        {"user_ecdsa_pem_phrase", "ecdsa", "256", "PEM", "open sesame"},
        {"user_ecdsa_pkcs8", "ecdsa", "384", "PKCS8", ""},
        {"user_ecdsa_openssh", "ecdsa", "521", NULL, ""},
        {"user_rsa_pem", "rsa", "2048", "PEM", ""},
        {"user_rsa_openssh", "rsa", "2048", NULL, ""},
        {"user_rsa_pkcs8", "rsa", "2048", "PKCS8", ""},
        {"stranger", "ed25519", NULL, NULL, ""},
    };
    keys = make_directory();
    chmod(keys, 0755);
    FILE *authorized = fopen(in(keys, "authorized_keys"), "we");
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        if (!make_key(keys, made[i].name, made[i].type, made[i].bits, made[i].form, made[i].phrase)) return -1;
        if (strncmp(made[i].name, "user_", 5) != 0) continue;
        char *path = xasprintf("%s/%s.pub", keys, made[i].name), *line = read_text_file(path);
        fputs(line, authorized);
        free(path);
        free(line);
    }
    fclose(authorized);
    return 0;
}

static int remove_all_keys(void **state UNUSED) {
    remove_directory(keys);
    return 0;
}

#endif
