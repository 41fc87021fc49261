// Many machines that get an address, all at once or at most --at-once of them at a time; each resends like firmware. Which
// machines they are is said by the number of the --first.
#include "dhcp-client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct dhcp_client *clients;
static uint32_t *leased; // addresses, in host order
static unsigned count, first, begun, over, failed, at_once;
static double last_at;

static struct dhcp_client *client_of(uint32_t id) { return id - first < count ? &clients[id - first] : NULL; }

static void begin_some(void)
{
	while (begun < count && begun - over < at_once) dhcp_start(&clients[begun++]);
}

static void on_end(struct dhcp_client *client, const char *failure)
{
	over++;
	if (failure) {
		failed++;
	} else {
		leased[client->id - first] = ntohl(client->address.s_addr);
		last_at = now_s();
	}
	begin_some();
}

static void on_tick(double now)
{
	for (unsigned i = 0; i < begun; i++) dhcp_tick(&clients[i], now);
}

static int is_over(void) { return over == count; }

static int by_address(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
	return (left > right) - (left < right);
}

int main(int argc, char **argv)
{
	struct in_addr own = endpoint(argument(argc, argv, "relay", ""), 0).sin_addr;
	count = (unsigned)number(argc, argv, "clients", 1);
	first = (unsigned)number(argc, argv, "first", 0);
	at_once = (unsigned)number(argc, argv, "at-once", count);
	clients = calloc(count, sizeof *clients);
	leased = calloc(count, sizeof *leased);
	for (unsigned i = 0; i < count; i++) {
		clients[i].id = first + i;
		clients[i].on_end = on_end;
	}
	dhcp_relay(own, endpoint(argument(argc, argv, "server", ""), 67), client_of);
	double began = now_s();
	begin_some();
	loop_run(began + number(argc, argv, "at-most", 120), on_tick, is_over);

	unsigned timeouts = 0, with_address = 0, doubles = 0;
	for (unsigned i = 0; i < count; i++) {
		timeouts += clients[i].timeouts;
		with_address += leased[i] != 0;
	}
	qsort(leased, count, sizeof *leased, by_address);
	for (unsigned i = 1; i < count; i++) doubles += leased[i] != 0 && leased[i] == leased[i - 1];
	printf("{\"seconds\":%.6f,\"leased\":%u,\"doubles\":%u,\"failed\":%u,\"timeouts\":%u,\"cpuSeconds\":%.3f}\n",
	       last_at > 0 ? last_at - began : 0, with_address, doubles, failed, timeouts, cpu_s());
	return 0;
}
