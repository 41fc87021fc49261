#define _GNU_SOURCE
#include "http-client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { PIECE = 1 << 20 };
static unsigned char piece[PIECE];

static void end(struct http_client *client, const char *failure)
{
	if (failure) http_close(client);
	else client->state = HTTP_OPEN;
	client->on_end(client, failure);
}

static int is_wrong(const struct http_client *client, const unsigned char *bytes, size_t length)
{
	if (!client->original) return 0;
	return client->at + length > client->size || memcmp(client->original + client->at, bytes, length) != 0;
}

// 0 when the response is over.
static int take_body(struct http_client *client, const unsigned char *bytes, size_t length)
{
	if (client->body_bytes == 0) client->first_byte_s = now_s() - client->asked_at;
	if (length > client->left || (bytes && is_wrong(client, bytes, length))) {
		end(client, "corrupt");
		return 0;
	}
	client->at += length;
	client->left -= length;
	client->body_bytes += length;
	client->bytes += length;
	if (client->left > 0) return 1;
	end(client, NULL);
	return 0;
}

static void take_head(struct http_client *client)
{
	char *blank = memmem(client->head, client->head_bytes, "\r\n\r\n", 4);
	if (!blank) {
		if (client->head_bytes == HEAD_BYTES) end(client, "endless head");
		return;
	}
	*blank = 0;
	int status = atoi(client->head + sizeof "HTTP/1.1");
	if (status != (client->has_range ? 206 : 200)) {
		end(client, "refused");
		return;
	}
	const char *length = strcasestr(client->head, "content-length:");
	if (!length) {
		end(client, "no length");
		return;
	}
	client->left = strtoull(length + sizeof "content-length:" - 1, NULL, 10);
	client->state = HTTP_BODY;
	unsigned char *rest = (unsigned char *)blank + 4;
	size_t there = client->head_bytes - (size_t)(rest - (unsigned char *)client->head);
	if (there > 0 || client->left == 0) take_body(client, rest, there);
}

static void on_ready(struct source *source, unsigned events)
{
	struct http_client *client = (struct http_client *)source;
	(void)events;
	ssize_t got;
	switch (client->state) {
	case HTTP_HEAD:
		got = recv(source->fd, client->head + client->head_bytes, HEAD_BYTES - client->head_bytes, MSG_DONTWAIT);
		if (got <= 0) break;
		client->head_bytes += (size_t)got;
		take_head(client);
		return;
	case HTTP_BODY: {
		size_t wanted = client->left < PIECE ? client->left : PIECE;
		int discard = client->original ? 0 : MSG_TRUNC;
		got = recv(source->fd, piece, wanted, MSG_DONTWAIT | discard);
		if (got <= 0) break;
		take_body(client, discard ? NULL : piece, (size_t)got);
		return;
	}
	default:
		got = recv(source->fd, piece, PIECE, MSG_DONTWAIT);
	}
	if (got < 0 && errno == EAGAIN) return;
	if (client->state == HTTP_OPEN) http_close(client); // idle for too long, and nothing asked
	else end(client, "cut off");
}

void http_open(struct http_client *client)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) die("socket: %s", strerror(errno));
	int on = 1;
	setsockopt(fd, SOL_IP, 24 /* IP_BIND_ADDRESS_NO_PORT */, &on, sizeof on);
	struct sockaddr_in own = { .sin_family = AF_INET, .sin_addr = client->from };
	if (bind(fd, (struct sockaddr *)&own, sizeof own) < 0) die("bind: %s", strerror(errno));
	// A server's backlog takes it at once, or the kernel tries again by itself.
	if (connect(fd, (struct sockaddr *)&client->server, sizeof client->server) < 0) die("connect: %s", strerror(errno));
	client->source = (struct source){ .fd = fd, .on_ready = on_ready };
	client->state = HTTP_OPEN;
	loop_add(&client->source, EPOLLIN);
}

void http_get(struct http_client *client, const char *target, uint64_t from, uint64_t to)
{
	char range[64] = "", request[1024];
	client->has_range = to > 0;
	if (to > 0)
		snprintf(range, sizeof range, "Range: bytes=%llu-%llu\r\n", (unsigned long long)from,
		         (unsigned long long)to - 1);
	int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: bench\r\n%s\r\n", target, range);
	client->state = HTTP_HEAD;
	client->head_bytes = 0;
	client->body_bytes = 0;
	client->at = from;
	client->asked_at = now_s();
	if (send(client->source.fd, request, (size_t)length, MSG_NOSIGNAL) != length) end(client, "cut off");
}

void http_close(struct http_client *client)
{
	loop_remove(&client->source);
	client->state = HTTP_CLOSED;
}
