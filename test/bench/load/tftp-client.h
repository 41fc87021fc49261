// One TFTP download (RFC 1350, 2347, 2348, 7440), every byte compared with the original.
#ifndef TFTP_CLIENT_H
#define TFTP_CLIENT_H

#include "loop.h"

struct tftp_terms {
	struct sockaddr_in server;
	const char *name;
	const unsigned char *original;
	size_t size;
	int blksize;
	int windowsize;
	// As EDK2 has it: 4 s, six tries. The shorter this is, the more it helps a server that never resends by itself.
	double timeout_s;
	int tries;
};

enum tftp_state { TFTP_IDLE, TFTP_REQUESTED, TFTP_RECEIVING };

struct tftp_client {
	struct source source; // first: its address is the client's
	const struct tftp_terms *terms;
	struct in_addr from;  // 0.0.0.0: the kernel chooses
	void (*on_end)(struct tftp_client *, const char *failure);

	enum tftp_state state;
	int blksize, windowsize; // as granted
	uint64_t next_block;
	int in_window;
	int is_told;             // of the gap or the repetition that we are in
	uint16_t last_odd;       // the last block out of order
	double deadline;
	int attempt;

	uint64_t bytes;          // of this client over all its downloads: in order, and equal to the original
	uint64_t doubled;        // DATA that had come before
	uint64_t timeouts;
};

void tftp_start(struct tftp_client *client);
void tftp_tick(struct tftp_client *client, double now);
// Tells the server, so that it need not wait for us.
void tftp_abort(struct tftp_client *client);
#endif
