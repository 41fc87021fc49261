// Many TFTP clients at once. Each fetches the file --times times, or all of them again and again for --seconds.
#include "tftp-client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct tftp_client *clients;
static double *ended_at;
static int *left; // fetches of each client that have not ended
static int count, running, finished, failed;
static int is_for_a_while;
static const char *first_failure = "";

static void on_end(struct tftp_client *client, const char *failure)
{
	if (failure) {
		failed++;
		if (!*first_failure) first_failure = failure;
	} else {
		finished++;
	}
	ended_at[client - clients] = now_s();
	left[client - clients]--;
	if (!failure && (is_for_a_while || left[client - clients] > 0)) tftp_start(client);
	else running--;
}

static void on_tick(double now)
{
	for (int i = 0; i < count; i++) tftp_tick(&clients[i], now);
}

static int is_over(void) { return running == 0; }

int main(int argc, char **argv)
{
	size_t size;
	const unsigned char *original = map_file(argument(argc, argv, "original", ""), &size);
	struct tftp_terms terms = {
		.server = endpoint(argument(argc, argv, "server", "127.0.0.1"), (int)number(argc, argv, "port", 69)),
		.name = argument(argc, argv, "name", ""),
		.original = original,
		.size = size,
		.blksize = (int)number(argc, argv, "blksize", 1428),
		.windowsize = (int)number(argc, argv, "windowsize", 1),
		.timeout_s = number(argc, argv, "timeout", 4),
		.tries = 6,
	};
	double seconds = number(argc, argv, "seconds", 0);
	double at_most = number(argc, argv, "at-most", 600);
	is_for_a_while = seconds > 0;
	count = running = (int)number(argc, argv, "clients", 1);
	clients = calloc((size_t)count, sizeof *clients);
	ended_at = calloc((size_t)count, sizeof *ended_at);
	left = calloc((size_t)count, sizeof *left);
	int times = (int)number(argc, argv, "times", 1);

	double began = now_s();
	for (int i = 0; i < count; i++) {
		clients[i].terms = &terms;
		clients[i].on_end = on_end;
		left[i] = times;
		tftp_start(&clients[i]);
	}
	loop_run(began + (is_for_a_while ? seconds : at_most), on_tick, is_over);
	double took = now_s() - began;

	uint64_t bytes = 0, doubled = 0, timeouts = 0;
	for (int i = 0; i < count; i++) {
		bytes += clients[i].bytes;
		doubled += clients[i].doubled;
		timeouts += clients[i].timeouts;
	}
	printf("{\"seconds\":%.6f,\"bytes\":%llu,\"finished\":%d,\"failed\":%d,\"unfinished\":%d,\"failure\":\"%s\","
	       "\"doubled\":%llu,\"timeouts\":%llu,\"cpuSeconds\":%.3f,\"blksize\":%d,\"windowsize\":%d,\"clients\":[",
	       took, (unsigned long long)bytes, finished, failed, running, first_failure, (unsigned long long)doubled,
	       (unsigned long long)timeouts, cpu_s(), clients[0].blksize, clients[0].windowsize);
	for (int i = 0; i < count; i++) {
		double own = ended_at[i] > 0 && !is_for_a_while ? ended_at[i] - began : took;
		printf("%s[%llu,%.4f]", i ? "," : "", (unsigned long long)clients[i].bytes, own);
	}
	printf("]}\n");
	for (int i = 0; i < count; i++) tftp_abort(&clients[i]);
	return 0;
}
