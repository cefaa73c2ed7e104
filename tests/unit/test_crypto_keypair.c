/* tests/unit/test_crypto_keypair.c: keys and certificates, made here and judged by openssl, ssh-keygen, libssh2 and a
 * real sshd.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/crypto/keypair.h"
#include "core/crypto/ssh_key.h"

#include <arpa/inet.h>
#include <libssh2.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[] = "/tmp/banyan-keypair-XXXXXX";

static void must(error *err) {
    if (err) fail_msg("%s", error_text(err));
}

static void must_fail(error *err, error_code code, const char *word) {
    assert_non_null(err);
    assert_int_equal(error_code_of(err), code);
    if (!strstr(error_text(err), word)) fail_msg("%s does not say %s", error_text(err), word);
    error_free(err);
}

static char *path_of(const char *name) {
    return xasprintf("%s/%s", directory, name);
}

static void put(const char *name, const char *text) {
    char *path = path_of(name);
    must(io_write_file(path, span_of(text)));
    free(path);
}

static char *get(const char *name) {
    buf text = BUF_MAX(1 << 20);
    char *path = path_of(name);
    must(io_read_file(path, &text));
    free(path);
    return buf_take(&text, NULL);
}

/* What a shell command in the temporary directory prints on both outputs; *status, or success when that is NULL. */
static char *run(const char *command, int *status) {
    char *line = xasprintf("cd %s && { %s; } 2>&1", directory, command);
    FILE *pipe = popen(line, "r");
    buf text = BUF_MAX(1 << 20);
    assert_non_null(pipe);
    must(io_read_all(fileno(pipe), &text, command));
    int result = pclose(pipe);
    if (status) *status = result;
    if (!status && result != 0) fail_msg("%s: %s", command, buf_text(&text));
    free(line);
    return buf_take(&text, NULL);
}

static void expect(const char *command, const char *words) {
    char *said = run(command, NULL);
    if (!strstr(said, words)) fail_msg("%s: expected %s, got %s", command, words, said);
    free(said);
}

static int make_directory(void **state) {
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state) {
    (void)state;
    char *command = xasprintf("rm -r %s", directory);
    int result = system(command);
    free(command);
    return result;
}

static void keys_and_certificates_please_openssl(void **state) {
    (void)state;
    static const struct {
        key_kind kind;
        const char *words, *said;
    } kinds[] = {{KEY_P256, "EC P-256", "prime256v1"}, {KEY_RSA_2048, "RSA 2048", "Public-Key: (2048 bit)"},
        {KEY_RSA_3072, "RSA 3072", "Public-Key: (3072 bit)"}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char *key = NULL, *certificate = NULL, words[32];
        must(key_new(kinds[i].kind, &key));
        assert_memory_equal(key, "-----BEGIN PRIVATE KEY-----\n", 28);
        must(key_describe(span_of(key), words));
        assert_string_equal(words, kinds[i].words);
        certificate_request request = {
            .common_name = "Ban\xc3\xa9yan, Inc. = \"us\"", .organization = "Acme", .days = 30};
        must(certificate_new(span_of(key), &request, &certificate));
        must(certificate_check_key(span_of(certificate), span_of(key)));
        put("key.pem", key);
        put("cert.pem", certificate);
        expect("openssl pkey -in key.pem -noout -check", "Key is valid");
        expect("openssl x509 -in cert.pem -noout -text", kinds[i].said);
        expect("openssl verify -CAfile cert.pem cert.pem", "cert.pem: OK");
        expect("openssl verify -purpose smimesign -CAfile cert.pem cert.pem", "cert.pem: OK");

        certificate_facts facts;
        must(certificate_read(span_of(certificate), &facts));
        assert_string_equal(facts.key, kinds[i].words);
        assert_string_equal(facts.subject, facts.issuer);
        assert_true(facts.self_signed);
        assert_false(facts.authority);
        assert_int_equal(facts.chain, 1);
        assert_string_equal(facts.hosts, "");
        int64_t days = (facts.not_after_ms - clock_wall_ms() + 60000) / 86400000;
        assert_int_equal(days, 30);
        assert_true(facts.not_before_ms < clock_wall_ms());
        char *said =
            run("openssl x509 -in cert.pem -noout -fingerprint -sha256 | cut -d= -f2 | tr -d ':\n' | tr A-F a-f", NULL);
        assert_string_equal(said, facts.fingerprint);
        free(said);
        said = run("openssl x509 -in cert.pem -noout -serial | cut -d= -f2 | tr -d '\n'", NULL);
        assert_string_equal(said, facts.serial);
        free(said);
        said = run(
            "openssl x509 -in cert.pem -noout -subject -nameopt RFC2253,-esc_msb | cut -d= -f2- | tr -d '\n'", NULL);
        assert_string_equal(said, facts.subject);
        free(said);
        certificate_facts_free(&facts);
        key_text_free(key);
        free(certificate);
    }
}

