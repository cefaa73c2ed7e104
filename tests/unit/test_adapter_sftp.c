/* tests/unit/test_adapter_sftp.c: the SFTP adapter against a real OpenSSH server. Rows SF-01 to SF-09 and FI-10 of the
 * reliability research stand in the comments; what a hostile server does is in test_adapter_sftp_hostile.c. */
#include "tests/unit/sftp_fixture.h"

#include <sys/mount.h>
#include <time.h>
#include <utime.h>

static sshd server;

static int set_up(void **state) {
    if (make_all_keys(state) != 0) return -1;
    server = sshd_start(keys, "host_ed25519 host_ecdsa host_rsa", "");
    return 0;
}

static int tear_down(void **state) {
    sshd_stop(&server);
    return remove_all_keys(state);
}

static void a_file_is_listed_read_and_removed(void **state UNUSED) {
    client c = client_open(server.port, "");
    write_file(in(c.directory, "a.edi"), "ISA");
    assert_listed(sftp, c.session, NULL, "a.edi");
    adapter_entry got = assert_get(sftp, c.session, "a.edi", "ISA");
    assert_true(exists(in(c.directory, "a.edi")));
    assert_ok(sftp->done(c.session, &got));
    assert_false(exists(in(c.directory, "a.edi")));
    assert_ok(sftp->done(c.session, &got));
    assert_listed(sftp, c.session, NULL, "");
    assert_error(try_get(sftp, c.session, "a.edi", &got), ERROR_NOT_FOUND, "there is no such file");
    client_close(&c);
}

static void patterns_temporary_names_and_kinds_choose_what_is_listed(void **state UNUSED) {
    client c = client_open(server.port, "\"pattern\": \"*/*.edi\"");
    mkdir(in(c.directory, "out"), 0755);
    mkdir(in(c.directory, "out/d.edi"), 0755);
    write_file(in(c.directory, "top.edi"), "a");
    write_file(in(c.directory, "out/a.edi"), "a");
    write_file(in(c.directory, "out/b.csv"), "b");
    write_file(in(c.directory, "out/.c.edi"), "c");
    write_file(in(c.directory, "out/e.edi.filepart"), "e");
    assert_int_equal(symlink("a.edi", in(c.directory, "out/link.edi")), 0); /* SF-03 */
    assert_int_equal(mkfifo(in(c.directory, "out/pipe.edi"), 0644), 0);
    assert_int_equal(symlink("out", in(c.directory, "linked")), 0);
    assert_listed(sftp, c.session, NULL, "out/a.edi");
    assert_listed(sftp, c.session, "*", "top.edi");
    adapter_entry got;
    assert_error(try_get(sftp, c.session, "out/pipe.edi", &got), ERROR_DENIED, "no ordinary file");
    assert_error(try_get(sftp, c.session, "out/link.edi", &got), ERROR_DENIED, "no ordinary file");
    client_close(&c);
}

/* SF-04 */
static void a_new_file_is_told_of_when_it_kept_its_size_and_time(void **state UNUSED) {
    client c = client_open(server.port, "\"stable\": \"1500ms\"");
    write_file(in(c.directory, "a"), "text");
    int64_t start = clock_monotonic_ms();
    assert_listed(sftp, c.session, NULL, "a");
    assert_true(clock_monotonic_ms() - start >= 1500);
    start = clock_monotonic_ms();
    assert_listed(sftp, c.session, NULL, "a");
    assert_true(clock_monotonic_ms() - start < 1500); /* known from the list before */
    client_close(&c);
}

