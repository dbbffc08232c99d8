/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the files of stream sockets share: host_control.c sends packets to the
 * guest, host_life.c begins and ends streams, host_handshake.c connects them,
 * host_bytes.c moves their bytes, host_stream.c handles what comes.  Each calls
 * those before it in this list, and none behind it.
 */
#ifndef HOST_STREAM_PRIVATE_H
#define HOST_STREAM_PRIVATE_H

#include "host.h"

#define HANDSHAKE_MS	5000
#define LINGER_MS	10000
#define RETRY_MS	5
#define RETRY_MS_MAX	320

#define RECEIVE_SHUTDOWN	1
#define SEND_SHUTDOWN	2
#define BOTH_SHUTDOWN	3

/* In the tags of RSTs; streams have tags without this bit. */
#define RESET_TAG	UINT32_C(0x40000000)
#define TAG_MASK	UINT32_C(0x3ffffffe)

enum host_stream_state {
	STATE_ASKED,		/* one of the two sent REQUEST2 */
	STATE_OFFERED,		/* we sent OFFER */
	STATE_OPEN,
	STATE_REST,		/* the guest detached; bytes are left */
	STATE_LINGER,		/* the endpoint is closed, the guest not yet */
	STATE_DEAD,
};

struct host_stream {
	struct host_pair link;	/* first: it is cast back */
	struct host_stream *next;
	enum host_stream_state state;
	bool ours;		/* we connected */
	bool hypervisor;	/* the guest connected to context 0 */
	uint32_t tag;		/* even, not 0; odd for the handshake's packets */
	uint32_t cid, port, own_port;
	uint64_t size;
	unsigned names_tried;	/* for its pair */
	struct host_end *end;	/* NULL: closed; ASKED: not dialled yet */
	int64_t dial_until;	/* after that, give up */
	struct vqp_pair pair;
	bool attached;		/* `pair` is usable */
	bool ready;		/* there may be work */
	bool guest_finished;	/* sends nothing more */
	bool guest_deaf;	/* reads nothing more */
	bool took_all;		/* the endpoint takes no more */
	bool gave_all;
	uint64_t shut;		/* what we told the guest by SHUTDOWN */
	/* Packets that the guest had no room for; when to retry, or dial. */
	bool unsaid_handshake, unsaid;
	int64_t retry_at, retry_ms;
	/* When to poll for a change that no packet reports; 0: never. */
	int64_t look_at, look_ms;
	int64_t deadline;	/* 0 for none */
	int64_t opened;
	uint64_t bytes_in, bytes_out;
	/* What the guest had sent when its memory went. */
	uint8_t *rest;
	uint64_t rest_at, rest_bytes;
};

/* ---- host_control.c */

void host_control_say(struct host *host, struct host_stream *stream,
    enum vqp_vsock_type type, uint16_t protocol,
    const union vqp_vsock_body *body);
/* Send SHUTDOWN, if it says more than the last one. */
void host_control_shut(struct host *host, struct host_stream *stream,
    uint64_t mode);

/*
 * Send RST to a socket of the guest that has no stream here, but never in
 * answer to a RST; and to the socket that sent this packet.
 */
void host_control_reset(struct host *host, uint32_t cid, uint32_t port,
    uint32_t own_port, bool hypervisor);
void host_control_reset_stranger(struct host *host, uint32_t cid,
    const struct vqp_vsock_packet *asked);
/* A new stream takes this name: no old RST may be sent to it. */
void host_control_forget(struct host *host, uint32_t cid, uint32_t port,
    uint32_t own_port);
/* As host_stream_refused(), for a RST. */
void host_control_refused(struct host *host, uint32_t tag, int64_t status);
/* Send the refused ones again.  As host_stream_work(). */
int host_control_work(struct host *host, int64_t now);

/* ---- host_life.c */

/* A new stream in state ASKED; `end` may be NULL, and come later. */
struct host_stream *host_stream_new(struct host *host, uint32_t cid,
    uint32_t port, uint32_t own_port, struct host_end *end);
/* The stream that has this name in the guest, or NULL. */
struct host_stream *host_stream_find(struct host *host, uint32_t cid,
    uint32_t port, uint32_t own_port, bool hypervisor);
/* Use the stream's pair; false if it is not mapped. */
bool host_stream_attach(struct host_stream *stream);
void host_stream_open_up(struct host *host, struct host_stream *stream);
/* For host_pair.leaving: keep what the guest sent. */
void host_stream_leaving(struct host *host, struct host_pair *link);
/*
 * The guest's socket is gone, or broke the protocol: send nothing more to it,
 * and free its name.  What it had sent still goes to the endpoint.
 */
void host_stream_part(struct host *host, struct host_stream *stream);
/* The same, and notify the guest. */
void host_stream_reset(struct host *host, struct host_stream *stream);
void host_stream_close_end(struct host *host, struct host_stream *stream);
/* End it, in any state; the next host_stream_work() frees it. */
void host_stream_die(struct host *host, struct host_stream *stream);

/* ---- host_handshake.c */

void host_handshake_init(struct host *host);
/* A packet of the guest: a request without a stream, or for one; the rest. */
void host_handshake_request(struct host *host, uint32_t cid,
    const struct vqp_vsock_packet *packet);
void host_handshake_request_again(struct host *host,
    struct host_stream *stream, const struct vqp_vsock_packet *packet);
void host_handshake_negotiate(struct host *host, struct host_stream *stream,
    const struct vqp_vsock_packet *packet);
void host_handshake_offer(struct host *host, struct host_stream *stream,
    const struct vqp_vsock_packet *packet);
void host_handshake_attach(struct host *host, struct host_stream *stream,
    const struct vqp_vsock_packet *packet);
/* Dial again a program whose backlog was full when the guest asked. */
void host_handshake_dial(struct host *host, struct host_stream *stream,
    int64_t now);
/* Send the packet of its state once more. */
void host_handshake_resend(struct host *host, struct host_stream *stream);

/* ---- host_bytes.c */

/* Move bytes both ways, as many as one turn may. */
void host_bytes_pump(struct host *host, struct host_stream *stream);

#endif