static void a_certificate_for_tls_names_its_hosts(void **state) {
    (void)state;
    char *key = NULL, *certificate = NULL;
    const char *hosts[] = {"localhost", "as2.acme.example", "127.0.0.1", "::1", NULL};
    certificate_request request = {.common_name = "localhost", .days = 1, .hosts = hosts};
    must(key_new(KEY_P256, &key));
    must(certificate_new(span_of(key), &request, &certificate));
    put("cert.pem", certificate);
    expect("openssl verify -CAfile cert.pem -purpose sslserver -verify_hostname as2.acme.example cert.pem", "OK");
    expect("openssl verify -CAfile cert.pem -purpose sslserver -verify_ip ::1 cert.pem", "OK");
    int status = 0;
    free(run("openssl verify -CAfile cert.pem -verify_hostname other.example cert.pem", &status));
    assert_int_not_equal(status, 0);
    certificate_facts facts;
    must(certificate_read(span_of(certificate), &facts));
    assert_string_equal(facts.hosts, "localhost as2.acme.example 127.0.0.1 ::1");
    certificate_facts_free(&facts);
    free(certificate);
    const char *bad[] = {"a b", NULL};
    request.hosts = bad;
    must_fail(certificate_new(span_of(key), &request, &certificate), ERROR_INVALID, "a b");
    bad[0] = "a,DNS:evil.example";
    must_fail(certificate_new(span_of(key), &request, &certificate), ERROR_INVALID, "evil");
    key_text_free(key);
}

