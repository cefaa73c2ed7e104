/* tests/unit/test_store_fault.c: the file fails: the N-th read, write or sync of SQLite, N = 1, 2, ... until nothing
 * fails any more (DB-01, DB-02), and a file system that is really full.
 *
 * Each run is a child of its own: it may be stopped by the store. It writes down which numbers were answered and which
 * were refused; then the parent opens the same directory without faults and compares.
 */
#include "tests/unit/store_help.h"

#include "core/base/log.h"

#include <sched.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/wait.h>

enum { NUMBERS = 6, EXIT_OPEN_FAILED = 7 };

/* ---- a file system that fails -------------------------------------------------------------------------------------
 */

typedef enum fault_kind { FAULT_NONE, FAULT_READ, FAULT_WRITE, FAULT_SYNC } fault_kind;

static fault_kind fault;
static int fault_code;
static bool fault_stays; /* from then on every call of the kind fails */
static atomic_int calls_ahead;
static atomic_bool fault_happened;

static bool fails_now(fault_kind kind) {
    if (kind != fault) return false;
    int ahead = atomic_fetch_sub(&calls_ahead, 1);
    if (ahead != 1 && !(fault_stays && ahead < 1)) return false;
    atomic_store(&fault_happened, true);
    return true;
}

typedef struct shim_file {
    sqlite3_file base;
    sqlite3_file *real; /* behind this struct */
} shim_file;

static sqlite3_vfs *real_vfs;

static sqlite3_file *real_of(sqlite3_file *file) {
    return ((shim_file *)(void *)file)->real;
}

