/*
 * Preloaded into a process: appends what it does to files and folders to the file that POWER_TRACE names. Nothing is flushed: a flush only
 * takes a moment and is recorded, from its beginning to its end. A record is a line "OPERATION A B LENGTH" and LENGTH bytes (disk-trace.ts
 * reads it). Once there is a file with the name POWER_END, the process ends after the next record. POWER_BOOT_ID names a file that stands
 * for the id of the machine's start.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FLUSH_MICROSECONDS 1000
#define ORIGINAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void append(char operation, long long a, long long b, const struct iovec *parts, int count, size_t length) {
  static atomic_int opened = -1;
  int saved = errno;
  int trace = opened;
  if (trace == -1) {
    const char *path = getenv("POWER_TRACE");
    if (path == NULL) return;
    trace = ORIGINAL(open)(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (trace == -1) abort();
    opened = trace;
  }
  char line[80];
  int written = snprintf(line, sizeof line, "%c %lld %lld %zu\n", operation, a, b, length);
  struct iovec all[IOV_MAX];
  if (count >= IOV_MAX) abort();
  all[0] = (struct iovec){line, written};
  memcpy(all + 1, parts, count * sizeof *parts);
  // One call appends a record whole, whatever other threads and processes do.
  if (ORIGINAL(writev)(trace, all, count + 1) != (ssize_t)(written + length)) abort();
  const char *end = getenv("POWER_END");
  if (end != NULL && access(end, F_OK) == 0) _exit(137);
  errno = saved;
}

static void append_paths(char operation, long long a, const char *from, const char *to) {
  char paths[2 * PATH_MAX + 2] = "";
  const char *each[] = {from, to};
  size_t length = 0;
  for (int i = 0; i < 2 && each[i] != NULL; i++) {
    if (each[i][0] != '/') {
      if (getcwd(paths + length, PATH_MAX) == NULL) abort();
      strcat(paths + length, "/");
    }
    strncat(paths + length, each[i], PATH_MAX - 1);
    length += strlen(paths + length) + 1;
  }
  append(operation, a, 0, &(struct iovec){paths, length - 1}, 1, length - 1);
}

/* Returns 0 for what is no regular file and no folder. */
static long long inode_of(int descriptor) {
  struct stat file;
  if (fstat(descriptor, &file) != 0 || !(S_ISREG(file.st_mode) || S_ISDIR(file.st_mode))) return 0;
  return file.st_ino;
}

static int open_recorded(int (*original)(const char *, int, ...), const char *path, int flags, mode_t mode) {
  const char *boot_id = getenv("POWER_BOOT_ID");
  if (boot_id != NULL && strcmp(path, "/proc/sys/kernel/random/boot_id") == 0) path = boot_id;
  struct stat before;
  int is_new = (flags & O_CREAT) != 0 && stat(path, &before) != 0;
  int descriptor = original(path, flags, mode);
  if (descriptor == -1) return descriptor;
  if (is_new) append_paths('C', inode_of(descriptor), path, NULL);
  else if (flags & O_TRUNC) append('T', inode_of(descriptor), 0, NULL, 0, 0);
  return descriptor;
}

#define OPEN(name)                                     \
  int name(const char *path, int flags, ...) {         \
    va_list rest;                                      \
    va_start(rest, flags);                             \
    mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0; \
    va_end(rest);                                      \
    return open_recorded(ORIGINAL(name), path, flags, mode); \
  }
OPEN(open)
OPEN(open64)

/* An offset of -1 is the descriptor's own. */
static ssize_t record_write(int descriptor, const struct iovec *parts, int count, ssize_t written, off_t offset) {
  long long inode = written > 0 ? inode_of(descriptor) : 0;
  if (inode == 0) return written;
  if (offset == -1) offset = lseek(descriptor, 0, SEEK_CUR) - written;
  struct iovec kept[IOV_MAX];
  size_t left = written;
  int used = 0;
  for (; used < count && left > 0; used++) {
    kept[used] = parts[used];
    if (kept[used].iov_len > left) kept[used].iov_len = left;
    left -= kept[used].iov_len;
  }
  append('W', inode, offset, kept, used, written);
  return written;
}

ssize_t write(int descriptor, const void *bytes, size_t length) {
  ssize_t written = ORIGINAL(write)(descriptor, bytes, length);
  return record_write(descriptor, &(struct iovec){(void *)bytes, length}, 1, written, -1);
}

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
  return record_write(descriptor, parts, count, ORIGINAL(writev)(descriptor, parts, count), -1);
}

#define PWRITE(name)                                                                        \
  ssize_t name(int descriptor, const void *bytes, size_t length, off_t offset) {            \
    ssize_t written = ORIGINAL(name)(descriptor, bytes, length, offset);                    \
    return record_write(descriptor, &(struct iovec){(void *)bytes, length}, 1, written, offset); \
  }
PWRITE(pwrite)
PWRITE(pwrite64)

ssize_t pwritev(int descriptor, const struct iovec *parts, int count, off_t offset) {
  return record_write(descriptor, parts, count, ORIGINAL(pwritev)(descriptor, parts, count, offset), offset);
}

#define TRUNCATE(name)                                            \
  int name(int descriptor, off_t length) {                        \
    int result = ORIGINAL(name)(descriptor, length);              \
    if (result == 0) append('T', inode_of(descriptor), length, NULL, 0, 0); \
    return result;                                                \
  }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

static atomic_int last_flush = 0;

/* What was written before the beginning is on disk at the end. */
#define FLUSH(name)                                   \
  int name(int descriptor) {                          \
    long long number = (long long)getpid() << 20 | ++last_flush; \
    append('F', inode_of(descriptor), number, NULL, 0, 0); \
    usleep(FLUSH_MICROSECONDS);                       \
    append('E', inode_of(descriptor), number, NULL, 0, 0); \
    return 0;                                         \
  }
FLUSH(fsync)
FLUSH(fdatasync)

int mkdir(const char *path, mode_t mode) {
  int result = ORIGINAL(mkdir)(path, mode);
  struct stat folder;
  if (result == 0 && stat(path, &folder) == 0) append_paths('D', folder.st_ino, path, NULL);
  return result;
}

#define CHANGE(name, operation)                       \
  int name(const char *path) {                        \
    int result = ORIGINAL(name)(path);                \
    if (result == 0) append_paths(operation, 0, path, NULL); \
    return result;                                    \
  }
CHANGE(unlink, 'U')
CHANGE(rmdir, 'U')

#define CHANGE_BOTH(name, operation)                  \
  int name(const char *from, const char *to) {        \
    int result = ORIGINAL(name)(from, to);            \
    if (result == 0) append_paths(operation, 0, from, to); \
    return result;                                    \
  }
CHANGE_BOTH(rename, 'R')
CHANGE_BOTH(link, 'L')
