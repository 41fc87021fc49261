#define _GNU_SOURCE
#include "tftp-client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { RRQ = 1, DATA = 3, ACK = 4, ERROR = 5, OACK = 6 };
enum { BATCH = 64, DATAGRAM = 9216, RECEIVE_BUFFER = 4 << 20 };

static unsigned char datagrams[BATCH][DATAGRAM];

static uint16_t u16(const unsigned char *at) { return (uint16_t)(at[0] << 8 | at[1]); }

static void end(struct tftp_client *client, const char *failure)
{
	loop_remove(&client->source);
	client->state = TFTP_IDLE;
	client->on_end(client, failure);
}

static void wait_again(struct tftp_client *client)
{
	client->attempt = 0;
	client->deadline = now_s() + client->terms->timeout_s;
}

static void send_ack(struct tftp_client *client)
{
	uint16_t block = (uint16_t)(client->next_block - 1);
	unsigned char packet[] = { 0, ACK, (unsigned char)(block >> 8), (unsigned char)block };
	send(client->source.fd, packet, sizeof packet, MSG_DONTWAIT);
	client->in_window = 0;
}

static size_t put(char *at, const char *text) { return strlen(strcpy(at, text)) + 1; }

static size_t put_number(char *at, const char *option, int value)
{
	size_t length = put(at, option);
	return length + (size_t)sprintf(at + length, "%d", value) + 1;
}

static void send_request(struct tftp_client *client)
{
	const struct tftp_terms *terms = client->terms;
	char packet[1024] = { 0, RRQ };
	size_t length = 2;
	length += put(packet + length, terms->name);
	length += put(packet + length, "octet");
	length += put_number(packet + length, "blksize", terms->blksize);
	length += put_number(packet + length, "tsize", 0);
	if (terms->windowsize > 1) length += put_number(packet + length, "windowsize", terms->windowsize);
	sendto(client->source.fd, packet, length, 0, (const struct sockaddr *)&terms->server, sizeof terms->server);
}

static void take_oack(struct tftp_client *client, const char *at, const char *limit)
{
	while (at < limit) {
		const char *value = at + strnlen(at, (size_t)(limit - at)) + 1;
		if (value >= limit) break;
		if (strcasecmp(at, "blksize") == 0) client->blksize = atoi(value);
		if (strcasecmp(at, "windowsize") == 0) client->windowsize = atoi(value);
		at = value + strnlen(value, (size_t)(limit - value)) + 1;
	}
	wait_again(client);
	send_ack(client);
}

// EDK2, iPXE and others acknowledge again what they have when something else comes; once a run is enough.
static void take_odd(struct tftp_client *client, uint16_t block)
{
	int16_t ahead = (int16_t)(block - (uint16_t)client->next_block);
	if (ahead < 0) client->doubled++;
	int is_new_run = !client->is_told || (int16_t)(block - client->last_odd) <= 0;
	client->last_odd = block;
	if (!is_new_run) return;
	client->is_told = 1;
	send_ack(client);
}

// 0 when the transfer is over.
static int take_data(struct tftp_client *client, const unsigned char *packet, size_t length)
{
	const struct tftp_terms *terms = client->terms;
	uint16_t block = u16(packet + 2);
	if (block != (uint16_t)client->next_block) {
		take_odd(client, block);
		return 1;
	}
	size_t at = (size_t)(client->next_block - 1) * (size_t)client->blksize, bytes = length - 4;
	if (bytes > (size_t)client->blksize || at + bytes > terms->size || memcmp(terms->original + at, packet + 4, bytes)) {
		end(client, "corrupt");
		return 0;
	}
	client->bytes += bytes;
	client->next_block++;
	client->in_window++;
	client->is_told = 0;
	wait_again(client);
	int is_last = bytes < (size_t)client->blksize;
	if (is_last || client->in_window >= client->windowsize) send_ack(client);
	if (!is_last) return 1;
	end(client, at + bytes == terms->size ? NULL : "short");
	return 0;
}

// The first answer comes from the transfer's own port, and from then on nobody else is heard (RFC 1350 §4).
static void meet(struct tftp_client *client, const struct sockaddr_in *from)
{
	connect(client->source.fd, (const struct sockaddr *)from, sizeof *from);
	client->state = TFTP_RECEIVING;
}

static int take(struct tftp_client *client, unsigned char *packet, size_t length)
{
	if (length < 4) return 1;
	switch (u16(packet)) {
	case OACK:
		if (client->next_block == 1) take_oack(client, (char *)packet + 2, (char *)packet + length);
		return 1;
	case DATA:
		return take_data(client, packet, length);
	case ERROR:
		end(client, "refused");
		return 0;
	default:
		return 1;
	}
}

static void on_ready(struct source *source, unsigned events)
{
	struct tftp_client *client = (struct tftp_client *)source;
	(void)events;
	if (client->state == TFTP_REQUESTED || client->windowsize == 1) {
		struct sockaddr_in from;
		socklen_t size = sizeof from;
		ssize_t length = recvfrom(source->fd, datagrams[0], DATAGRAM, MSG_DONTWAIT, (struct sockaddr *)&from, &size);
		if (length < 0) return;
		if (client->state == TFTP_REQUESTED) meet(client, &from);
		take(client, datagrams[0], (size_t)length);
		return;
	}
	static struct mmsghdr messages[BATCH];
	static struct iovec parts[BATCH];
	for (int i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){ .iov_base = datagrams[i], .iov_len = DATAGRAM };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &parts[i], .msg_iovlen = 1 };
	}
	int count = recvmmsg(source->fd, messages, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < count; i++)
		if (!take(client, datagrams[i], messages[i].msg_len)) return;
}

void tftp_start(struct tftp_client *client)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0) die("socket: %s", strerror(errno));
	int room = RECEIVE_BUFFER;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
	struct sockaddr_in own = { .sin_family = AF_INET, .sin_addr = client->from };
	if (bind(fd, (struct sockaddr *)&own, sizeof own) < 0) die("bind: %s", strerror(errno));
	client->source = (struct source){ .fd = fd, .on_ready = on_ready };
	loop_add(&client->source, EPOLLIN);
	client->state = TFTP_REQUESTED;
	client->blksize = 512;
	client->windowsize = 1;
	client->next_block = 1;
	client->in_window = client->is_told = 0;
	wait_again(client);
	send_request(client);
}

void tftp_tick(struct tftp_client *client, double now)
{
	if (client->state == TFTP_IDLE || now < client->deadline) return;
	client->timeouts++;
	if (++client->attempt > client->terms->tries) {
		end(client, "timed out");
		return;
	}
	client->deadline = now + client->terms->timeout_s;
	client->is_told = 0;
	if (client->state == TFTP_REQUESTED) send_request(client);
	else send_ack(client);
}

void tftp_abort(struct tftp_client *client)
{
	static const unsigned char packet[] = { 0, ERROR, 0, 0, 'e', 'n', 'o', 'u', 'g', 'h', 0 };
	if (client->state == TFTP_RECEIVING) send(client->source.fd, packet, sizeof packet, MSG_DONTWAIT);
	loop_remove(&client->source);
	client->state = TFTP_IDLE;
}