/* SF-04: a child appends all the while. */
static void a_file_that_grows_all_the_while_is_not_listed(void **state UNUSED) {
    client c = client_open(server.port, "\"stable\": \"300ms\"");
    pid_t child = fork();
    if (child == 0) {
        int fd = open(in(c.directory, "growing"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        while (write(fd, "x", 1) == 1)
            poll(NULL, 0, 1);
        _exit(1);
    }
    while (!exists(in(c.directory, "growing")))
        poll(NULL, 0, 1);
    write_file(in(c.directory, "whole"), "text");
    assert_listed(sftp, c.session, NULL, "whole");
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_listed(sftp, c.session, NULL, "whole growing");
    client_close(&c);
}

typedef struct late_writer {
    const char *path;
    bool done;
} late_writer;

static error *append_late(void *context, span bytes UNUSED) {
    late_writer *writer = context;
    int fd = open(writer->path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (!writer->done) assert_ok(io_write_all(fd, SPAN("more"), writer->path));
    close(fd);
    writer->done = true;
    return NULL;
}

/* SF-04 */
static void a_file_that_changes_while_it_is_read_is_a_conflict(void **state UNUSED) {
    client c = client_open(server.port, "");
    char *path = xstrdup(in(c.directory, "a"));
    late_writer writer = {.path = path};
    adapter_sink sink = {.write = append_late, .context = &writer};
    adapter_entry got;
    write_file(path, "text");
    assert_error(sftp->get(c.session, "a", &sink, &got), ERROR_CONFLICT, "changed while it was read");
    assert_get(sftp, c.session, "a", "textmore");
    free(path);
    client_close(&c);
}

/* SF-07: the answer to the removal was lost, and a newer file came meanwhile. */
static void done_again_removes_no_newer_file(void **state UNUSED) {
    client c = client_open(server.port, "");
    write_file(in(c.directory, "a"), "first");
    adapter_entry got = assert_get(sftp, c.session, "a", "first");
    assert_ok(sftp->done(c.session, &got));
    write_file(in(c.directory, "a"), "second, longer");
    assert_ok(sftp->done(c.session, &got));
    assert_get(sftp, c.session, "a", "second, longer");
    client_close(&c);
}

static void picked_up_files_go_to_the_archive_and_keep_their_earlier_namesakes(void **state UNUSED) {
    client c = client_open(server.port, "\"archive\": \"done/2026\"");
    write_file(in(c.directory, "a"), "first");
    get_and_done(sftp, c.session, "a");
    write_file(in(c.directory, "a"), "second");
    get_and_done(sftp, c.session, "a");
    assert_file(in(c.directory, "done/2026/a"), "first");
    assert_int_equal(count_visible(in(c.directory, "done/2026")), 2);
    assert_listed(sftp, c.session, NULL, "");
    client_close(&c);
}

/* SF-12 */
static void a_claim_hides_the_file_and_survives_a_crash(void **state UNUSED) {
    client c = client_open(server.port, "\"claim\": \"rename\"");
    write_file(in(c.directory, "a"), "first");
    assert_listed(sftp, c.session, NULL, "a");
    adapter_entry got = assert_get(sftp, c.session, "a", "first");
    assert_false(exists(in(c.directory, "a")));
    write_file(in(c.directory, "a"), "second");
    assert_listed(sftp, c.session, NULL, "a"); /* left over by a crash, as far as the list knows */
    assert_get(sftp, c.session, "a", "first");
    assert_ok(sftp->done(c.session, &got));
    got = assert_get(sftp, c.session, "a", "second");
    assert_false(exists(in(c.directory, "a")));
    assert_ok(sftp->release(c.session, "a"));
    assert_ok(sftp->release(c.session, "a"));
    assert_file(in(c.directory, "a"), "second");
    client_close(&c);
}

static void a_delivery_is_staged_then_published(void **state UNUSED) {
    client c = client_open(server.port, "");
    assert_ok(stage_text(sftp, c.session, "in/2026/a.edi", "0190-id", "UNB"));
    assert_int_equal(count_visible(in(c.directory, "in/2026")), 0);
    assert_ok(sftp->publish(c.session, "in/2026/a.edi", "0190-id", ADAPTER_EXISTS_FAIL, false));
    assert_file(in(c.directory, "in/2026/a.edi"), "UNB");
    assert_error(sftp->publish(c.session, "in/2026/a.edi", "0190-id", ADAPTER_EXISTS_FAIL, false), ERROR_NOT_FOUND,
        "not staged");
    assert_ok(sftp->publish(c.session, "in/2026/a.edi", "0190-id", ADAPTER_EXISTS_FAIL, true));
    unlink(in(c.directory, "in/2026/a.edi")); /* the partner has it */
    assert_ok(sftp->publish(c.session, "in/2026/a.edi", "0190-id", ADAPTER_EXISTS_FAIL, true));
    assert_int_equal(count_visible(in(c.directory, "in/2026")), 0);
    client_close(&c);
}

/* SF-06 */
static void a_name_that_exists_is_a_conflict_unless_replacing_is_wished(void **state UNUSED) {
    client c = client_open(server.port, "");
    write_file(in(c.directory, "a"), "theirs");
    assert_ok(stage_text(sftp, c.session, "a", "id", "ours"));
    assert_error(sftp->publish(c.session, "a", "id", ADAPTER_EXISTS_FAIL, false), ERROR_CONFLICT, "exists already");
    assert_error(sftp->publish(c.session, "a", "id", ADAPTER_EXISTS_FAIL, true), ERROR_CONFLICT, "exists already");
    assert_file(in(c.directory, "a"), "theirs");
    assert_ok(sftp->publish(c.session, "a", "id", ADAPTER_EXISTS_REPLACE, true));
    assert_file(in(c.directory, "a"), "ours");
    mkdir(in(c.directory, "directory"), 0755);
    assert_ok(stage_text(sftp, c.session, "directory", "id", "ours"));
    assert_error(
        sftp->publish(c.session, "directory", "id", ADAPTER_EXISTS_REPLACE, false), ERROR_CONFLICT, "directory");
    client_close(&c);
}

/* FI-10 at the server: OpenSSH renames by link and unlink, and was killed between. */
static void a_rename_that_left_both_names_is_published_already(void **state UNUSED) {
    client c = client_open(server.port, "");
    char staged[512] = "";
    assert_ok(stage_text(sftp, c.session, "a", "id", "text"));
    DIR *directory = opendir(c.directory);
    for (const struct dirent *entry; (entry = readdir(directory));) {
        if (strstr(entry->d_name, ".banyan-")) snprintf(staged, sizeof staged, "%s", entry->d_name);
    }
    closedir(directory);
    assert_int_equal(link(in(c.directory, staged), in(c.directory, "a")), 0);
    assert_ok(sftp->publish(c.session, "a", "id", ADAPTER_EXISTS_FAIL, true));
    assert_file(in(c.directory, "a"), "text");
    assert_false(exists(in(c.directory, staged)));
    client_close(&c);
}

static void kill_after(const client *c, bool publish) {
    client other = client_with(json_incref(c->settings), json_incref(c->secrets), NULL);
    assert_ok(stage_text(sftp, other.session, "a", "id", "the whole text"));
    if (publish) assert_ok(sftp->publish(other.session, "a", "id", ADAPTER_EXISTS_FAIL, false));
    kill(getpid(), SIGKILL);
}

/* FI-10 */
static void a_crash_between_the_steps_delivers_once(void **state UNUSED) {
    for (int publish = 0; publish < 2; publish++) {
        client c = client_open(server.port, "");
        int status;
        pid_t child = fork();
        if (child == 0) kill_after(&c, publish);
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        if (publish) unlink(in(c.directory, "a"));
        assert_ok(sftp->publish(c.session, "a", "id", ADAPTER_EXISTS_FAIL, true));
        assert_int_equal(exists(in(c.directory, "a")), !publish);
        client_close(&c);
    }
}

/* SF-06 */
static void a_server_that_only_reads_denies_in_words(void **state UNUSED) {
    sshd read_only = sshd_start(keys, "host_ed25519", "Subsystem sftp internal-sftp -R");
    client c = client_open(read_only.port, "");
    write_file(in(c.directory, "a"), "text");
    assert_error(stage_text(sftp, c.session, "b", "id", "text"), ERROR_DENIED, "permission denied");
    adapter_entry got = assert_get(sftp, c.session, "a", "text");
    assert_error(sftp->done(c.session, &got), ERROR_DENIED, "cannot remove");
    client_close(&c);
    sshd_stop(&read_only);
}

/* SF-06: a real file system of 256 KiB, where the system lets us mount one. */
static void a_full_server_is_told_and_leaves_nothing(void **state UNUSED) {
    client c = client_open(server.port, "");
    if (mount("none", c.directory, "tmpfs", 0, "size=256k") < 0) {
        print_message("mounting is not allowed here: %s\n", strerror(errno));
        client_close(&c);
        skip();
    }
    char *large = xmalloc(1 << 20);
    memset(large, 'x', (1 << 20) - 1);
    large[(1 << 20) - 1] = '\0';
    assert_error(stage_text(sftp, c.session, "a", "id", large), ERROR_FULL, "no space is left");
    put_text(sftp, c.session, "a", "small");
    assert_file(in(c.directory, "a"), "small");
    free(large);
    umount(c.directory);
    client_close(&c);
}

static void a_directory_that_is_not_there_is_told_and_heals(void **state UNUSED) {
    client c = client_open(server.port, "");
    listing list = {.count = 0};
    rmdir(c.directory);
    assert_error(sftp->list(c.session, NULL, collect, &list), ERROR_NOT_FOUND, c.directory);
    assert_error(sftp->probe(c.session), ERROR_NOT_FOUND, c.directory);
    mkdir(c.directory, 0755);
    assert_ok(sftp->probe(c.session));
    client_close(&c);
}

static void resources_are_read_and_removed_but_never_outside_the_directory(void **state UNUSED) {
    static const char *const escapes[] = {"../etc/passwd", "/etc/passwd", "a/../../b", "", ".", "a//b"};
    client c = client_open(server.port, "");
    buf content = BUF_MAX(4096);
    adapter_sink sink = buf_sink(&content);
    adapter_entry got;
    write_file(in(c.directory, "4711.csv"), "a;b");
    assert_ok(sftp->read(c.session, "4711.csv", &sink, &got));
    assert_string_equal(buf_text(&content), "a;b");
    for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++) {
        assert_error(sftp->read(c.session, escapes[i], &sink, &got), ERROR_INVALID, NULL);
        assert_error(sftp->remove(c.session, escapes[i]), ERROR_INVALID, NULL);
        assert_error(stage_text(sftp, c.session, escapes[i], "id", "text"), ERROR_INVALID, NULL);
    }
    assert_ok(sftp->remove(c.session, "4711.csv"));
    assert_error(sftp->remove(c.session, "4711.csv"), ERROR_NOT_FOUND, NULL);
    buf_free(&content);
    client_close(&c);
}

typedef struct numbers {
    uint64_t size, at;
} numbers;

static unsigned char number_byte(uint64_t at) {
    return (unsigned char)(at * 2654435761U >> 13);
}

static error *read_numbers(void *context, char *into, size_t room, size_t *len) {
    numbers *n = context;
    *len = n->size - n->at < room ? (size_t)(n->size - n->at) : room;
    for (size_t i = 0; i < *len; i++)
        into[i] = (char)number_byte(n->at + i);
    n->at += *len;
    return NULL;
}

static error *rewind_numbers(void *context) {
    ((numbers *)context)->at = 0;
    return NULL;
}

static error *check_numbers(void *context, span bytes) {
    numbers *n = context;
    for (size_t i = 0; i < bytes.len; i++) {
        if ((unsigned char)bytes.data[i] != number_byte(n->at + i)) return error_new(ERROR_CORRUPT, "a wrong byte");
    }
    n->at += bytes.len;
    return NULL;
}

static void files_of_every_size_arrive_as_they_were_sent(void **state UNUSED) {
    static const uint64_t sizes[] = {0, 1, 32767, 32768, 32769, 65536, 2097152, 2097153, 48 * 1024 * 1024};
    client c = client_open(server.port, "");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        numbers sent = {.size = sizes[i]}, received = {.size = sizes[i]};
        adapter_source source = {.read = read_numbers, .rewind = rewind_numbers, .context = &sent, .size = sizes[i]};
        adapter_sink sink = {.write = check_numbers, .context = &received};
        adapter_entry got;
        int64_t start = clock_monotonic_ms();
        assert_ok(sftp->stage(c.session, "a", "id", &source));
        assert_ok(sftp->publish(c.session, "a", "id", ADAPTER_EXISTS_REPLACE, false));
        int64_t middle = clock_monotonic_ms();
        assert_ok(sftp->get(c.session, "a", &sink, &got));
        assert_true(received.at == sizes[i] && got.size == sizes[i]);
        if (sizes[i] > 1 << 24)
            print_message("48 MiB: sent in %lld ms, received in %lld ms\n", (long long)(middle - start),
                (long long)(clock_monotonic_ms() - middle));
    }
    client_close(&c);
}

static void ten_thousand_small_files_are_listed_and_pass_one_by_one(void **state UNUSED) {
    enum { MANY = 10000, READ = 2500 };
    client c = client_open(server.port, "");
    char name[32];
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "file-%d", i);
        write_file(in(c.directory, name), "UNB+UNOC:3");
    }
    int64_t start = clock_monotonic_ms();
    listing list = list_all(sftp, c.session, NULL);
    int64_t listed = clock_monotonic_ms();
    assert_int_equal(list.count, MANY);
    for (size_t i = 0; i < READ; i++)
        get_and_done(sftp, c.session, list.names[i]);
    int64_t took = clock_monotonic_ms() - listed;
    print_message("10,000 files listed in %lld ms, %d of them read and removed in %lld ms\n",
        (long long)(listed - start), READ, (long long)took);
    assert_int_equal(count_visible(c.directory), MANY - READ);
    assert_true(took < 60000);
    listing_free(&list);
    client_close(&c);
}