static void what_cannot_be_a_certificate_is_refused_in_words(void **state) {
    (void)state;
    char *key = NULL, *certificate = NULL;
    must(key_new(KEY_P256, &key));
    certificate_request request = {.common_name = "x", .days = 0};
    must_fail(certificate_new(span_of(key), &request, &certificate), ERROR_INVALID, "days");
    request.days = 10;
    request.common_name = "0123456789012345678901234567890123456789012345678901234567890123456789";
    must_fail(certificate_new(span_of(key), &request, &certificate), ERROR_INVALID, "name");
    request.common_name = "bad \xff";
    must_fail(certificate_new(span_of(key), &request, &certificate), ERROR_INVALID, "name");
    request.common_name = "x";
    must_fail(certificate_new(SPAN("junk"), &request, &certificate), ERROR_INVALID, "key");
    certificate_facts facts;
    must_fail(certificate_read(SPAN("junk"), &facts), ERROR_INVALID, "certificate");
    must_fail(certificate_read(SPAN(""), &facts), ERROR_INVALID, "PEM");
    must_fail(certificate_read(span_of(key), &facts), ERROR_INVALID, "certificate");
    char words[32];
    must_fail(key_describe(SPAN("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), words),
        ERROR_INVALID, "key");
    key_text_free(key);
    key_kind kind;
    assert_true(key_kind_named(SPAN("rsa3072"), &kind));
    assert_int_equal(kind, KEY_RSA_3072);
    assert_false(key_kind_named(SPAN("dsa"), &kind));
}

/* CT-02 */
static void a_key_of_another_certificate_is_refused(void **state) {
    (void)state;
    char *key = NULL, *other = NULL, *rsa = NULL, *certificate = NULL;
    certificate_request request = {.common_name = "same name", .days = 10};
    must(key_new(KEY_P256, &key));
    must(key_new(KEY_P256, &other));
    must(key_new(KEY_RSA_2048, &rsa));
    must(certificate_new(span_of(key), &request, &certificate));
    must(certificate_check_key(span_of(certificate), span_of(key)));
    must_fail(certificate_check_key(span_of(certificate), span_of(other)), ERROR_INVALID, "another");
    must_fail(certificate_check_key(span_of(certificate), span_of(rsa)), ERROR_INVALID, "another");
    must_fail(certificate_check_key(span_of(key), span_of(key)), ERROR_INVALID, "certificate");
    must_fail(certificate_check_key(span_of(certificate), span_of(certificate)), ERROR_INVALID, "key");
    key_text_free(key);
    key_text_free(other);
    key_text_free(rsa);
    free(certificate);
}

static void a_key_with_a_passphrase_is_refused_without_asking(void **state) {
    (void)state;
    char *said =
        run("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes256 -pass pass:x -out p.pem", NULL);
    free(said);
    char *key = get("p.pem"), words[32];
    must_fail(key_describe(span_of(key), words), ERROR_INVALID, "passphrase");
    free(key);
}

static void certificates_of_others_are_described(void **state) {
    (void)state;
    free(run("openssl req -x509 -newkey rsa:1024 -nodes -keyout ca.key -out ca.pem -subj /O=Old/CN=ca -days 5 -sha1;"
             "openssl req -newkey ed25519 -nodes -keyout leaf.key -subj /CN=leaf | "
             "openssl x509 -req -CA ca.pem -CAkey ca.key -set_serial 0x0102 -days 2 -out leaf.pem;"
             "cat leaf.pem ca.pem > chain.pem",
        NULL));
    char *chain = get("chain.pem"), *ca = get("ca.pem");
    certificate_facts facts;
    must(certificate_read(span_of(chain), &facts));
    assert_string_equal(facts.subject, "CN=leaf");
    assert_string_equal(facts.issuer, "CN=ca,O=Old");
    assert_string_equal(facts.serial, "0102");
    assert_string_equal(facts.key, "Ed25519");
    assert_int_equal(facts.chain, 2);
    assert_false(facts.self_signed);
    certificate_facts_free(&facts);
    must(certificate_read(span_of(ca), &facts));
    assert_string_equal(facts.key, "RSA 1024");
    assert_int_equal(facts.key_bits, 1024);
    assert_true(facts.authority);
    assert_true(facts.self_signed);
    assert_string_equal(facts.signature, "sha1WithRSAEncryption");
    certificate_facts_free(&facts);
    free(chain);
    free(ca);
}

/* The public line and the fingerprint are those of ssh-keygen, for keys of ours and of others. */
static void check_ssh_lines(const char *name, const char *comment) {
    char *text = get(name), *line = NULL, fingerprint[SSH_FINGERPRINT_SIZE];
    must(ssh_key_public_line(span_of(text), NULL, &line));
    char *command = xasprintf("ssh-keygen -y -f %s | cut -d' ' -f1,2 | tr -d '\n'", name), *said = run(command, NULL);
    assert_string_equal(line, said);
    free(said);
    free(command);
    must(ssh_key_fingerprint(span_of(line), fingerprint));
    put("line.pub", line);
    expect("ssh-keygen -l -f line.pub", fingerprint);
    free(line);
    must(ssh_key_public_line(span_of(text), comment, &line));
    assert_non_null(strstr(line, comment));
    free(line);
    free(text);
}

static void ssh_lines_are_those_of_ssh_keygen(void **state) {
    (void)state;
    char *key = NULL;
    must(ssh_key_new(SSH_KEY_ED25519, "us@banyan", &key));
    put("ed", key);
    key_text_free(key);
    must(ssh_key_new(SSH_KEY_P256, NULL, &key));
    put("ec", key);
    key_text_free(key);
    free(run("ssh-keygen -q -t ed25519 -N '' -C other -f ed2; ssh-keygen -q -t ecdsa -b 256 -N '' -f ec2;"
             "ssh-keygen -q -t rsa -b 2048 -N '' -m PEM -f rsa; ssh-keygen -q -t ed25519 -N secret -f locked",
        NULL));
    static const char *const names[] = {"ed", "ec", "ed2", "ec2", "rsa"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        check_ssh_lines(names[i], "a comment");
    expect("ssh-keygen -l -f ed", "us@banyan");
    char *locked = get("locked"), *line = NULL;
    must(ssh_key_public_line(span_of(locked), NULL, &line)); /* the public part is not locked */
    char *said = get("locked.pub");
    assert_memory_equal(said, line, strlen(line));
    free(said);
    free(line);
    free(locked);
    must_fail(ssh_key_public_line(SPAN("junk"), NULL, &line), ERROR_INVALID, "key");
    must_fail(ssh_key_public_line(
                  SPAN("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"), NULL, &line),
        ERROR_INVALID, "malformed");
    char *text = get("ed"), fingerprint[SSH_FINGERPRINT_SIZE];
    must_fail(ssh_key_public_line(span_of(text), "two\nlines", &line), ERROR_INVALID, "control");
    must_fail(ssh_key_fingerprint(SPAN("junk"), fingerprint), ERROR_INVALID, "public key");
    free(text);
}

/* An sshd of our own on a free port, for the keys in `authorized`. */
static pid_t start_sshd(unsigned *port) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int probe = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(probe, (struct sockaddr *)&address, sizeof address), 0);
    getsockname(probe, (struct sockaddr *)&address, &len);
    *port = ntohs(address.sin_port);
    close(probe);
    if (getuid() == 0) free(run("mkdir -p /run/sshd", NULL));
    free(run("ssh-keygen -q -t ed25519 -N '' -f host", NULL));
    char *settings =
        xasprintf("ListenAddress 127.0.0.1\nPort %u\nHostKey %s/host\nAuthorizedKeysFile %s/authorized\n"
                  "StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\nPidFile none\n",
            *port, directory, directory);
    put("sshd_config", settings);
    free(settings);
    char *config = path_of("sshd_config"), *log = path_of("sshd.log");
    pid_t pid = fork();
    if (pid == 0) {
        execl("/usr/sbin/sshd", "/usr/sbin/sshd", "-D", "-f", config, "-E", log, (char *)NULL);
        _exit(127);
    }
    free(config);
    free(log);
    return pid;
}

static int connect_when_up(unsigned port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int64_t deadline = clock_monotonic_ms() + 10000;
    for (;;) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0) return fd;
        close(fd);
        if (clock_monotonic_ms() > deadline) fail_msg("sshd does not listen");
        poll(NULL, 0, 10);
    }
}

