/* core/worker/sandbox.c: see sandbox.h and README.md. Tables of system calls first, then the layers in the order in
 * which they are put on.
 */
#include "core/worker/sandbox.h"

#include "core/base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CALL(name) SCMP_SYS(name)

enum {
    END_OF_TABLE = -100000,           /* no system call; libseccomp's pseudo numbers are nearer to zero */
    TRANSLATOR_DESCRIPTORS_MAX = 192, /* eight pipelined requests of sixteen files, results, and some air */
    COURIER_DESCRIPTORS_MAX = 512,    /* sessions of libraries besides */
};

/* Neither can open, connect, start or look at anything. */
static const int both[] = {CALL(read), CALL(write), CALL(readv), CALL(writev), CALL(pread64), CALL(pwrite64),
    CALL(lseek), CALL(close), CALL(fstat), CALL(ftruncate), CALL(sendmsg), CALL(recvmsg), CALL(poll), CALL(ppoll),
    CALL(munmap), CALL(mremap), CALL(brk), CALL(madvise), CALL(memfd_create), CALL(futex), CALL(clock_gettime),
    CALL(clock_getres), CALL(gettimeofday), CALL(time), CALL(getrandom), CALL(getpid), CALL(gettid), CALL(exit),
    CALL(exit_group), CALL(rt_sigreturn), CALL(rt_sigprocmask), CALL(rt_sigaction), CALL(sigaltstack),
    CALL(restart_syscall), CALL(sched_yield), CALL(sysinfo), END_OF_TABLE};

static const int courier_only[] = {
    /* files */
    CALL(open), CALL(openat), CALL(openat2), CALL(creat), CALL(stat), CALL(lstat), CALL(newfstatat), CALL(statx),
    CALL(access), CALL(faccessat), CALL(faccessat2), CALL(readlink), CALL(readlinkat), CALL(getdents64), CALL(rename),
    CALL(renameat), CALL(renameat2), CALL(link), CALL(linkat), CALL(unlink), CALL(unlinkat), CALL(mkdir), CALL(mkdirat),
    CALL(rmdir), CALL(chmod), CALL(fchmod), CALL(fchmodat), CALL(chown), CALL(fchown), CALL(fchownat), CALL(utimensat),
    CALL(truncate), CALL(fallocate), CALL(fsync), CALL(fdatasync), CALL(sync_file_range), CALL(flock), CALL(statfs),
    CALL(fstatfs), CALL(copy_file_range), CALL(sendfile), CALL(fadvise64), CALL(getcwd), CALL(chdir), CALL(fchdir),
    CALL(umask), CALL(inotify_init1), CALL(inotify_add_watch), CALL(inotify_rm_watch), CALL(getxattr), CALL(fgetxattr),
    CALL(preadv), CALL(pwritev),
    /* the network */
    CALL(connect), CALL(bind), CALL(listen), CALL(accept4), CALL(getsockname), CALL(getpeername), CALL(setsockopt),
    CALL(getsockopt), CALL(sendto), CALL(recvfrom), CALL(sendmmsg), CALL(recvmmsg), CALL(shutdown), CALL(socketpair),
    /* waiting */
    CALL(select), CALL(pselect6), CALL(epoll_create1), CALL(epoll_ctl), CALL(epoll_wait), CALL(epoll_pwait),
    CALL(epoll_pwait2), CALL(pipe), CALL(pipe2), CALL(eventfd2), CALL(timerfd_create), CALL(timerfd_settime), CALL(dup),
    CALL(dup2), CALL(dup3), CALL(nanosleep), CALL(clock_nanosleep),
    /* what libraries ask about themselves, and threads */
    CALL(uname), CALL(getuid), CALL(geteuid), CALL(getgid), CALL(getegid), CALL(getgroups), CALL(getppid),
    CALL(getrlimit), CALL(getrusage), CALL(times), CALL(sched_getaffinity), CALL(set_robust_list), CALL(rseq),
    CALL(mlock), CALL(munlock), CALL(membarrier), END_OF_TABLE};

