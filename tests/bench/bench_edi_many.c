/* tests/bench/bench_edi_many.c: files a second that `banyan edi check` gets through when there are many small ones,
 * beside a process that only opens, reads and closes them.
 *
 * Usage: bench_edi_many [FILES] (10000). On the wall clock, and by processor time spread over two cores, which others
 * on the machine disturb little. PROGRAM is the program (build/banyan).
 */
#include "core/base/clock.h"
#include "core/base/memory.h"
#include "tests/bench/edi_files.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FILES_MAX = 20000, FIRST_ARGUMENT = 3, ROUNDS = 5, CORES = 2 };

static char folder[] = "/var/tmp/banyan-bench-XXXXXX";

static void make_files(char **paths, int count) {
    for (int i = 0; i < count; i++) {
        buf file = BUF_MAX(1 << 20);
        paths[i] = xasprintf("%s/%05d.edi", folder, i);
        make_x12(&file, 200, i % 2 != 0, -1); /* one document */
        int fd = open(paths[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0 || io_write_all(fd, buf_span(&file), "a file")) exit(3);
        close(fd);
        buf_free(&file);
    }
}

/* What the system alone costs. */
static void read_files(char *const *paths) {
    static char room[64 << 10];
    for (; *paths; paths++) {
        int fd = open(*paths, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || read(fd, room, sizeof room) < 0) _exit(3);
        close(fd);
    }
    _exit(0);
}

static double seconds_of(const struct rusage *usage) {
    return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
           (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e6;
}

/* The best of some rounds. */
static void measure(const char *name, char *const *arguments, int count, bool bare) {
    double wall = 1e9, processor = 1e9;
    for (int i = 0; i < ROUNDS; i++) {
        struct rusage usage;
        int status, nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
        int64_t began = clock_monotonic_ms();
        pid_t child = fork();
        if (child == 0) {
            if (bare) read_files(arguments + FIRST_ARGUMENT);
            dup2(nowhere, 1);
            execv(arguments[0], arguments);
            _exit(127);
        }
        wait4(child, &status, 0, &usage);
        close(nowhere);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) exit(3);
        double elapsed = (double)(clock_monotonic_ms() - began) / 1e3, used = seconds_of(&usage);
        wall = elapsed < wall ? elapsed : wall;
        processor = used < processor ? used : processor;
    }
    printf("  %-24s %8.0f files/s on the wall clock, %8.0f by processor time on %d cores\n", name, count / wall,
        count / processor * (bare ? 1 : CORES), bare ? 1 : CORES);
}

int main(int argc, char **argv) {
    static char *arguments[FIRST_ARGUMENT + FILES_MAX + 1] = {NULL, (char *)"edi", (char *)"check"};
    int count = argc > 1 ? atoi(argv[1]) : 10000;
    const char *given = getenv("PROGRAM");
    if (count < 1 || count > FILES_MAX || !mkdtemp(folder)) return 3;
    arguments[0] = xasprintf("%s", given ? given : "build/banyan");
    make_files(arguments + FIRST_ARGUMENT, count);
    printf("%d small files, X12 850\n", count);
    measure("opened and read only", arguments, count, true);
    measure("banyan edi check", arguments, count, false);
    for (int i = 0; i < count; i++) {
        unlink(arguments[FIRST_ARGUMENT + i]);
        free(arguments[FIRST_ARGUMENT + i]);
    }
    free(arguments[0]);
    rmdir(folder);
    return 0;
}
