/* tests/bench/bench_edi_memory.c: how much memory `banyan edi` takes for large files, from a pipe and as a file: the
 * peak of the resident set and megabytes a second on the wall clock.
 *
 * Usage: bench_edi_memory [MEGABYTES] (64; the figure is for 1024), or bench_edi_memory make SHAPE MEGABYTES to write a
 * file to standard output. PROGRAM is the program (build/banyan).
 */
#include "core/base/clock.h"
#include "core/base/memory.h"
#include "tests/bench/edi_files.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/var/tmp/banyan-bench-XXXXXX";
static char *program;

static pid_t start(char *const argv[], int in, int out) {
    pid_t child = fork();
    if (child != 0) return child;
    dup2(in, 0);
    dup2(out, 1);
    execv(argv[0], argv);
    _exit(127);
}

/* Runs one command on the file, named or through a pipe; what it prints goes to `out`. */
static void measure(const char *word, const char *option, const char *file, int out, bool pipe_it, size_t size) {
    char *const argv[] = {
        program, (char *)"edi", (char *)word, pipe_it ? (char *)"-" : (char *)file, (char *)option, NULL};
    char *const cat[] = {(char *)"/bin/cat", (char *)file, NULL};
    int ends[2] = {-1, -1}, status;
    struct rusage usage;
    pid_t feeder = 0;
    if (pipe2(ends, O_CLOEXEC) != 0) exit(3);
    int64_t began = clock_monotonic_ms();
    pid_t child = start(argv, ends[0], out);
    if (pipe_it) feeder = start(cat, 0, ends[1]);
    close(ends[0]), close(ends[1]);
    wait4(child, &status, 0, &usage);
    double seconds = (double)(clock_monotonic_ms() - began) / 1e3;
    if (feeder) waitpid(feeder, NULL, 0);
    printf("  %-8s %-5s %7.1f MB peak %8.0f MB/s%s\n", word, pipe_it ? "pipe" : "file",
        (double)usage.ru_maxrss / 1024.0, (double)size / 1e6 / seconds,
        WIFEXITED(status) && WEXITSTATUS(status) == 0 ? "" : "  FAILED");
    fflush(stdout);
}

static int open_write(const char *path) {
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) exit(3);
    return fd;
}

int main(int argc, char **argv) {
    buf out = BUF_MAX((size_t)64 << 20);
    if (argc == 4 && strcmp(argv[1], "make") == 0) {
        for (size_t i = 0; i < FILE_SHAPES; i++) {
            if (strcmp(file_shapes[i].word, argv[2]) != 0) continue;
            file_shapes[i].make(&out, (size_t)atol(argv[3]) << 20, file_shapes[i].longer, STDOUT_FILENO);
            return 0;
        }
        return 2;
    }
    size_t size = (argc > 1 ? (size_t)atol(argv[1]) : 64) << 20;
    const char *given = getenv("PROGRAM");
    program = xasprintf("%s", given ? given : "build/banyan");
    if (!mkdtemp(folder)) return 3;
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (size_t i = 0; i < FILE_SHAPES; i += 2) {
        char *edi = xasprintf("%s/%s.edi", folder, file_shapes[i].word);
        char *json = xasprintf("%s/%s.json", folder, file_shapes[i].word);
        int file = open_write(edi);
        file_shapes[i].make(&out, size, false, file);
        printf("%s, %zu MiB\n", file_shapes[i].name, size >> 20);
        for (int piped = 0; piped < 2; piped++) {
            measure("check", NULL, edi, nowhere, piped, size);
            measure("explain", NULL, edi, nowhere, piped, size);
            measure("ack", NULL, edi, nowhere, piped, size);
            int target = piped ? nowhere : open_write(json);
            measure("json", "--compact", edi, target, piped, size);
            if (!piped) close(target);
            measure("text", NULL, json, nowhere, piped, size);
        }
        close(file);
        unlink(edi), unlink(json);
        free(edi), free(json);
    }
    rmdir(folder);
    buf_free(&out);
    free(program);
    return 0;
}
