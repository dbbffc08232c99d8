/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The event functions that other files of the core call.
 */
#ifndef CORE_EVENT_H
#define CORE_EVENT_H

#include "core_private.h"

/* A complete datagram to the event resource, in our own copy; checked here. */
void vqp_event_receive(struct vqp_core *core,
    const struct vqp_datagram *datagram);

/* Call all subscribers of an event.  Returns how many were called. */
uint32_t vqp_event_dispatch(struct vqp_core *core,
    const struct vqp_event_data *data, const struct vqp_qpair *origin);

#endif