/* A courier's libraries probe for calls and live without them, so the rest is refused with EPERM. These no library of
 * ours makes: whoever does is not us any more, and the crash is counted. */
static const int courier_deadly[] = {CALL(execve), CALL(execveat), CALL(fork), CALL(vfork), CALL(ptrace),
    CALL(process_vm_readv), CALL(process_vm_writev), CALL(process_madvise), CALL(pidfd_getfd), CALL(kcmp), CALL(mount),
    CALL(umount2), CALL(move_mount), CALL(open_tree), CALL(fsopen), CALL(fsmount), CALL(fsconfig), CALL(fspick),
    CALL(mount_setattr), CALL(pivot_root), CALL(chroot), CALL(bpf), CALL(perf_event_open), CALL(userfaultfd),
    CALL(io_uring_setup), CALL(io_uring_enter), CALL(io_uring_register), CALL(keyctl), CALL(add_key), CALL(request_key),
    CALL(init_module), CALL(finit_module), CALL(delete_module), CALL(kexec_load), CALL(kexec_file_load), CALL(unshare),
    CALL(setns), CALL(reboot), CALL(swapon), CALL(swapoff), CALL(setuid), CALL(setgid), CALL(setreuid), CALL(setregid),
    CALL(setresuid), CALL(setresgid), CALL(setgroups), CALL(capset), CALL(mknod), CALL(mknodat), CALL(kill),
    CALL(tkill), CALL(pidfd_send_signal), CALL(pidfd_open), CALL(rt_sigqueueinfo), CALL(rt_tgsigqueueinfo),
    END_OF_TABLE};

/* F_SETOWN and F_SETSIG would send signals to others, F_SETPIPE_SZ takes kernel memory: so a list of commands. */
static const int fcntl_both[] = {
    F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_ADD_SEALS, F_GET_SEALS, F_DUPFD_CLOEXEC, END_OF_TABLE};
static const int fcntl_courier[] = {F_GETLK, F_SETLK, F_SETLKW, F_OFD_GETLK, F_OFD_SETLK, F_DUPFD, END_OF_TABLE};
static const int ioctl_courier[] = {(int)FIONREAD, (int)FIONBIO, END_OF_TABLE}; /* not TIOCSTI, above all */
static const int families_courier[] = {AF_INET, AF_INET6, AF_UNIX, END_OF_TABLE};

static int allow_all(scmp_filter_ctx filter, const int *calls) {
    int failed = 0;
    for (; !failed && *calls != END_OF_TABLE; calls++)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, *calls, 0);
    return failed;
}

/* Allows `call` for each value of its argument number `argument`. */
static int allow_values(scmp_filter_ctx filter, int call, unsigned argument, const int *values) {
    int failed = 0;
    for (; !failed && *values != END_OF_TABLE; values++) {
        struct scmp_arg_cmp equal = SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, UINT32_MAX, (scmp_datum_t)(unsigned)*values);
        failed = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, &equal);
    }
    return failed;
}

static int allow_for_both(scmp_filter_ctx filter) {
    int failed = allow_all(filter, both);
    if (!failed) failed = allow_values(filter, CALL(fcntl), 1, fcntl_both);
    if (!failed)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(mprotect), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    /* abort() signals its own thread; no other process. */
    if (!failed)
        failed =
            seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(tgkill), 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
    return failed;
}

static int allow_translator(scmp_filter_ctx filter) {
    int failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    /* fstat() of the C library is this call; with a path it would tell which files exist. */
    if (!failed) failed = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), CALL(newfstatat), 0);
    return failed;
}

