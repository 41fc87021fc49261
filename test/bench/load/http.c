// Many HTTP clients at once, for a while (--seconds) or until each has fetched so many targets (--requests).
// --targets names a file with one path a line; the clients go through them together, round and round.
#include "http-client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>

static struct http_client *clients;
static double *first_byte_s, *ended_at;
static long *asked; // on its present connection
static int count, running, failed;
static unsigned long done;
static const char *first_failure = "";
static char **targets;
static size_t target_count, next_target;
static uint64_t range_bytes, size;
static long per_connection;
static unsigned long wanted; // by each; 0: until time is up
static unsigned long *had;
static unsigned addresses, next_address;
static struct in_addr first_address;
static uint64_t seed = 88172645463325252u;

static uint64_t dice(void) // xorshift64: the same ranges in every run
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void ask(struct http_client *client)
{
	long *requests = &asked[client - clients];
	if (client->state != HTTP_CLOSED && per_connection > 0 && *requests >= per_connection) http_close(client);
	if (client->state == HTTP_CLOSED) {
		if (addresses > 0) client->from = nth_address(first_address, next_address++ % addresses);
		http_open(client);
		*requests = 0;
	}
	++*requests;
	const char *target = targets[next_target++ % target_count];
	if (range_bytes == 0) {
		http_get(client, target, 0, 0);
		return;
	}
	uint64_t from = dice() % (size / range_bytes) * range_bytes;
	http_get(client, target, from, from + range_bytes);
}

static void on_end(struct http_client *client, const char *failure)
{
	long i = client - clients;
	if (failure) {
		failed++;
		if (!*first_failure) first_failure = failure;
	} else {
		done++;
		had[i]++;
		if (first_byte_s[i] == 0) first_byte_s[i] = client->first_byte_s;
	}
	ended_at[i] = now_s();
	if ((wanted > 0 && had[i] >= wanted) || failed > 1000) running--;
	else ask(client);
}

static void on_tick(double now) { (void)now; }
static int is_over(void) { return running <= 0; }

static void read_targets(const char *path)
{
	FILE *file = fopen(path, "r");
	if (!file) die("%s: cannot read", path);
	char line[512];
	while (fgets(line, sizeof line, file)) {
		line[strcspn(line, "\n")] = 0;
		targets = realloc(targets, (target_count + 1) * sizeof *targets);
		targets[target_count++] = strdup(line);
	}
	fclose(file);
	if (target_count == 0) die("%s: no targets", path);
}

int main(int argc, char **argv)
{
	size_t original_size = 0;
	const char *path = argument(argc, argv, "original", NULL);
	const unsigned char *original = path ? map_file(path, &original_size) : NULL;
	struct sockaddr_in server =
		endpoint(argument(argc, argv, "server", "127.0.0.1"), (int)number(argc, argv, "port", 80));
	read_targets(argument(argc, argv, "targets", ""));
	range_bytes = (uint64_t)number(argc, argv, "range", 0);
	size = original ? original_size : (uint64_t)number(argc, argv, "size", 0);
	per_connection = (long)number(argc, argv, "per-connection", 0);
	addresses = (unsigned)number(argc, argv, "addresses", 0);
	first_address = endpoint(argument(argc, argv, "first-address", "127.1.0.1"), 0).sin_addr;
	wanted = (unsigned long)number(argc, argv, "requests", 0);
	double seconds = number(argc, argv, "seconds", 600);
	count = running = (int)number(argc, argv, "clients", 1);
	clients = calloc((size_t)count, sizeof *clients);
	first_byte_s = calloc((size_t)count, sizeof *first_byte_s);
	ended_at = calloc((size_t)count, sizeof *ended_at);
	asked = calloc((size_t)count, sizeof *asked);
	had = calloc((size_t)count, sizeof *had);

	double began = now_s();
	for (int i = 0; i < count; i++) {
		clients[i].server = server;
		clients[i].original = original;
		clients[i].size = original_size;
		clients[i].on_end = on_end;
		clients[i].source.fd = -1;
		ask(&clients[i]);
	}
	loop_run(began + seconds, on_tick, is_over);
	double took = now_s() - began;

	uint64_t bytes = 0;
	double slowest_first_byte = 0;
	for (int i = 0; i < count; i++) {
		bytes += clients[i].bytes;
		double first = first_byte_s[i] > 0 ? first_byte_s[i] : clients[i].bytes > 0 ? clients[i].first_byte_s : took;
		if (first > slowest_first_byte) slowest_first_byte = first;
	}
	printf("{\"seconds\":%.6f,\"bytes\":%llu,\"requests\":%lu,\"failed\":%d,\"failure\":\"%s\",\"unfinished\":%d,"
	       "\"slowestFirstByteSeconds\":%.6f,\"cpuSeconds\":%.3f,\"clients\":[",
	       took, (unsigned long long)bytes, done, failed, first_failure, running, slowest_first_byte, cpu_s());
	for (int i = 0; i < count; i++)
		printf("%s[%llu,%.4f]", i ? "," : "", (unsigned long long)clients[i].bytes,
		       wanted > 0 && ended_at[i] > 0 ? ended_at[i] - began : took);
	printf("]}\n");
	return 0;
}
