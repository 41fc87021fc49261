// Datagrams with borrowed sender addresses, as fast as asked for or as the machine can: nobody listens for the answers, but
// for `lease`.
//   --kind rrq       read requests for --name, each from another address and port
//   --kind garbage   noise of up to 600 bytes, of which every second looks like TFTP or DHCP for its first bytes
//   --kind discover  DHCPDISCOVER by broadcast on --device, each from another random MAC
//   --kind lease     the same, and a DHCPREQUEST for each offer that is heard there
#include "loop.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

struct datagram {
	struct iphdr ip;
	struct udphdr udp;
	unsigned char payload[1024];
} __attribute__((packed));

static const char *name, *options;
static uint64_t state;

// xorshift64: the same seed, the same flood.
static uint32_t chance(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

static size_t rrq(unsigned char *out)
{
	size_t at = 0;
	out[at++] = 0;
	out[at++] = 1;
	at += (size_t)sprintf((char *)out + at, "%s", name) + 1;
	at += (size_t)sprintf((char *)out + at, "octet") + 1;
	if (*options) {
		at += (size_t)sprintf((char *)out + at, "blksize") + 1;
		at += (size_t)sprintf((char *)out + at, "%s", options) + 1;
	}
	return at;
}

static size_t garbage(unsigned char *out)
{
	size_t length = chance() % 600;
	for (size_t i = 0; i < length; i++) out[i] = (unsigned char)chance();
	if (length > 240 && chance() % 2) memcpy(out, (unsigned char[]){ 1, 1, 6, 0 }, 4);
	else if (length > 2 && chance() % 2) memcpy(out, (unsigned char[]){ 0, (unsigned char)(chance() % 8) }, 2);
	return length;
}

static size_t discover(unsigned char *out)
{
	static const unsigned char tail[] = { 0x63, 0x82, 0x53, 0x63, 53, 1, 1, 55, 3, 1, 3, 6, 255 };
	memset(out, 0, 300);
	memcpy(out, (unsigned char[]){ 1, 1, 6, 0 }, 4);
	for (int i = 4; i < 8; i++) out[i] = (unsigned char)chance();
	out[10] = 0x80; // broadcast
	out[28] = 2;    // a MAC that nobody has bought
	for (int i = 29; i < 34; i++) out[i] = (unsigned char)chance();
	memcpy(out + 236, tail, sizeof tail);
	return 300;
}

static const unsigned char *option(const unsigned char *packet, size_t length, int code)
{
	for (size_t at = 240; at + 1 < length && packet[at] != 255; at += packet[at] ? 2u + packet[at + 1] : 1u)
		if (packet[at] == code && at + 2 + packet[at + 1] <= length) return packet + at + 2;
	return NULL;
}

// The REQUEST for what an OFFER holds; 0 when it is none. An ACK is counted.
static size_t request(unsigned char *out, const unsigned char *heard, size_t length, unsigned *acks)
{
	const unsigned char *type = option(heard, length, 53), *server = option(heard, length, 54);
	if (length < 240 || heard[0] != 2 || !type || !server) return 0;
	*acks += *type == 5;
	if (*type != 2) return 0;
	memset(out, 0, 300);
	memcpy(out, (unsigned char[]){ 1, 1, 6, 0 }, 4);
	memcpy(out + 4, heard + 4, 4); // xid
	out[10] = 0x80;
	memcpy(out + 28, heard + 28, 6);
	memcpy(out + 236, (unsigned char[]){ 0x63, 0x82, 0x53, 0x63, 53, 1, 3, 50, 4 }, 9);
	memcpy(out + 245, heard + 16, 4);
	memcpy(out + 249, (unsigned char[]){ 54, 4 }, 2);
	memcpy(out + 251, server, 4);
	out[255] = 255;
	return 300;
}

static uint16_t checksum(const void *of, size_t length)
{
	const uint16_t *words = of;
	uint32_t sum = 0;
	for (size_t i = 0; i < length / 2; i++) sum += words[i];
	while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static int fd;
static struct sockaddr_in to;
static unsigned sent, refused;

static void send_from(uint32_t address, uint16_t port, struct datagram *out, size_t length)
{
	size_t whole = sizeof out->ip + sizeof out->udp + length;
	out->ip = (struct iphdr){ .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP };
	out->ip.saddr = address;
	out->ip.daddr = to.sin_addr.s_addr;
	out->ip.tot_len = htons((uint16_t)whole);
	out->ip.check = checksum(&out->ip, sizeof out->ip);
	out->udp = (struct udphdr){ .source = htons(port), .dest = to.sin_port };
	out->udp.len = htons((uint16_t)(sizeof out->udp + length));
	if (sendto(fd, out, whole, 0, (struct sockaddr *)&to, sizeof to) == (ssize_t)whole) sent++;
	else refused++;
}

// Where machines without an address hear offers.
static int client_socket(const char *device)
{
	int client = socket(AF_INET, SOCK_DGRAM, 0), room = 8 << 20;
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(68) };
	if (client < 0 || setsockopt(client, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device))) die("%s: %m", device);
	if (bind(client, (struct sockaddr *)&at, sizeof at)) die("port 68: %m");
	setsockopt(client, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
	return client;
}

static void ask(int client, unsigned *offers, unsigned *acks)
{
	unsigned char heard[1500];
	struct datagram out;
	for (ssize_t length; (length = recv(client, heard, sizeof heard, MSG_DONTWAIT)) > 0;) {
		size_t bytes = request(out.payload, heard, (size_t)length, acks);
		if (bytes == 0) continue;
		(*offers)++;
		send_from(0, 68, &out, bytes);
	}
}

int main(int argc, char **argv)
{
	const char *kind = argument(argc, argv, "kind", "rrq");
	const char *device = argument(argc, argv, "device", "");
	int is_lease = strcmp(kind, "lease") == 0, is_discover = is_lease || strcmp(kind, "discover") == 0;
	to = endpoint(argument(argc, argv, "server", "255.255.255.255"), (int)number(argc, argv, "port", is_discover ? 67 : 69));
	struct in_addr first = endpoint(argument(argc, argv, "first", "0.0.0.0"), 0).sin_addr;
	unsigned sources = (unsigned)number(argc, argv, "sources", 1);
	unsigned packets = (unsigned)number(argc, argv, "packets", 1000);
	double rate = number(argc, argv, "rate", 0);
	name = argument(argc, argv, "name", "boot");
	options = argument(argc, argv, "blksize", "");
	state = (uint64_t)number(argc, argv, "seed", 1) * 0x9e3779b97f4a7c15ull + 1;

	fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	if (fd < 0) die("raw socket: %m");
	if (setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &(int){ 1 }, sizeof(int))) die("broadcast: %m");
	if (*device && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device))) die("%s: %m", device);

	int client = is_lease ? client_socket(device) : -1;
	unsigned offers = 0, acks = 0;
	double began = now_s();
	for (unsigned i = 0; i < packets; i++) {
		struct datagram out;
		size_t length = is_discover ? discover(out.payload) : strcmp(kind, "rrq") == 0 ? rrq(out.payload) : garbage(out.payload);
		uint32_t address = is_discover ? 0 : nth_address(first, chance() % sources).s_addr;
		send_from(address, is_discover ? 68 : (uint16_t)(1024 + chance() % 60000), &out, length);
		if (is_lease) ask(client, &offers, &acks);
		double ahead = rate > 0 ? (i + 1) / rate - (now_s() - began) : 0;
		if (ahead > 0.002) nanosleep(&(struct timespec){ .tv_nsec = (long)(ahead * 1e9) }, NULL);
	}
	// The last offers are still on their way.
	for (double until = now_s() + (is_lease ? 1 : 0); now_s() < until; nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL))
		ask(client, &offers, &acks);
	printf("{\"sent\":%u,\"refused\":%u,\"offers\":%u,\"acks\":%u,\"seconds\":%.3f,\"cpuSeconds\":%.3f}\n", sent, refused, offers,
	       acks, now_s() - began, cpu_s());
	return 0;
}