static int allow_courier(scmp_filter_ctx filter) {
    int failed = allow_all(filter, courier_only);
    for (const int *call = courier_deadly; !failed && *call != END_OF_TABLE; call++)
        failed = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, *call, 0);
    if (!failed) failed = allow_values(filter, CALL(fcntl), 1, fcntl_courier);
    if (!failed) failed = allow_values(filter, CALL(ioctl), 1, ioctl_courier);
    if (!failed) failed = allow_values(filter, CALL(socket), 0, families_courier);
    /* getaddrinfo asks the kernel for our addresses. */
    if (!failed)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(socket), 2, SCMP_A0(SCMP_CMP_EQ, AF_NETLINK),
            SCMP_A2(SCMP_CMP_EQ, NETLINK_ROUTE));
    /* Name service modules and cryptographic providers are loaded when first needed: code may be mapped, but never be
     * writable. */
    if (!failed)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (!failed)
        failed = seccomp_rule_add(
            filter, SCMP_ACT_ALLOW, CALL(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_WRITE | PROT_EXEC, PROT_EXEC));
    /* Threads, but no processes. clone3 hides its flags in memory, where no filter can look: without it the C library
     * takes clone. */
    if (!failed)
        failed = seccomp_rule_add(
            filter, SCMP_ACT_ALLOW, CALL(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
    if (!failed)
        failed = seccomp_rule_add(
            filter, SCMP_ACT_KILL_PROCESS, CALL(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
    if (!failed) failed = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), CALL(clone3), 0);
    /* Reading limits, not setting them. */
    if (!failed) failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(prlimit64), 1, SCMP_A2(SCMP_CMP_EQ, 0));
    return failed;
}

static error *filter_calls(worker_kind kind) {
    bool translator = kind == WORKER_TRANSLATOR;
    scmp_filter_ctx filter = seccomp_init(translator ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(EPERM));
    if (!filter) return error_new(ERROR_INTERNAL, "cannot make a filter of system calls");
    int failed = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree */
    if (!failed) failed = allow_for_both(filter);
    if (!failed) failed = translator ? allow_translator(filter) : allow_courier(filter);
    if (!failed) failed = seccomp_load(filter);
    seccomp_release(filter);
    return failed ? error_from_errno(-failed, "cannot filter system calls") : NULL;
}

/* ---- Landlock: a second lock behind the first, where the kernel has it ---- */

/* As of ABI 6; older headers know less, older kernels are given less of it. */
typedef struct rules {
    uint64_t files, network, scopes;
} rules;

enum { ABI_WITH_MOVES = 2, ABI_WITH_NETWORK = 4, ABI_WITH_SCOPES = 6 };

/* Any rules at all forbid moving a file from one directory to another, which is how couriers claim and publish: so the
 * whole tree is given that right back. */
static error *allow_moves(int rules_fd) {
    int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) return error_from_errno(errno, "cannot open /");
    struct landlock_path_beneath_attr moves = {.allowed_access = LANDLOCK_ACCESS_FS_REFER, .parent_fd = root};
    long failed = syscall(SYS_landlock_add_rule, rules_fd, LANDLOCK_RULE_PATH_BENEATH, &moves, 0);
    error *err = failed ? error_from_errno(errno, "cannot add a Landlock rule") : NULL;
    close(root);
    return err;
}

static error *landlock(worker_kind kind) {
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    bool moves = kind == WORKER_COURIER;
    /* Not in this kernel, or switched off; or one that cannot give moves back. */
    if (version < (moves ? ABI_WITH_MOVES : 1)) return NULL;
    uint64_t translator_files =
        LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |
        LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
        LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
        LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
        LANDLOCK_ACCESS_FS_MAKE_SYM;
    uint64_t courier_files = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
                             LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER;
    rules denied = {.files = kind == WORKER_TRANSLATOR ? translator_files : courier_files,
        .network = kind == WORKER_TRANSLATOR ? 3 : 0, /* bind and connect of TCP */
        .scopes = 3};                                 /* abstract sockets of, and signals to, processes outside */
    size_t size = version >= ABI_WITH_SCOPES    ? sizeof denied
                  : version >= ABI_WITH_NETWORK ? offsetof(rules, scopes)
                                                : offsetof(rules, network);
    int fd = (int)syscall(SYS_landlock_create_ruleset, &denied, size, 0);
    if (fd < 0) return error_from_errno(errno, "cannot make Landlock rules");
    error *err = moves ? allow_moves(fd) : NULL;
    if (!err && syscall(SYS_landlock_restrict_self, fd, 0) != 0)
        err = error_from_errno(errno, "cannot enter the Landlock rules");
    close(fd);
    return err;
}

