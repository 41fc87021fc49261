// DISCOVER … ACK as PXE firmware and iPXE say it, through a relay agent (us), which many clients share.
#ifndef DHCP_CLIENT_H
#define DHCP_CLIENT_H

#include "loop.h"

enum dhcp_state { DHCP_IDLE, DHCP_DISCOVERING, DHCP_REQUESTING };

struct dhcp_client {
	uint32_t id;             // also the low bytes of its MAC, and of its xid
	int is_ipxe;             // what is asking: iPXE, or the firmware before it
	void (*on_end)(struct dhcp_client *, const char *failure);

	enum dhcp_state state;
	uint32_t xid;
	struct in_addr address;  // offered, then leased
	unsigned char server_id[4];
	char bootfile[256];
	double deadline;
	int attempt;
	unsigned timeouts;
};

// The relay's socket, on port 67 of `own`. Answers are handed to `clients[id]`.
void dhcp_relay(struct in_addr own, struct sockaddr_in server, struct dhcp_client *(*client_of)(uint32_t id));
void dhcp_start(struct dhcp_client *client);
void dhcp_tick(struct dhcp_client *client, double now);
#endif
