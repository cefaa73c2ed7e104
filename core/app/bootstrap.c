/* core/app/bootstrap.c: see bootstrap.h. */
#include "core/app/bootstrap.h"

#include "core/base/id.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/crypto/token.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { KEY_BYTES_MAX = 4096, PASSWORD_LENGTH = 20 };

static const char first_user[] = "admin", local_key[] = "local-admin", starter[] = "first start";

struct bootstrap {
    accounts *accounts;
    pthread_t thread;
    char password[TOKEN_ROOM];
    bool given;
};

static error *check_private(const char *path) {
    struct stat about;
    if (stat(path, &about) < 0) return error_from_errno(errno, "cannot look at %s", path);
    if ((about.st_mode & 077) == 0) return NULL;
    return error_new(ERROR_DENIED, "%s may be read by others than its owner; run chmod 600 on it", path);
}

error *bootstrap_master_key(const char *directory, bool needed, unsigned char key[CONFIG_KEY_SIZE]) {
    buf content = BUF_MAX(KEY_BYTES_MAX);
    char *path = xasprintf("%s/master.key", directory);
    error *err = NULL;
    bool missing = access(path, F_OK) < 0;
    if (missing && needed) {
        err = error_new(ERROR_NOT_FOUND,
            "%s is missing, and secrets in this data are sealed by it: put the one of the appliance that made the data "
            "(or its backup) there",
            path);
    } else if (missing) {
        id_random(key, CONFIG_KEY_SIZE);
        err = io_write_file(path, span_make((const char *)key, CONFIG_KEY_SIZE));
    } else {
        err = check_private(path);
        if (!err) err = io_read_file(path, &content);
        if (!err && content.len != CONFIG_KEY_SIZE)
            err = error_new(
                ERROR_CORRUPT, "%s does not hold a key of %d bytes; restore it from a backup", path, CONFIG_KEY_SIZE);
        if (!err) memcpy(key, content.data, CONFIG_KEY_SIZE);
        if (content.data) explicit_bzero(content.data, content.len);
    }
    buf_free(&content);
    free(path);
    return err;
}

/* The file is the only copy of the key: when it is gone, the old key is worth nothing and a new one takes its place. */
error *bootstrap_local_key(accounts *a, const char *directory) {
    char key[TOKEN_ROOM];
    error *err = NULL;
    char *path = xasprintf("%s/admin.key", directory);
    if (access(path, F_OK) < 0) {
        error_free(accounts_revoke_key(a, local_key, REVISION_ANY, starter));
        const key_wish wish = {.role = ROLE_ADMIN, .owner = starter};
        err = accounts_add_key(a, local_key, &wish, starter, key, sizeof key);
        if (!err) err = io_write_file(path, span_of(key));
        explicit_bzero(key, sizeof key);
    }
    free(path);
    return err;
}

static void *make_user(void *context) {
    bootstrap *b = context;
    const char *given = getenv("BANYAN_ADMIN_PASSWORD");
    const char *password = b->given ? given : b->password;
    error *err = accounts_put_user(b->accounts, first_user, password, ROLE_ADMIN, REVISION_ANY, starter);
    if (err)
        log_failure(LOG_ERROR, "the first administrator was not made; nobody can sign in until a restart", err);
    else if (b->given)
        printf("  sign in as \"%s\" with the password of BANYAN_ADMIN_PASSWORD\n", first_user);
    else
        printf("  sign in as \"%s\" with the password \"%s\" (shown only now)\n", first_user, b->password);
    fflush(stdout);
    explicit_bzero(b->password, sizeof b->password);
    accounts_expect_user(b->accounts, false);
    return NULL;
}

error *bootstrap_begin(accounts *a, bootstrap **out) {
    const char *given = getenv("BANYAN_ADMIN_PASSWORD");
    if (accounts_user_count(a) > 0) return NULL;
    bootstrap *b = xcalloc(1, sizeof *b);
    b->accounts = a;
    b->given = given && *given;
    token_new("", b->password);
    b->password[PASSWORD_LENGTH] = '\0';
    error *err = b->given ? accounts_check_password(given) : NULL;
    if (err) {
        free(b);
        return error_at(err, "BANYAN_ADMIN_PASSWORD");
    }
    accounts_expect_user(a, true);
    int failed = pthread_create(&b->thread, NULL, make_user, b);
    if (!failed) {
        *out = b;
        return NULL;
    }
    accounts_expect_user(a, false);
    free(b);
    return error_from_errno(failed, "cannot start a thread");
}

void bootstrap_end(bootstrap *b) {
    if (!b) return;
    pthread_join(b->thread, NULL);
    free(b);
}
