#define _GNU_SOURCE
#include "loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 256 };
static const double TICK_S = 0.01;
static int epoll_fd = -1;

static void control(int operation, struct source *source, unsigned events)
{
	if (epoll_fd < 0) epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = { .events = events, .data.ptr = source };
	if (epoll_ctl(epoll_fd, operation, source->fd, &event) < 0) die("epoll_ctl: %s", strerror(errno));
}

void loop_add(struct source *source, unsigned events) { control(EPOLL_CTL_ADD, source, events); }
void loop_change(struct source *source, unsigned events) { control(EPOLL_CTL_MOD, source, events); }

void loop_remove(struct source *source)
{
	if (source->fd < 0) return;
	close(source->fd); // epoll forgets it
	source->fd = -1;
}

void loop_run(double until, void (*on_tick)(double now), int (*is_over)(void))
{
	struct epoll_event events[EVENTS];
	double next_tick = 0;
	while (!is_over()) {
		double now = now_s();
		if (now >= until) return;
		if (now >= next_tick) {
			on_tick(now);
			next_tick = now + TICK_S;
		}
		int ready = epoll_wait(epoll_fd, events, EVENTS, (int)(TICK_S * 1000));
		for (int i = 0; i < ready; i++) {
			struct source *source = events[i].data.ptr;
			// One that an earlier event of this turn has closed.
			if (source->fd >= 0) source->on_ready(source, events[i].events);
		}
	}
}

double now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double cpu_s(void)
{
	struct rusage used;
	getrusage(RUSAGE_SELF, &used);
	return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
	       (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

void die(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

const char *argument(int argc, char **argv, const char *name, const char *otherwise)
{
	for (int i = 1; i + 1 < argc; i += 2)
		if (strncmp(argv[i], "--", 2) == 0 && strcmp(argv[i] + 2, name) == 0) return argv[i + 1];
	return otherwise;
}

double number(int argc, char **argv, const char *name, double otherwise)
{
	const char *text = argument(argc, argv, name, NULL);
	return text ? strtod(text, NULL) : otherwise;
}

const unsigned char *map_file(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat facts;
	if (fd < 0 || fstat(fd, &facts) < 0) die("%s: %s", path, strerror(errno));
	*size = (size_t)facts.st_size;
	void *bytes = mmap(NULL, *size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (bytes == MAP_FAILED) die("mmap %s: %s", path, strerror(errno));
	close(fd);
	return bytes;
}

struct sockaddr_in endpoint(const char *address, int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	if (inet_pton(AF_INET, address, &to.sin_addr) != 1) die("not an address: %s", address);
	return to;
}

struct in_addr nth_address(struct in_addr first, unsigned i)
{
	return (struct in_addr){ .s_addr = htonl(ntohl(first.s_addr) + i) };
}
