// Datagrams with borrowed sender addresses, as fast as asked for or as the machine can: nobody listens for the answers.
//   --kind rrq       read requests for --name, each from another address and port
//   --kind garbage   noise of up to 600 bytes, of which every second looks like TFTP or DHCP for its first bytes
//   --kind discover  DHCPDISCOVER by broadcast on --device, each from another random MAC
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

static uint16_t checksum(const void *of, size_t length)
{
	const uint16_t *words = of;
	uint32_t sum = 0;
	for (size_t i = 0; i < length / 2; i++) sum += words[i];
	while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

int main(int argc, char **argv)
{
	const char *kind = argument(argc, argv, "kind", "rrq");
	const char *device = argument(argc, argv, "device", "");
	int is_discover = strcmp(kind, "discover") == 0;
	struct sockaddr_in to =
		endpoint(argument(argc, argv, "server", "255.255.255.255"), (int)number(argc, argv, "port", is_discover ? 67 : 69));
	struct in_addr first = endpoint(argument(argc, argv, "first", "0.0.0.0"), 0).sin_addr;
	unsigned sources = (unsigned)number(argc, argv, "sources", 1);
	unsigned packets = (unsigned)number(argc, argv, "packets", 1000);
	double rate = number(argc, argv, "rate", 0);
	name = argument(argc, argv, "name", "boot");
	options = argument(argc, argv, "blksize", "");
	state = (uint64_t)number(argc, argv, "seed", 1) * 0x9e3779b97f4a7c15ull + 1;

	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	if (fd < 0) die("raw socket: %m");
	if (setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &(int){ 1 }, sizeof(int))) die("broadcast: %m");
	if (*device && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device))) die("%s: %m", device);

	unsigned sent = 0, refused = 0;
	double began = now_s();
	for (unsigned i = 0; i < packets; i++) {
		struct datagram out = { .ip = { .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP } };
		size_t length = is_discover ? discover(out.payload) : strcmp(kind, "rrq") == 0 ? rrq(out.payload) : garbage(out.payload);
		size_t whole = sizeof out.ip + sizeof out.udp + length;
		out.ip.saddr = is_discover ? 0 : nth_address(first, chance() % sources).s_addr;
		out.ip.daddr = to.sin_addr.s_addr;
		out.ip.tot_len = htons((uint16_t)whole);
		out.ip.check = checksum(&out.ip, sizeof out.ip);
		out.udp.source = htons(is_discover ? 68 : (uint16_t)(1024 + chance() % 60000));
		out.udp.dest = to.sin_port;
		out.udp.len = htons((uint16_t)(sizeof out.udp + length));
		if (sendto(fd, &out, whole, 0, (struct sockaddr *)&to, sizeof to) == (ssize_t)whole) sent++;
		else refused++;
		double ahead = rate > 0 ? (i + 1) / rate - (now_s() - began) : 0;
		if (ahead > 0.002) nanosleep(&(struct timespec){ .tv_nsec = (long)(ahead * 1e9) }, NULL);
	}
	printf("{\"sent\":%u,\"refused\":%u,\"seconds\":%.3f,\"cpuSeconds\":%.3f}\n", sent, refused, now_s() - began, cpu_s());
	return 0;
}
