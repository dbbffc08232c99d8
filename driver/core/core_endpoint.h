/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The endpoint functions that core_receive.c calls.
 */
#ifndef CORE_ENDPOINT_H
#define CORE_ENDPOINT_H

#include "core_resource.h"

/*
 * The size of a datagram with the device's padding.  The caller has checked
 * payload_size against a limit.
 */
static inline uint64_t
vqp_datagram_padded(const struct vqp_datagram *datagram)
{
	uint64_t bytes = sizeof(*datagram) + datagram->payload_size;

	return (bytes + VQP_DATAGRAM_ALIGN - 1) &
	    ~(uint64_t)(VQP_DATAGRAM_ALIGN - 1);
}

/*
 * Call the receiver of an endpoint that the caller has pinned, or queue the
 * datagram if the endpoint is DELAYED.  One thread at a time.
 */
void vqp_endpoint_receive(struct vqp_resource *resource,
    const struct vqp_datagram *datagram);

#endif