/* SF-01 */
static void a_changed_host_key_is_refused_before_any_login(void **state UNUSED) {
    sshd other = sshd_start(keys, "host_other", "");
    client c = client_open(other.port, "");
    char *accepted = host_key_digest("host_ed25519"), *shown = host_key_digest("host_other");
    error *err = sftp->probe(c.session);
    assert_non_null(err);
    assert_non_null(strstr(error_text(err), accepted));
    assert_non_null(strstr(error_text(err), shown));
    assert_false(error_is_temporary(err));
    assert_error(err, ERROR_DENIED, "nothing was sent to it");
    assert_false(sshd_logged(&other, "publickey"));
    free(accepted);
    free(shown);
    client_close(&c);
    sshd_stop(&other);
}

static void expect_probe(const char *host_key, error_code code, const char *words) {
    char *members = xasprintf("\"host_key\": \"%s\"", host_key);
    client c = client_open(server.port, members);
    if (words)
        assert_error(sftp->probe(c.session), code, words);
    else
        assert_ok(sftp->probe(c.session));
    free(members);
    client_close(&c);
}

/* SF-01: the server has keys of three types, and prefers another one than the one that is accepted. */
static void any_key_of_the_server_may_be_the_accepted_one(void **state UNUSED) {
    char *digest = host_key_digest("host_ecdsa"), *line = host_key_line("host_ecdsa");
    char *other = host_key_digest("host_other"), *rsa = host_key_line("host_rsa"),
         *rsa_digest = host_key_digest("host_rsa");
    char *known_hosts = xasprintf("[127.0.0.1]:22 %s comment", line), *several = xasprintf("%s, %s", other, line);
    expect_probe(digest, 0, NULL);
    expect_probe(line, 0, NULL);
    expect_probe(known_hosts, 0, NULL);
    expect_probe(several, 0, NULL);
    expect_probe(other, ERROR_DENIED, "(ecdsa-sha2-nistp256)");
    expect_probe(rsa, ERROR_UNSUPPORTED, "SHA-1 only");
    expect_probe(rsa_digest, ERROR_DENIED, "is not the accepted one");
    free(digest);
    free(line);
    free(other);
    free(rsa);
    free(rsa_digest);
    free(known_hosts);
    free(several);
}