static int shim_close(sqlite3_file *file) {
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int shim_read(sqlite3_file *file, void *into, int size, sqlite3_int64 at) {
    if (fails_now(FAULT_READ)) return fault_code;
    return real_of(file)->pMethods->xRead(real_of(file), into, size, at);
}

static int shim_write(sqlite3_file *file, const void *from, int size, sqlite3_int64 at) {
    if (fails_now(FAULT_WRITE)) {
        real_of(file)->pMethods->xWrite(real_of(file), from, size / 2, at); /* a torn one */
        return fault_code;
    }
    return real_of(file)->pMethods->xWrite(real_of(file), from, size, at);
}

static int shim_truncate(sqlite3_file *file, sqlite3_int64 size) {
    return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int shim_sync(sqlite3_file *file, int flags) {
    if (fails_now(FAULT_SYNC)) return fault_code;
    return real_of(file)->pMethods->xSync(real_of(file), flags);
}

static int shim_size(sqlite3_file *file, sqlite3_int64 *size) {
    return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int shim_lock(sqlite3_file *file, int level) {
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int shim_unlock(sqlite3_file *file, int level) {
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int shim_reserved(sqlite3_file *file, int *held) {
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), held);
}

static int shim_control(sqlite3_file *file, int operation, void *argument) {
    return real_of(file)->pMethods->xFileControl(real_of(file), operation, argument);
}

static int shim_sector(sqlite3_file *file) {
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int shim_device(sqlite3_file *file) {
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int shim_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out) {
    return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, out);
}

static int shim_shm_lock(sqlite3_file *file, int offset, int count, int flags) {
    return real_of(file)->pMethods->xShmLock(real_of(file), offset, count, flags);
}

static void shim_shm_barrier(sqlite3_file *file) {
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int shim_shm_unmap(sqlite3_file *file, int delete_it) {
    return real_of(file)->pMethods->xShmUnmap(real_of(file), delete_it);
}

static const sqlite3_io_methods shim_methods = {
    .iVersion = 2,
    .xClose = shim_close,
    .xRead = shim_read,
    .xWrite = shim_write,
    .xTruncate = shim_truncate,
    .xSync = shim_sync,
    .xFileSize = shim_size,
    .xLock = shim_lock,
    .xUnlock = shim_unlock,
    .xCheckReservedLock = shim_reserved,
    .xFileControl = shim_control,
    .xSectorSize = shim_sector,
    .xDeviceCharacteristics = shim_device,
    .xShmMap = shim_shm_map,
    .xShmLock = shim_shm_lock,
    .xShmBarrier = shim_shm_barrier,
    .xShmUnmap = shim_shm_unmap,
};

static int shim_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *flags_out) {
    shim_file *shim = (shim_file *)(void *)file;
    (void)vfs;
    shim->real = (sqlite3_file *)(void *)(shim + 1);
    int result = real_vfs->xOpen(real_vfs, name, shim->real, flags, flags_out);
    shim->base.pMethods = shim->real->pMethods ? &shim_methods : NULL;
    return result;
}

static void install_shim(void) {
    static sqlite3_vfs shim;
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* as the store would */
    real_vfs = sqlite3_vfs_find(NULL);
    shim = *real_vfs;
    shim.pNext = NULL;
    shim.zName = "shim";
    shim.szOsFile = real_vfs->szOsFile + (int)sizeof(shim_file);
    shim.xOpen = shim_open;
    if (sqlite3_vfs_register(&shim, 1) != SQLITE_OK) abort();
}

/* ---- the child ----------------------------------------------------------------------------------------------------
 */

typedef enum outcome { SILENT, ANSWERED, REFUSED } outcome;

typedef struct note {
    int number;
    outcome is;
} note;

static error *add_numbered(store *s, int number) {
    char text[16];
    store_message message = a_message();
    payload p;
    error *err = payload_of(s, SPAN("a payload"), &p);
    if (err) return err;
    snprintf(text, sizeof text, "%d", number);
    message.filename = text;
    store_change *change = store_change_new();
    store_add_message(change, &message, &p);
    store_add_event(change, message.id, "received", text, NULL);
    store_claim_key(change, "numbers", text, message.id);
    return store_commit(s, change, NULL);
}

static void add_numbers(const char *directory, int pipe_fd) {
    store *s = NULL;
    store_options options = options_for(directory);
    log_setup("child", LOG_ERROR + 1, false);
    install_shim();
    error *err = store_open(&options, &s);
    if (err) _exit(EXIT_OPEN_FAILED);
    for (int i = 0; i < NUMBERS; i++) {
        err = add_numbered(s, i);
        note n = {i, err ? REFUSED : ANSWERED};
        if (err && error_code_of(err) != ERROR_FULL) _exit(8);
        error_free(err);
        if (write(pipe_fd, &n, sizeof n) != (ssize_t)sizeof n) _exit(9);
    }
    store_close(s);
    _exit(atomic_load(&fault_happened) ? 1 : 0);
}

/* The child's exit status; what it wrote down in `outcomes`. */
static int run_child(const char *directory, outcome outcomes[NUMBERS]) {
    int ends[2], status = 0;
    note n;
    assert_int_equal(pipe(ends), 0);
    memset(outcomes, 0, NUMBERS * sizeof *outcomes);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        add_numbers(directory, ends[1]);
    }
    close(ends[1]);
    while (read(ends[0], &n, sizeof n) == (ssize_t)sizeof n)
        outcomes[n.number] = n.is;
    close(ends[0]);
    assert_true(waitpid(child, &status, 0) == child);
    if (!WIFEXITED(status)) fail_msg("the child died of signal %d", WTERMSIG(status));
    return WEXITSTATUS(status);
}

/* ---- the parent ---------------------------------------------------------------------------------------------------
 */

static void compare(const char *directory, const outcome outcomes[NUMBERS], int nth) {
    store *s = NULL;
    json_t *page = NULL, *item;
    size_t at;
    bool present[NUMBERS] = {false};
    store_options options = options_for(directory);
    must(store_open(&options, &s));
    must(store_find_messages(s, &(message_filter){.limit = 1000}, &page));
    json_array_foreach(json_get_array(page, "items"), at, item) {
        int number = atoi(json_get_text(item, "filename", "-1"));
        assert_true(number >= 0 && number < NUMBERS);
        payload_view view;
        must(store_payload_open(s, json_get_text(item, "id", ""), &view));
        payload_view_close(&view);
        present[number] = true;
    }
    json_decref(page);
    store_close(s);
    for (int i = 0; i < NUMBERS; i++) {
        if (outcomes[i] == ANSWERED && !present[i]) fail_msg("fault %d: %d was answered and is lost", nth, i);
        if (outcomes[i] == REFUSED && present[i]) fail_msg("fault %d: %d was refused and is there", nth, i);
    }
}

typedef struct fault_case {
    const char *name;
    fault_kind kind;
    int code;
    bool stays;
    int stride;    /* between the calls that fail, one a run */
    bool survives; /* the process goes on; else it stops, or did not even open */
} fault_case;

static void sweep_faults(const fault_case *c) {
    int nth = 1, stopped = 0, went_on = 0;
    for (;; nth += c->stride) {
        outcome outcomes[NUMBERS];
        char *directory = make_directory_in_memory();
        fault = c->kind;
        fault_code = c->code;
        fault_stays = c->stays;
        atomic_store(&calls_ahead, nth);
        int status = run_child(directory, outcomes);
        if (status != 0 && status != 1 && status != EXIT_FATAL && status != EXIT_OPEN_FAILED)
            fail_msg("%s, call %d: the child ended with %d", c->name, nth, status);
        if (c->survives && status == EXIT_FATAL) fail_msg("%s, call %d: the store stopped", c->name, nth);
        stopped += status == EXIT_FATAL;
        went_on += status == 1;
        compare(directory, outcomes, nth);
        remove_directory(directory);
        if (status == 0) break;
        assert_true(nth < 2000);
    }
    print_message(
        "%s: call 1 to %d, each %d.: %d stopped, %d went on\n", c->name, nth - 1, c->stride, stopped, went_on);
    assert_true(c->survives ? went_on > 0 : stopped > 0);
}

/* DB-02 */
static void a_failed_sync_stops_the_store_and_nothing_answered_is_lost(void **state) {
    (void)state;
    sweep_faults(&(fault_case){"sync", FAULT_SYNC, SQLITE_IOERR_FSYNC, false, 1, false});
}

/* DB-02 */
static void a_failed_write_stops_the_store_and_nothing_answered_is_lost(void **state) {
    (void)state;
    sweep_faults(&(fault_case){"write", FAULT_WRITE, SQLITE_IOERR_WRITE, false, 1, false});
}

/* DB-02: many reads are SQLite's to survive; what is answered must be true in any case. */
static void a_failed_read_loses_nothing_that_was_answered(void **state) {
    (void)state;
    sweep_faults(&(fault_case){"read", FAULT_READ, SQLITE_IOERR_READ, false, 1, false});
}

/* DB-01 */
static void a_write_that_finds_no_space_refuses_and_the_store_goes_on(void **state) {
    (void)state;
    sweep_faults(&(fault_case){"full once", FAULT_WRITE, SQLITE_FULL, false, 2, true});
}

/* DB-01 */
static void a_disk_that_stays_full_refuses_and_the_store_goes_on(void **state) {
    (void)state;
    sweep_faults(&(fault_case){"full for good", FAULT_WRITE, SQLITE_FULL, true, 3, true});
}

/* ---- a file system that is full -----------------------------------------------------------------------------------
 */

static void fill(const char *path) {
    char block[65536] = {1};
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) _exit(20);
    for (size_t size = sizeof block; size > 0; size /= 2)
        while (write(fd, block, size) > 0)
            continue;
    close(fd);
}

#define must_hold(condition, status)                                                                                   \
    do {                                                                                                               \
        if (!(condition)) _exit(status);                                                                               \
    } while (0)

static bool is_full(error *take) {
    bool full = take && error_code_of(take) == ERROR_FULL;
    error_free(take);
    return full;
}

/* In a mount namespace of its own: exits 0 when all holds, 77 when this machine does not allow it. */
static void live_on_a_full_disk(const char *directory) {
    static char big[200000];
    store *s = NULL;
    json_t *stats = NULL;
    payload p;
    char *filler = xasprintf("%s/filler", directory);
    log_setup("child", LOG_ERROR + 1, false);
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", directory, "tmpfs", 0, "size=16m") < 0)
        _exit(77);
    store_options options = options_for(directory);
    must_hold(!store_open(&options, &s), 11);
    must_hold(!add_numbered(s, 0), 12);
    must_hold(!store_admit(s, 1000), 13);
    fill(filler);
    int refused = -1;
    for (int i = 1; i < 2000 && refused < 0; i++) {
        error *err = add_numbered(s, i);
        if (err) refused = is_full(err) ? i : -2;
    }
    must_hold(refused > 0, 14);
    must_hold(!store_stats(s, &stats), 15); /* reads go on */
    json_decref(stats);
    must_hold(is_full(store_admit(s, 1000)), 20); /* what the reserve gave up is not for payloads */
    fill(filler);                                 /* the reserve's space too */
    must_hold(is_full(payload_of(s, span_make(big, sizeof big), &p)), 16);
    must_hold(is_full(store_admit(s, 1000)), 17);
    unlink(filler);
    must_hold(!store_admit(s, 1000), 18); /* without a restart */
    must_hold(!add_numbered(s, refused), 19);
    store_close(s);
    s = NULL;
    must_hold(!store_open(&options, &s), 21);
    must_hold(!add_numbered(s, 5000), 22);
    store_close(s);
    free(filler);
    _exit(0);
}

/* DB-01 */
static void a_full_file_system_refuses_new_work_and_is_forgiven_without_a_restart(void **state) {
    (void)state;
    int status = 0;
    char *directory = make_directory();
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) live_on_a_full_disk(directory);
    assert_true(waitpid(child, &status, 0) == child);
    remove_directory(directory);
    if (!WIFEXITED(status)) fail_msg("the child died of signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) == 77) {
        print_message("a file system of its own needs root: not tested here\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void) {
    log_setup("test", LOG_ERROR, false);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_sync_stops_the_store_and_nothing_answered_is_lost),
        cmocka_unit_test(a_failed_write_stops_the_store_and_nothing_answered_is_lost),
        cmocka_unit_test(a_failed_read_loses_nothing_that_was_answered),
        cmocka_unit_test(a_write_that_finds_no_space_refuses_and_the_store_goes_on),
        cmocka_unit_test(a_disk_that_stays_full_refuses_and_the_store_goes_on),
        cmocka_unit_test(a_full_file_system_refuses_new_work_and_is_forgiven_without_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
