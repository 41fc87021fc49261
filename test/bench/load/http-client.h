// One HTTP/1.1 connection that asks for one thing after the other.
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include "loop.h"

enum { HEAD_BYTES = 4096 };
enum http_state { HTTP_CLOSED, HTTP_OPEN, HTTP_HEAD, HTTP_BODY };

struct http_client {
	struct source source; // first: its address is the client's
	struct sockaddr_in server;
	struct in_addr from;  // 0.0.0.0: the kernel chooses
	// What the body is compared with; NULL: the kernel discards it, and its bytes are only counted.
	const unsigned char *original;
	size_t size;
	void (*on_end)(struct http_client *, const char *failure);

	enum http_state state;
	char head[HEAD_BYTES];
	size_t head_bytes;
	uint64_t at, left;       // in the body: the next byte, and how many are to come
	int has_range;
	double asked_at;
	double first_byte_s;     // after the request; of this response
	uint64_t body_bytes;     // of this response
	uint64_t bytes;          // of all bodies, less what was not equal to the original
};

// Connects. The response to what is asked at once waits for that.
void http_open(struct http_client *client);
// `from` and `to` (exclusive) are a range of bytes; 0 and 0 mean all.
void http_get(struct http_client *client, const char *target, uint64_t from, uint64_t to);
void http_close(struct http_client *client);
#endif
