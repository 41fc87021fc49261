// One thread, one epoll: what all load generators run on.
#ifndef LOOP_H
#define LOOP_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

struct source {
	int fd;
	void (*on_ready)(struct source *, unsigned events);
};

void loop_add(struct source *source, unsigned events);
void loop_change(struct source *source, unsigned events);
// Also closes it.
void loop_remove(struct source *source);

// Until `is_over` says so or `until` has come; `on_tick` is called about every 10 ms.
void loop_run(double until, void (*on_tick)(double now), int (*is_over)(void));

// Seconds, monotonic.
double now_s(void);
// Seconds of CPU that this process has used.
double cpu_s(void);

void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

// The value of `--name value`; `otherwise` when it is not there.
const char *argument(int argc, char **argv, const char *name, const char *otherwise);
double number(int argc, char **argv, const char *name, double otherwise);

// The whole file, read-only, in memory.
const unsigned char *map_file(const char *path, size_t *size);
struct sockaddr_in endpoint(const char *address, int port);
// The i-th address after `first`.
struct in_addr nth_address(struct in_addr first, unsigned i);
#endif
