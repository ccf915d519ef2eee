/*
 * What the benchmark runs as organ, and the floor it is measured against.
 *
 *   marker run MARKS          says in the file MARKS that it runs ("pid nanoseconds\n"), then sleeps
 *   marker flood MARKS BYTES  the same, then writes BYTES of numbered lines of 100 bytes
 *   marker floor MARKS N      a bare posix_spawn loop over N `marker run`; at the end of its stdin, kills and reaps them
 *   marker again MARKS N      one `marker run` after the other: spawned as soon as the one before has been reaped
 */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void mark(const char *path) {
  char line[64];
  int length = snprintf(line, sizeof line, "%d %lld\n", (int)getpid(), now());
  int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || write(fd, line, length) != length) _exit(1);
  close(fd);
}

static void flood(long long bytes) {
  static char block[65500];
  long long number = 0;
  while (bytes > 0) {
    size_t size = bytes < (long long)sizeof block ? (size_t)bytes : sizeof block;
    for (size_t at = 0; at + 100 <= size; at += 100) {
      memset(block + at, 'x', 99);
      snprintf(block + at, 13, "%012lld", number++);
      block[at + 12] = ' ';
      block[at + 99] = '\n';
    }
    for (size_t done = 0; done < size;) {
      ssize_t written = write(1, block + done, size - done);
      if (written < 0) _exit(1);
      done += written;
    }
    bytes -= size;
  }
}

static pid_t spawn_run(char *self, char *marks) {
  char *argv[] = {self, "run", marks, NULL};
  pid_t pid;
  if (posix_spawn(&pid, self, NULL, NULL, argv, environ) != 0) _exit(1);
  return pid;
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  char *mode = argv[1], *marks = argv[2];
  long long number = argc > 3 ? atoll(argv[3]) : 0;
  if (strcmp(mode, "run") == 0) {
    mark(marks);
    for (;;) pause();
  }
  if (strcmp(mode, "flood") == 0) {
    mark(marks);
    flood(number);
    return 0;
  }
  if (strcmp(mode, "floor") == 0) {
    pid_t *pids = malloc(number * sizeof *pids);
    for (int i = 0; i < number; i++) pids[i] = spawn_run(argv[0], marks);
    char byte;
    while (read(0, &byte, 1) > 0) {
    }
    for (int i = 0; i < number; i++) kill(pids[i], SIGTERM);
    for (int i = 0; i < number; i++) waitpid(pids[i], NULL, 0);
    return 0;
  }
  if (strcmp(mode, "again") == 0) {
    for (int i = 0; i < number; i++) waitpid(spawn_run(argv[0], marks), NULL, 0);
    return 0;
  }
  return 2;
}