/* ---- rights and limits ---- */

/* File connections act with the rights of the user who started the appliance, so a courier of root keeps those that
 * concern files. */
static error *drop_capabilities(worker_kind kind) {
    uint32_t kept = kind == WORKER_COURIER ? 1u << CAP_CHOWN | 1u << CAP_DAC_OVERRIDE | 1u << CAP_DAC_READ_SEARCH |
                                                 1u << CAP_FOWNER | 1u << CAP_FSETID
                                           : 0;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct now[2] = {0};
    if (syscall(SYS_capget, &header, now) < 0) return error_from_errno(errno, "cannot read capabilities");
    struct __user_cap_data_struct then[2] = {
        {.effective = now[0].effective & kept, .permitted = now[0].permitted & kept}};
    if (syscall(SYS_capset, &header, then) < 0) return error_from_errno(errno, "cannot drop capabilities");
    return NULL;
}

static error *change_user(const sandbox_options *options) {
    if (options->user == 0 || geteuid() != 0) return NULL;
    if (setgroups(0, NULL) < 0 || setresgid(options->group, options->group, options->group) < 0 ||
        setresuid(options->user, options->user, options->user) < 0)
        return error_from_errno(errno, "cannot become user %d", (int)options->user);
    return NULL;
}

static error *limit(int resource, uint64_t value) {
    struct rlimit now;
    if (getrlimit((__rlimit_resource_t)resource, &now) < 0) return error_from_errno(errno, "cannot read a limit");
    if (now.rlim_max < value) value = now.rlim_max;
    struct rlimit then = {value, value};
    return setrlimit((__rlimit_resource_t)resource, &then) == 0 ? NULL : error_from_errno(errno, "cannot set a limit");
}

/* AddressSanitizer reserves terabytes of address space for its shadow. */
static error *limit_memory(uint64_t memory_bytes) {
#ifdef __SANITIZE_ADDRESS__
    (void)memory_bytes;
    return NULL;
#else
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file || fscanf(file, "%llu", &pages) != 1) pages = 0;
    if (file) fclose(file);
    return limit(RLIMIT_AS, pages * (uint64_t)sysconf(_SC_PAGESIZE) + memory_bytes);
#endif
}

static error *set_limits(worker_kind kind, const sandbox_options *options) {
    bool translator = kind == WORKER_TRANSLATOR;
    error *err = limit_memory(options->memory_bytes);
    if (!err) err = limit(RLIMIT_CORE, 0); /* a core would hold payloads and secrets */
    if (!err) err = limit(RLIMIT_NOFILE, translator ? TRANSLATOR_DESCRIPTORS_MAX : COURIER_DESCRIPTORS_MAX);
    if (!err && translator) err = limit(RLIMIT_NPROC, 0);
    /* The largest memory file, that is: a result. */
    if (!err && translator) err = limit(RLIMIT_FSIZE, options->memory_bytes);
    return err;
}

error *sandbox_enter(worker_kind kind, pid_t parent, const sandbox_options *options) {
    error *err = change_user(options);
    if (!err) err = drop_capabilities(kind);
    /* After the change of user, which clears it. */
    if (!err && prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        err = error_from_errno(errno, "cannot tie the worker to its parent");
    if (!err && getppid() != parent) err = error_new(ERROR_CRASHED, "the nursery is gone");
    if (!err) err = set_limits(kind, options);
    if (!err && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0))
        err = error_from_errno(errno, "cannot give up privileges");
    if (!err) err = landlock(kind);
    if (!err) err = filter_calls(kind);
    return error_wrap(err, "sandbox");
}