static void our_ssh_keys_open_a_session_from_memory(void **state) {
    (void)state;
    char *keys[2] = {NULL, NULL};
    buf authorized = BUF_MAX(4096);
    must(ssh_key_new(SSH_KEY_ED25519, "one", &keys[0]));
    must(ssh_key_new(SSH_KEY_P256, "two", &keys[1]));
    for (int i = 0; i < 2; i++) {
        char *line = NULL;
        must(ssh_key_public_line(span_of(keys[i]), "us", &line));
        buf_printf(&authorized, "%s\n", line);
        free(line);
    }
    put("authorized", buf_text(&authorized));
    buf_free(&authorized);
    unsigned port;
    pid_t sshd = start_sshd(&port);
    const char *user = getpwuid(getuid())->pw_name;
    for (int i = 0; i < 2; i++) {
        int fd = connect_when_up(port);
        LIBSSH2_SESSION *session = libssh2_session_init();
        assert_int_equal(libssh2_session_handshake(session, fd), 0);
        int failed =
            libssh2_userauth_publickey_frommemory(session, user, strlen(user), NULL, 0, keys[i], strlen(keys[i]), NULL);
        char *words = NULL;
        libssh2_session_last_error(session, &words, NULL, 0);
        if (failed) print_error("key %d: %s\n", i, words);
        assert_int_equal(failed, 0);
        assert_true(libssh2_userauth_authenticated(session));
        libssh2_session_disconnect(session, "done");
        libssh2_session_free(session);
        close(fd);
        key_text_free(keys[i]);
    }
    kill(sshd, SIGTERM);
    waitpid(sshd, NULL, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_and_certificates_please_openssl),
        cmocka_unit_test(a_certificate_for_tls_names_its_hosts),
        cmocka_unit_test(what_cannot_be_a_certificate_is_refused_in_words),
        cmocka_unit_test(a_key_of_another_certificate_is_refused),
        cmocka_unit_test(a_key_with_a_passphrase_is_refused_without_asking),
        cmocka_unit_test(certificates_of_others_are_described),
        cmocka_unit_test(ssh_lines_are_those_of_ssh_keygen),
        cmocka_unit_test(our_ssh_keys_open_a_session_from_memory),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
