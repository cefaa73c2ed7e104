/* tests/bench/bench_start.c: how soon the appliance is there, what it holds while it idles, how large it is.
 *
 * Time: from exec to the first 200 of /readyz, with an empty data directory and with one that was used before.
 * Memory: the proportional set size of all its processes together. Usage: bench_start [DIRECTORY] [RUNS]
 */
#include "tests/bench/appliance.h"

enum { RUNS_MAX = 100, PROCESSES_MAX = 256 };

/* The processes below `pid`, itself first. */
static size_t family(pid_t pid, pid_t all[PROCESSES_MAX]) {
    size_t count = 1;
    all[0] = pid;
    for (size_t i = 0; i < count; i++) {
        char path[64];
        int child;
        snprintf(path, sizeof path, "/proc/%d/task/%d/children", all[i], all[i]);
        FILE *children = fopen(path, "re");
        while (children && count < PROCESSES_MAX && fscanf(children, "%d", &child) == 1)
            all[count++] = child;
        if (children) fclose(children);
    }
    return count;
}

static double proportional_mib(pid_t pid) {
    char path[64], line[256];
    long kib = 0;
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
    FILE *rollup = fopen(path, "re");
    while (rollup && fgets(line, sizeof line, rollup)) {
        if (sscanf(line, "Pss: %ld kB", &kib) == 1) break;
    }
    if (rollup) fclose(rollup);
    return (double)kib / 1024;
}

static void measure_memory(const appliance *a) {
    pid_t all[PROCESSES_MAX];
    double sum = 0;
    sleep(1); /* what the start itself needed is given back */
    size_t count = family(a->pid, all);
    for (size_t i = 0; i < count; i++)
        sum += proportional_mib(all[i]);
    printf("%-36s %8.1f MiB   target < 60 MiB (desk %.1f, %zu other processes)\n", "memory while idle, all processes",
        sum, proportional_mib(a->pid), count - 1);
}

static void measure_size(const char *parent) {
    struct stat about;
    char *directory = bench_directory(parent);
    char *command = xasprintf("strip -o %s/banyan %s", directory, bench_program());
    char *stripped = xasprintf("%s/banyan", directory);
    if (system(command) == 0 && stat(stripped, &about) == 0)
        printf("%-36s %8.2f MB    target < 5 MB\n", "program, stripped", (double)about.st_size / 1e6);
    bench_remove(directory);
    free(directory);
    free(command);
    free(stripped);
}

static void tell(const char *what, double *seconds, int runs) {
    double median = bench_median(seconds, (size_t)runs);
    printf("%-36s %8.0f ms    target < 150 ms (fastest %.0f, slowest %.0f, of %d)\n", what, median * 1000,
        seconds[0] * 1000, seconds[runs - 1] * 1000, runs);
}

int main(int argc, char **argv) {
    const char *parent = argc > 1 ? argv[1] : "/tmp";
    int runs = argc > 2 ? atoi(argv[2]) : 9;
    double first[RUNS_MAX], again[RUNS_MAX];
    if (runs < 1 || runs > RUNS_MAX) return 2;
    unsetenv("BANYAN_ADMIN_PASSWORD");
    for (int i = 0; i < runs; i++) {
        appliance a;
        appliance_new(&a, parent);
        first[i] = appliance_start(&a);
        appliance_end(&a);
        again[i] = appliance_start(&a);
        if (i == runs - 1) measure_memory(&a);
        appliance_end(&a);
        appliance_remove(&a);
    }
    tell("first start, exec to ready", first, runs);
    tell("later start, exec to ready", again, runs);
    measure_size(parent);
    return 0;
}
