/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What others need of events.
 */
#ifndef CORE_EVENT_H
#define CORE_EVENT_H

#include "core_private.h"

/* A datagram that claims to be an event, whole and our own copy. */
void vqp_event_receive(struct vqp_core *core,
    const struct vqp_datagram *datagram);

/* How many subscribers were told. */
uint32_t vqp_event_dispatch(struct vqp_core *core,
    const struct vqp_event_data *data, const struct vqp_qpair *origin);

#endif
