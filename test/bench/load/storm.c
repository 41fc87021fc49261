// N machines that are switched on together. Each does what one boot does on the wire: an address, the loader by TFTP
// in lockstep (as BIOS firmware asks), an address again as iPXE, the script, kernel, initrd and root by HTTP.
#include "dhcp-client.h"
#include "http-client.h"
#include "tftp-client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRMWARE_DHCP, LOADER, IPXE_DHCP, SCRIPT, KERNEL, INITRD, ROOT, UP, STEPS = UP };
static const char *const STEP_NAMES[] = { "dhcp", "loader", "ipxe-dhcp", "script", "kernel", "initrd", "root" };

struct machine {
	struct dhcp_client dhcp;
	struct tftp_client tftp;
	struct http_client http;
	int step;
	const char *failure;
	double done_at[STEPS];
};

struct file {
	const char *target;
	const unsigned char *original; // NULL: the kernel discards the bytes
	size_t size;
};

static struct machine *machines;
static unsigned count, over;
static struct tftp_terms loader;
static struct sockaddr_in http_server;
static struct file files[STEPS];
static double began;

static void begin(struct machine *machine);

static struct dhcp_client *client_of(uint32_t id) { return id < count ? &machines[id].dhcp : NULL; }

static void step_ended(struct machine *machine, const char *failure)
{
	if (failure) {
		machine->failure = failure;
		over++;
		return;
	}
	machine->done_at[machine->step++] = now_s() - began;
	if (machine->step < UP) {
		begin(machine);
		return;
	}
	http_close(&machine->http);
	over++;
}

static struct machine *holder(void *member, size_t offset) { return (struct machine *)((char *)member - offset); }

static void on_dhcp_end(struct dhcp_client *client, const char *failure)
{
	step_ended(holder(client, offsetof(struct machine, dhcp)), failure);
}

static void on_tftp_end(struct tftp_client *client, const char *failure)
{
	step_ended(holder(client, offsetof(struct machine, tftp)), failure);
}

static void on_http_end(struct http_client *client, const char *failure)
{
	struct machine *machine = holder(client, offsetof(struct machine, http));
	size_t wanted = files[machine->step].size;
	if (!failure && wanted > 0 && client->body_bytes != wanted) failure = "short";
	step_ended(machine, failure);
}

static void get(struct machine *machine)
{
	struct http_client *http = &machine->http;
	const struct file *file = &files[machine->step];
	char target[512];
	uint32_t id = machine->dhcp.id;
	// The script alone has a place for the MAC in its target.
	snprintf(target, sizeof target, file->target, id >> 24 & 255, id >> 16 & 255, id >> 8 & 255, id & 255);
	http->original = file->original;
	http->size = file->size;
	if (http->state == HTTP_CLOSED) http_open(http);
	http_get(http, target, 0, 0);
}

static void begin(struct machine *machine)
{
	switch (machine->step) {
	case FIRMWARE_DHCP:
	case IPXE_DHCP:
		machine->dhcp.is_ipxe = machine->step == IPXE_DHCP;
		dhcp_start(&machine->dhcp);
		break;
	case LOADER:
		machine->tftp.from = machine->http.from = machine->dhcp.address;
		tftp_start(&machine->tftp);
		break;
	default:
		get(machine);
	}
}

static void on_tick(double now)
{
	for (unsigned i = 0; i < count; i++) {
		dhcp_tick(&machines[i].dhcp, now);
		tftp_tick(&machines[i].tftp, now);
	}
}

static int is_over(void) { return over == count; }

static void take_file(int step, const char *target, const char *original, int verify)
{
	files[step].target = target;
	if (*original) files[step].original = map_file(original, &files[step].size);
	if (!verify) files[step].original = NULL;
}

static void prepare(int argc, char **argv)
{
	const char *server = argument(argc, argv, "server", "");
	int verify = (int)number(argc, argv, "verify", 1);
	http_server = endpoint(server, 80);
	loader = (struct tftp_terms){
		.server = endpoint(server, 69), .name = argument(argc, argv, "loader", ""), .blksize = 1456, .windowsize = 1,
		.timeout_s = 4, .tries = 6,
	};
	loader.original = map_file(argument(argc, argv, "loader-original", ""), &loader.size);
	take_file(SCRIPT, argument(argc, argv, "script", ""), "", 0);
	take_file(KERNEL, argument(argc, argv, "kernel", ""), argument(argc, argv, "kernel-original", ""), verify);
	take_file(INITRD, argument(argc, argv, "initrd", ""), argument(argc, argv, "initrd-original", ""), verify);
	take_file(ROOT, argument(argc, argv, "root", ""), argument(argc, argv, "root-original", ""), verify);
	dhcp_relay(endpoint(argument(argc, argv, "relay", ""), 0).sin_addr, endpoint(server, 67), client_of);
}

static void make_machines(void)
{
	machines = calloc(count, sizeof *machines);
	for (unsigned i = 0; i < count; i++) {
		struct machine *machine = &machines[i];
		machine->dhcp.id = i;
		machine->dhcp.on_end = on_dhcp_end;
		machine->tftp.terms = &loader;
		machine->tftp.on_end = on_tftp_end;
		machine->http.server = http_server;
		machine->http.on_end = on_http_end;
		machine->http.source.fd = -1;
	}
}

static void report(void)
{
	unsigned up = 0;
	const char *failure = "";
	const char *failed_at = "";
	double last[STEPS] = { 0 };
	uint64_t bytes = 0;
	for (unsigned i = 0; i < count; i++) {
		struct machine *machine = &machines[i];
		up += machine->step == UP;
		bytes += machine->tftp.bytes + machine->http.bytes;
		if (machine->step != UP && !*failure) {
			failure = machine->failure ? machine->failure : "not in time";
			failed_at = STEP_NAMES[machine->step];
		}
		for (int step = 0; step < machine->step; step++)
			if (machine->done_at[step] > last[step]) last[step] = machine->done_at[step];
	}
	printf("{\"seconds\":%.6f,\"up\":%u,\"machines\":%u,\"bytes\":%llu,\"failure\":\"%s\",\"failedAt\":\"%s\","
	       "\"cpuSeconds\":%.3f,\"lastAt\":{",
	       last[ROOT], up, count, (unsigned long long)bytes, failure, failed_at, cpu_s());
	for (int step = 0; step < STEPS; step++) printf("%s\"%s\":%.4f", step ? "," : "", STEP_NAMES[step], last[step]);
	printf("}}\n");
}

int main(int argc, char **argv)
{
	count = (unsigned)number(argc, argv, "machines", 1);
	prepare(argc, argv);
	make_machines();
	began = now_s();
	for (unsigned i = 0; i < count; i++) begin(&machines[i]);
	loop_run(began + number(argc, argv, "at-most", 300), on_tick, is_over);
	report();
	return 0;
}