/* SF-09 */
static void a_server_with_only_an_rsa_key_is_told_with_the_way_out(void **state UNUSED) {
    sshd rsa = sshd_start(keys, "host_rsa", "");
    client c = client_open(rsa.port, "");
    assert_error(sftp->probe(c.session), ERROR_UNSUPPORTED, "ask for an Ed25519 or ECDSA host key");
    client_close(&c);
    c = client_open(rsa.port, "");
    assert_error(sftp->probe(c.session), ERROR_UNSUPPORTED, "host keys rsa-sha2-512,rsa-sha2-256");
    client_close(&c);
    sshd_stop(&rsa);
}

/* SF-09 */
static void weak_algorithms_are_taken_up_to_their_date_only(void **state UNUSED) {
    sshd old = sshd_start(keys, "host_rsa",
        "HostKeyAlgorithms ssh-rsa\nKexAlgorithms diffie-hellman-group14-sha1\nCiphers aes128-cbc\nMACs hmac-sha1\n"
        "PubkeyAcceptedAlgorithms +ssh-rsa");
    char *digest = host_key_digest("host_rsa"), *members;
    static const struct {
        const char *until;
        bool works;
    } cases[] = {{"2999-12-31", true}, {"2020-01-01", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *directory = make_directory();
        members = xasprintf("\"host_key\": \"%s\", \"weak_until\": \"%s\"", digest, cases[i].until);
        client c =
            client_with(connection_settings(old.port, directory, members), key_secret("user_rsa_pem"), directory);
        if (cases[i].works)
            assert_ok(sftp->probe(c.session));
        else
            assert_error(sftp->probe(c.session), ERROR_UNSUPPORTED, "key exchange diffie-hellman-group14-sha1");
        free(members);
        client_close(&c);
    }
    free(digest);
    sshd_stop(&old);
}

static void keys_of_every_form_log_in(void **state UNUSED) {
    static const struct {
        const char *name, *phrase, *words;
    } cases[] = {
        {"user_ed25519", NULL, NULL},
        {"user_ed25519_phrase", "open sesame", NULL},
        {"user_ecdsa_pem", NULL, NULL},
        {"user_ecdsa_pem_phrase", "open sesame", NULL},
        {"user_ecdsa_pkcs8", NULL, NULL},
        {"user_ecdsa_openssh", NULL, NULL},
        {"user_rsa_pem", NULL, "use an Ed25519 or ECDSA key"}, /* SF-09 */
        {"user_rsa_openssh", NULL, "use an Ed25519 or ECDSA key"},
        {"user_rsa_pkcs8", NULL, "use an Ed25519 or ECDSA key"},
        {"user_ed25519_phrase", "wrong", "wrong passphrase?"},
        {"user_ed25519_phrase", NULL, "does it need a passphrase?"},
        {"user_ecdsa_pem_phrase", "wrong", "wrong passphrase?"},
        {"user_ecdsa_pem_phrase", NULL, "does it need a passphrase?"},
        {"stranger", NULL, "among the user's authorized keys?"},
        {"authorized_keys", NULL, "cannot be read"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *directory = make_directory();
        json_t *secrets = key_secret(cases[i].name);
        json_put_text(secrets, "passphrase", cases[i].phrase);
        client c = client_with(connection_settings(server.port, directory, ""), secrets, directory);
        if (cases[i].words)
            assert_error(sftp->probe(c.session), ERROR_DENIED, cases[i].words);
        else
            assert_ok(sftp->probe(c.session));
        client_close(&c);
    }
}

/* As the appliance's own key store writes them. */
static void an_ed25519_key_in_pkcs8_logs_in(void **state UNUSED) {
    char *command = xasprintf("cd %s && openssl genpkey -algorithm ed25519 -out own && { printf 'ssh-ed25519 '; "
                              "{ printf '\\000\\000\\000\\013ssh-ed25519\\000\\000\\000\\040'; "
                              "openssl pkey -in own -pubout -outform DER | tail -c 32; } | base64 -w0; echo; } "
                              ">>authorized_keys",
        keys);
    assert_int_equal(system(command), 0);
    char *directory = make_directory();
    client c = client_with(connection_settings(server.port, directory, ""), key_secret("own"), directory);
    assert_ok(sftp->probe(c.session));
    free(command);
    client_close(&c);
}

/* SF-09 */
static void a_refused_login_is_not_tried_again_at_once(void **state UNUSED) {
    sshd fresh = sshd_start(keys, "host_ed25519", "");
    char *directory = make_directory();
    client c = client_with(connection_settings(fresh.port, directory, ""), key_secret("stranger"), directory);
    listing list = {.count = 0};
    assert_error(sftp->list(c.session, NULL, collect, &list), ERROR_DENIED, "was refused");
    sshd_stop(&fresh); /* it is not even asked */
    assert_error(sftp->list(c.session, NULL, collect, &list), ERROR_DENIED, "not tried again");
    assert_error(sftp->probe(c.session), ERROR_UNREACHABLE, NULL); /* unless a person asks */
    client_close(&c);
}

static void what_the_server_would_take_is_told(void **state UNUSED) {
    char *directory = make_directory();
    client c = client_with(connection_settings(server.port, directory, "\"password\": \"secret\""),
        json_pack("{s:s}", "password", "secret"), directory);
    error *err = sftp->probe(c.session);
    assert_error(err, ERROR_DENIED, "refused");
    client_close(&c);
    sshd key_only = sshd_start(keys, "host_ed25519", "PasswordAuthentication no\nKbdInteractiveAuthentication no");
    directory = make_directory();
    c = client_with(connection_settings(key_only.port, directory, "\"password\": \"secret\""),
        json_pack("{s:s}", "password", "secret"), directory);
    assert_error(sftp->probe(c.session), ERROR_DENIED, "takes publickey for the user");
    client_close(&c);
    sshd_stop(&key_only);
}

/* A user of the system for the time of one test, with a password. */
static char *add_user(void) {
    char *name = xasprintf("banyan-test-%d", (int)getpid());
    char *command = xasprintf("echo '%s:open sesame' | chpasswd 2>/dev/null", name);
    const char *const arguments[] = {"useradd", "--no-create-home", "--shell", "/bin/sh", name, NULL};
    bool made = geteuid() == 0 && run_program(arguments) == 0 && system(command) == 0;
    free(command);
    if (made) return name;
    free(name);
    return NULL;
}

static void expect_login(const char *user, uint16_t port, const char *password, const char *key, const char *words) {
    char *directory = make_directory(), *members = xasprintf("\"user\": \"%s\", \"password\": \"x\"", user);
    json_t *secrets = key ? key_secret(key) : json_object();
    chmod(directory, 0777);
    json_put_text(secrets, "password", password);
    client c = client_with(connection_settings(port, directory, members), secrets, directory);
    if (words)
        assert_error(sftp->probe(c.session), ERROR_DENIED, words);
    else
        assert_ok(sftp->probe(c.session));
    free(members);
    client_close(&c);
}

static void passwords_log_in_in_every_way_that_servers_ask_for_them(void **state UNUSED) {
    char *user = add_user();
    if (!user) {
        print_message("no user can be added here: passwords are not tested\n");
        skip();
    }
    expect_login(user, server.port, "open sesame", NULL, NULL);
    expect_login(user, server.port, "wrong", NULL, "the password was refused");
    expect_login(user, server.port, "open sesame", "stranger", NULL);
    sshd both = sshd_start(keys, "host_ed25519", "AuthenticationMethods publickey,password");
    expect_login(user, both.port, "open sesame", "user_ed25519", NULL);
    expect_login(user, both.port, "wrong", "user_ed25519", "refused");
    sshd_stop(&both);
    sshd asking = sshd_start(keys, "host_ed25519",
        "UsePAM yes\nPasswordAuthentication no\nKbdInteractiveAuthentication yes\nPubkeyAuthentication no");
    expect_login(user, asking.port, "open sesame", NULL, NULL);
    expect_login(user, asking.port, "wrong", NULL, "the password was refused");
    sshd_stop(&asking);
    const char *const arguments[] = {"userdel", user, NULL};
    assert_int_equal(run_program(arguments), 0);
    free(user);
}

static void what_cannot_be_reached_is_told_in_words(void **state UNUSED) {
    client c = client_open(free_port(), "");
    error *err = sftp->probe(c.session);
    assert_true(err && error_is_temporary(err));
    assert_error(err, ERROR_UNREACHABLE, "Connection refused");
    client_close(&c);
    c = client_open(22, "\"host\": \"no-such-host.invalid\", \"timeout\": \"1s\"");
    assert_error(sftp->probe(c.session), ERROR_UNREACHABLE, "the name no-such-host.invalid has no address");
    client_close(&c);
}

/* The pids of the server's children that serve a connection. */
static void kill_children(pid_t parent) {
    char *command = xasprintf("ps -o pid= --ppid %d", (int)parent), line[64];
    FILE *output = popen(command, "re");
    while (fgets(line, sizeof line, output))
        kill((pid_t)atol(line), SIGKILL);
    pclose(output);
    free(command);
}

static void a_session_is_reused_and_made_anew_when_it_died(void **state UNUSED) {
    sshd fresh = sshd_start(keys, "host_ed25519", "");
    client c = client_open(fresh.port, "");
    put_text(sftp, c.session, "a", "text");
    put_text(sftp, c.session, "b", "text");
    assert_listed(sftp, c.session, NULL, "a b");
    buf log = BUF_MAX(1 << 20);
    assert_ok(io_read_file(fresh.log, &log));
    const char *first = strstr(buf_text(&log), "Accepted publickey");
    assert_non_null(first);
    assert_null(strstr(first + 1, "Accepted publickey")); /* one login for all */
    buf_free(&log);
    kill_children(fresh.pid);
    listing list = {.count = 0};
    error *err = sftp->list(c.session, NULL, collect, &list);
    if (err) assert_error(err, ERROR_UNREACHABLE, NULL);
    listing_free(&list);
    assert_listed(sftp, c.session, NULL, "a b");
    client_close(&c);
    sshd_stop(&fresh);
}

typedef struct killer {
    const sshd *server;
    bool done;
    buf content;
} killer;

static error *kill_server_child(void *context, span bytes) {
    killer *k = context;
    if (!k->done) kill_children(k->server->pid);
    k->done = true;
    buf_add(&k->content, bytes);
    return NULL;
}

/* SF-05: the server's process dies in the middle of a transfer. */
static void a_server_killed_in_mid_transfer_gives_no_half_file(void **state UNUSED) {
    sshd fresh = sshd_start(keys, "host_ed25519", "");
    client c = client_open(fresh.port, "");
    numbers sent = {.size = 20 * 1024 * 1024};
    adapter_source source = {.read = read_numbers, .rewind = rewind_numbers, .context = &sent, .size = sent.size};
    assert_ok(sftp->stage(c.session, "large", "id", &source));
    assert_ok(sftp->publish(c.session, "large", "id", ADAPTER_EXISTS_FAIL, false));
    killer k = {.server = &fresh, .content = BUF_MAX(64 << 20)};
    adapter_sink sink = {.write = kill_server_child, .context = &k};
    adapter_entry got;
    error *err = sftp->get(c.session, "large", &sink, &got);
    assert_true(err && error_is_temporary(err));
    assert_error(err, ERROR_UNREACHABLE, NULL);
    assert_ok(try_get(sftp, c.session, "large", &got));
    assert_int_equal(got.size, sent.size);
    buf_free(&k.content);
    client_close(&c);
    sshd_stop(&fresh);
}

/* One round: pick up `a`, deliver `b`; each step repeated as the engine would, and all errors those of a lost
 * connection. Returns whether anything failed on the way. */
static bool one_round(client *c, relay_plan *plan) {
    adapter_entry got = {.name = NULL};
    bool failed = false, again = false;
    enum { GET, DONE, STAGE, PUBLISH, END } step = GET;
    while (step != END) {
        error *err = step == GET     ? try_get(sftp, c->session, "a", &got)
                     : step == DONE  ? sftp->done(c->session, &got)
                     : step == STAGE ? stage_text(sftp, c->session, "b", "id", "delivered")
                                     : sftp->publish(c->session, "b", "id", ADAPTER_EXISTS_FAIL, again);
        if (!err) {
            step++;
            continue;
        }
        again = again || step == PUBLISH;
        failed = true;
        if (error_code_of(err) != ERROR_UNREACHABLE) assert_ok(err);
        error_free(err);
        atomic_store(&plan->cut_after, -1); /* the next connection holds */
    }
    return failed;
}

/* SF-05, SF-07: the connection is cut after each of many numbers of bytes; one pick-up and one delivery all the same.
 */
static void a_connection_cut_anywhere_delivers_once(void **state UNUSED) {
    relay r = relay_start(server.port);
    client c = client_open(r.port, "");
    long whole = 0, rounds = 0, cuts = 0;
    for (long cut = -1; cut < whole; cut += cut < 0 ? 1 : whole / 60 + 1) {
        write_file(in(c.directory, "a"), "picked up");
        sftp->close(c.session); /* a new session each round, so that the cut hits every part of it */
        adapter_open_options options = {
            .settings = c.settings, .secrets = c.secrets, .connection = "test", .timeout_ms = 60000};
        assert_ok(sftp->open(&options, &c.session));
        atomic_store(&r.plan->cut_after, cut);
        cuts += one_round(&c, r.plan);
        rounds++;
        if (cut < 0) whole = atomic_load(&r.plan->passed);
        assert_false(exists(in(c.directory, "a")));
        assert_file(in(c.directory, "b"), "delivered");
        unlink(in(c.directory, "b"));
        assert_int_equal(count_visible(c.directory), 0);
    }
    print_message("%ld rounds, %ld cut, %ld bytes each\n", rounds, cuts, whole);
    assert_true(cuts > 50);
    client_close(&c);
    relay_stop(&r);
}

/* SF-08: a byte turned on the way is noticed by the checksum, never delivered. */
static void a_byte_turned_on_the_way_never_arrives(void **state UNUSED) {
    relay r = relay_start(server.port);
    client c = client_open(r.port, "\"timeout\": \"300ms\"");
    write_file(in(c.directory, "a"), "the text as it was written");
    for (long turn = 0; turn < 6000; turn += 311) {
        buf content = BUF_MAX(4096);
        adapter_sink sink = buf_sink(&content);
        adapter_entry got;
        adapter_session *session;
        adapter_open_options options = {
            .settings = c.settings, .secrets = c.secrets, .connection = "test", .timeout_ms = 1000};
        assert_ok(sftp->open(&options, &session));
        atomic_store(&r.plan->turn_after, turn);
        int64_t start = clock_monotonic_ms();
        error *err = sftp->get(session, "a", &sink, &got);
        if (!err) assert_string_equal(buf_text(&content), "the text as it was written");
        assert_true(clock_monotonic_ms() - start < 20000);
        error_free(err);
        sftp->close(session);
        buf_free(&content);
    }
    client_close(&c);
    relay_stop(&r);
}

static void settings_that_cannot_work_are_told_with_their_place(void **state UNUSED) {
    static const struct {
        const char *settings, *where;
    } cases[] = {
        {"\"host_key\": \"SHA256:short\", \"key\": \"k\"", "/c/host_key"},
        {"\"host_key\": \"trust me\", \"key\": \"k\"", "/c/host_key"},
        {"\"host_key\": \"\", \"key\": \"k\"", "/c/host_key"},
        {"\"host_key\": \"ssh-ed25519 AAAA!\", \"key\": \"k\"", "/c/host_key"},
        {"\"key\": \"k\"", "/c"},
        {"\"host_key\": \"OK\"", "/c"},
        {"\"host_key\": \"OK\", \"key\": \"k\", \"archive\": \"../x\"", "/c/archive"},
        {"\"host_key\": \"OK\", \"key\": \"k\", \"weak_until\": \"soon\"", "/c/weak_until"},
        {"\"host_key\": \"OK\", \"key\": \"k\", \"port\": 70000", "/c/port"},
        {"\"host_key\": \"OK\", \"key\": \"k\", \"claim\": \"maybe\"", "/c/claim"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *settings;
        fault_list faults = {.count = 0};
        char *text = xasprintf("{\"host\": \"h\", \"user\": \"u\", %s}", cases[i].settings);
        assert_ok(json_parse(span_of(text), &settings));
        if (strcmp(json_get_text(settings, "host_key", ""), "OK") == 0)
            json_put_text(settings, "host_key", "SHA256:uNiVztksCsDhcc0u9e8BrrJXVGDPxdrBkDKeNZVnUYQ");
        settings_check(sftp->settings, settings, "/c", &faults);
        sftp->check(settings, "/c", &faults);
        assert_true(faults.count >= 1);
        assert_string_equal(error_where(faults.faults[0]), cases[i].where);
        fault_list_free(&faults);
        json_decref(settings);
        free(text);
    }
    assert_ptr_equal(adapter_find("sftp"), sftp);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_listed_read_and_removed),
        cmocka_unit_test(patterns_temporary_names_and_kinds_choose_what_is_listed),
        cmocka_unit_test(a_new_file_is_told_of_when_it_kept_its_size_and_time),
        cmocka_unit_test(a_file_that_grows_all_the_while_is_not_listed),
        cmocka_unit_test(a_file_that_changes_while_it_is_read_is_a_conflict),
        cmocka_unit_test(done_again_removes_no_newer_file),
        cmocka_unit_test(picked_up_files_go_to_the_archive_and_keep_their_earlier_namesakes),
        cmocka_unit_test(a_claim_hides_the_file_and_survives_a_crash),
        cmocka_unit_test(a_delivery_is_staged_then_published),
        cmocka_unit_test(a_name_that_exists_is_a_conflict_unless_replacing_is_wished),
        cmocka_unit_test(a_rename_that_left_both_names_is_published_already),
        cmocka_unit_test(a_crash_between_the_steps_delivers_once),
        cmocka_unit_test(a_server_that_only_reads_denies_in_words),
        cmocka_unit_test(a_full_server_is_told_and_leaves_nothing),
        cmocka_unit_test(a_directory_that_is_not_there_is_told_and_heals),
        cmocka_unit_test(resources_are_read_and_removed_but_never_outside_the_directory),
        cmocka_unit_test(files_of_every_size_arrive_as_they_were_sent),
        cmocka_unit_test(ten_thousand_small_files_are_listed_and_pass_one_by_one),
        cmocka_unit_test(a_changed_host_key_is_refused_before_any_login),
        cmocka_unit_test(any_key_of_the_server_may_be_the_accepted_one),
        cmocka_unit_test(a_server_with_only_an_rsa_key_is_told_with_the_way_out),
        cmocka_unit_test(weak_algorithms_are_taken_up_to_their_date_only),
        cmocka_unit_test(keys_of_every_form_log_in),
        cmocka_unit_test(an_ed25519_key_in_pkcs8_logs_in),
        cmocka_unit_test(a_refused_login_is_not_tried_again_at_once),
        cmocka_unit_test(what_the_server_would_take_is_told),
        cmocka_unit_test(passwords_log_in_in_every_way_that_servers_ask_for_them),
        cmocka_unit_test(what_cannot_be_reached_is_told_in_words),
        cmocka_unit_test(a_session_is_reused_and_made_anew_when_it_died),
        cmocka_unit_test(a_server_killed_in_mid_transfer_gives_no_half_file),
        cmocka_unit_test(a_connection_cut_anywhere_delivers_once),
        cmocka_unit_test(a_byte_turned_on_the_way_never_arrives),
        cmocka_unit_test(settings_that_cannot_work_are_told_with_their_place),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
