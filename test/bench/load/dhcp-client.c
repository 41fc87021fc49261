#include "dhcp-client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { DISCOVER = 1, OFFER = 2, REQUEST = 3, ACK = 5 };
enum { OPTIONS_AT = 240, XID_STRIDE = 1 << 16 };
// As iPXE: 1 s, doubled each time; so does most firmware, from 4 s on.
static const double FIRST_TIMEOUT_S = 1;
static const int TRIES = 8;

// RFC 2131 §4.1 wants it random by up to a second each way, so that a crowd does not stay one.
static double timeout_s(const struct dhcp_client *client)
{
	double doubled = FIRST_TIMEOUT_S * (double)(1 << client->attempt);
	return doubled * (0.75 + 0.5 * (double)rand() / RAND_MAX);
}

static struct source relay = { .fd = -1 };
static struct sockaddr_in to;
static struct in_addr giaddr;
static struct dhcp_client *(*client_of)(uint32_t id);

static unsigned char *option(unsigned char *at, int code, const void *value, size_t length)
{
	*at++ = (unsigned char)code;
	*at++ = (unsigned char)length;
	memcpy(at, value, length);
	return at + length;
}

static unsigned char *identity_options(unsigned char *at, const struct dhcp_client *client)
{
	static const unsigned char wanted[] = { 1, 3, 6, 12, 15, 17, 43, 54, 60, 66, 67, 97, 128, 175, 203, 224 };
	static const unsigned char bios[] = { 0, 0 }, undi[] = { 1, 2, 1 };
	static const char vendor_class[] = "PXEClient:Arch:00000:UNDI:002001";
	// iPXE's features: HTTP, bzImage, ELF, PXE, menu, version.
	static const unsigned char features[] = { 0x13, 1, 1, 0x18, 1, 1, 0x22, 1, 1, 0x21, 1, 1, 0x27, 1, 1, 0xeb, 3, 1, 21, 1 };
	unsigned char uuid[17] = { 0 };
	memcpy(uuid + 13, &client->id, sizeof client->id);
	at = option(at, 55, wanted, sizeof wanted);
	at = option(at, 60, vendor_class, sizeof vendor_class - 1);
	at = option(at, 93, bios, sizeof bios);
	at = option(at, 94, undi, sizeof undi);
	at = option(at, 97, uuid, sizeof uuid);
	if (!client->is_ipxe) return at;
	at = option(at, 77, "iPXE", 4);
	return option(at, 175, features, sizeof features);
}

static void send_message(const struct dhcp_client *client)
{
	unsigned char packet[576] = { 1, 1, 6, 1 };
	uint32_t xid = htonl(client->xid), id = htonl(client->id);
	memcpy(packet + 4, &xid, 4);
	memcpy(packet + 24, &giaddr, 4);
	packet[28] = 0x52; // locally administered
	packet[29] = 0x54;
	memcpy(packet + 30, &id, 4);
	static const unsigned char cookie[] = { 0x63, 0x82, 0x53, 0x63 };
	memcpy(packet + 236, cookie, sizeof cookie);
	unsigned char type = client->state == DHCP_DISCOVERING ? DISCOVER : REQUEST;
	unsigned char *at = option(packet + OPTIONS_AT, 53, &type, 1);
	if (type == REQUEST) {
		at = option(at, 54, client->server_id, 4);
		at = option(at, 50, &client->address, 4);
	}
	at = identity_options(at, client);
	*at++ = 255;
	size_t length = (size_t)(at - packet);
	sendto(relay.fd, packet, length < 300 ? 300 : length, 0, (struct sockaddr *)&to, sizeof to);
}

static void say(struct dhcp_client *client, enum dhcp_state state)
{
	client->state = state;
	client->attempt = 0;
	client->deadline = now_s() + timeout_s(client);
	send_message(client);
}

static const unsigned char *find(const unsigned char *packet, size_t length, int code, size_t *found)
{
	for (size_t at = OPTIONS_AT; at + 1 < length && packet[at] != 255;) {
		if (packet[at] == 0) {
			at++;
			continue;
		}
		size_t size = packet[at + 1];
		if (at + 2 + size > length) return NULL;
		if (packet[at] == code) {
			*found = size;
			return packet + at + 2;
		}
		at += 2 + size;
	}
	return NULL;
}

static void take_bootfile(struct dhcp_client *client, const unsigned char *packet, size_t length)
{
	size_t size = 0;
	const unsigned char *named = find(packet, length, 67, &size);
	if (!named) {
		named = packet + 108;
		size = 128;
	}
	if (size >= sizeof client->bootfile) size = sizeof client->bootfile - 1;
	memcpy(client->bootfile, named, size);
	client->bootfile[size] = 0;
}

static void take(const unsigned char *packet, size_t length)
{
	uint32_t xid, id;
	if (length < OPTIONS_AT || packet[0] != 2) return;
	memcpy(&xid, packet + 4, 4);
	memcpy(&id, packet + 30, 4);
	struct dhcp_client *client = client_of(ntohl(id));
	size_t size;
	const unsigned char *type = find(packet, length, 53, &size);
	if (!client || !type || client->xid != ntohl(xid)) return;
	if (*type == OFFER && client->state == DHCP_DISCOVERING) {
		const unsigned char *server_id = find(packet, length, 54, &size);
		if (!server_id || size != 4) return;
		memcpy(client->server_id, server_id, 4);
		memcpy(&client->address, packet + 16, 4);
		say(client, DHCP_REQUESTING);
	} else if (*type == ACK && client->state == DHCP_REQUESTING) {
		memcpy(&client->address, packet + 16, 4);
		take_bootfile(client, packet, length);
		client->state = DHCP_IDLE;
		client->on_end(client, NULL);
	}
}

static void on_ready(struct source *source, unsigned events)
{
	(void)events;
	unsigned char packet[1500];
	for (int i = 0; i < 64; i++) {
		ssize_t length = recv(source->fd, packet, sizeof packet, MSG_DONTWAIT);
		if (length < 0) return;
		take(packet, (size_t)length);
	}
}

void dhcp_relay(struct in_addr own, struct sockaddr_in server, struct dhcp_client *(*find_client)(uint32_t id))
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), room = 16 << 20;
	if (fd < 0) die("socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = own, .sin_port = htons(67) };
	if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0) die("bind to the relay's port 67: %s", strerror(errno));
	relay = (struct source){ .fd = fd, .on_ready = on_ready };
	giaddr = own;
	to = server;
	client_of = find_client;
	loop_add(&relay, EPOLLIN);
}

void dhcp_start(struct dhcp_client *client)
{
	client->xid += XID_STRIDE; // unlike every earlier exchange of any client
	if (client->xid == XID_STRIDE) client->xid += client->id;
	say(client, DHCP_DISCOVERING);
}

void dhcp_tick(struct dhcp_client *client, double now)
{
	if (client->state == DHCP_IDLE || now < client->deadline) return;
	client->timeouts++;
	if (++client->attempt > TRIES) {
		client->state = DHCP_IDLE;
		client->on_end(client, "timed out");
		return;
	}
	client->deadline = now + timeout_s(client);
	send_message(client);
}
