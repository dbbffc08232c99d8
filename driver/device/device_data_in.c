/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * DATA_IN: the port through which a guest's driver reads its queue.
 */
#include "device_private.h"

/* Copy up to n bytes of the current message; returns how many. */
static uint64_t
give(struct vqp_device *device, uint8_t *to, uint64_t n)
{
	struct device_message *in = device->in;

	if (n > in->padded - device->in_at)
		n = in->padded - device->in_at;
	device_copy(to, (const uint8_t *)in->body + device->in_at, n);
	device->in_at += (uint32_t)n;
	if (device->in_at == in->padded) {
		device->in = NULL;
		vqp_device_free_message(device, in);
	}
	return n;
}

static void
begin(struct vqp_device *device)
{
	device->in = vqp_device_pop(device);
	device->in_at = 0;
}

/*
 * IMAGE: lay out what the driver's next reads return, in one of three lengths
 * that the driver cannot misread (docs/wire.md 2.6).
 */
static void
plan_image(struct vqp_device *device)
{
	const uint64_t page = 4096;
	uint64_t used = 0, whole = page;

	device->image_count = 0;
	if (device->head != NULL && device->head->padded > page) {
		whole = VQP_DATAGRAM_BYTES_MAX;
		used = device->head->padded;
		device->image_count = 1;
	} else {
		const struct device_message *message = device->head;

		for (; message != NULL && message->padded <= page - used;
		    message = message->next) {
			used += message->padded;
			device->image_count++;
		}
	}
	device->image_left = whole - used < DATAGRAM_BYTES ? 2 * whole : whole;
}

static void
give_image(struct vqp_device *device, uint8_t *to, uint64_t length)
{
	while (length > 0) {
		uint64_t n;

		if (device->image_left == 0)
			plan_image(device);
		if (device->in == NULL && device->image_count > 0)
			begin(device);
		n = length < device->image_left ? length : device->image_left;
		if (device->in != NULL)
			n = give(device, to, n);
		else
			__builtin_memset(to, VQP_DATAGRAM_FILLER, (size_t)n);
		to += n;
		length -= n;
		device->image_left -= n;
		if (device->image_left == 0 && device->head != NULL)
			vqp_device_raise(device, VQP_CAUSE_DATAGRAM);
	}
}

/* STREAM, and each part of PIECE: n bytes, after which the driver parses. */
static void
give_stream(struct vqp_device *device, uint8_t *to, uint64_t n)
{
	while (n > 0) {
		uint64_t given;

		if (device->in == NULL) {
			/* Never cut a header: the driver would drop it. */
			if (device->head == NULL || n < DATAGRAM_BYTES) {
				__builtin_memset(to, VQP_DATAGRAM_FILLER,
				    (size_t)n);
				break;
			}
			begin(device);
		}
		given = give(device, to, n);
		to += given;
		n -= given;
	}
	if (device->head != NULL)
		vqp_device_raise(device, VQP_CAUSE_DATAGRAM);
}

void
vqp_device_data_in(struct vqp_device *device, void *bytes, uint64_t length)
{
	uint8_t *to = bytes;

	if (vqp_device_nested(device)) {
		if (length > 0)
			__builtin_memset(to, VQP_DATAGRAM_FILLER,
			    (size_t)length);
		return;
	}
	if (device->data_in == VQP_DATA_IN_IMAGE) {
		give_image(device, to, length);
		return;
	}
	while (length > 0) {
		uint64_t n = length;

		if (device->data_in == VQP_DATA_IN_PIECE)
			n = length % 4096 != 0 ? length % 4096 : 4096;
		give_stream(device, to, n);
		to += n;
		length -= n;
	}
}
