/*
 * Preloaded into a process: each flush to disk takes SLOW_SYNC_MS longer. If SLOW_SYNC names a file, only a flush that finds it does, and
 * removes it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void wait_if_due(void) {
  const char *file = getenv("SLOW_SYNC");
  const char *text = getenv("SLOW_SYNC_MS");
  if (text == NULL || (file != NULL && unlink(file) != 0)) return;
  long ms = atol(text);
  struct timespec left = {ms / 1000, (ms % 1000) * 1000000};
  nanosleep(&left, NULL);
}

int fsync(int descriptor) {
  int (*original)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  wait_if_due();
  return original(descriptor);
}

int fdatasync(int descriptor) {
  int (*original)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  wait_if_due();
  return original(descriptor);
}
