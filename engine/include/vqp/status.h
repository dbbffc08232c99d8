/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * VMCI's result numbers under our names.  They are the same on both sides of
 * the wire, in both kernels, and here, so that no layer translates.  Every verb
 * returns a count (0 or more) or one of these.
 *
 * Numbers: docs/wire.md 9.
 */
#ifndef VQP_STATUS_H
#define VQP_STATUS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VQP_STATUS_LIST(status)						\
	status(VQP_SUCCESS_ATTACHED, 5)					\
	status(VQP_SUCCESS_CREATED, 4)					\
	status(VQP_SUCCESS_LAST_DETACH, 3)				\
	status(VQP_SUCCESS_ACCESS_GRANTED, 2)				\
	status(VQP_SUCCESS_ENTRY_DEAD, 1)				\
	status(VQP_SUCCESS, 0)						\
	status(VQP_ERROR_INVALID_RESOURCE, -1)				\
	status(VQP_ERROR_INVALID_ARGS, -2)				\
	status(VQP_ERROR_NO_MEM, -3)					\
	status(VQP_ERROR_DATAGRAM_FAILED, -4)				\
	status(VQP_ERROR_MORE_DATA, -5)					\
	status(VQP_ERROR_NO_MORE_DATAGRAMS, -6)				\
	status(VQP_ERROR_NO_ACCESS, -7)					\
	status(VQP_ERROR_NO_HANDLE, -8)					\
	status(VQP_ERROR_DUPLICATE_ENTRY, -9)				\
	status(VQP_ERROR_DST_UNREACHABLE, -10)				\
	status(VQP_ERROR_PAYLOAD_TOO_LARGE, -11)			\
	status(VQP_ERROR_INVALID_PRIV, -12)				\
	status(VQP_ERROR_GENERIC, -13)					\
	status(VQP_ERROR_PAGE_ALREADY_SHARED, -14)			\
	status(VQP_ERROR_CANNOT_SHARE_PAGE, -15)			\
	status(VQP_ERROR_CANNOT_UNSHARE_PAGE, -16)			\
	status(VQP_ERROR_NO_PROCESS, -17)				\
	status(VQP_ERROR_NO_DATAGRAM, -18)				\
	status(VQP_ERROR_NO_RESOURCES, -19)				\
	status(VQP_ERROR_UNAVAILABLE, -20)				\
	status(VQP_ERROR_NOT_FOUND, -21)				\
	status(VQP_ERROR_ALREADY_EXISTS, -22)				\
	status(VQP_ERROR_NOT_PAGE_ALIGNED, -23)				\
	status(VQP_ERROR_INVALID_SIZE, -24)				\
	status(VQP_ERROR_REGION_ALREADY_SHARED, -25)			\
	status(VQP_ERROR_TIMEOUT, -26)					\
	status(VQP_ERROR_DATAGRAM_INCOMPLETE, -27)			\
	status(VQP_ERROR_INCORRECT_IRQL, -28)				\
	status(VQP_ERROR_EVENT_UNKNOWN, -29)				\
	status(VQP_ERROR_OBSOLETE, -30)					\
	status(VQP_ERROR_MISMATCH, -31)					\
	status(VQP_ERROR_NOT_SET, -32)					\
	status(VQP_ERROR_NOT_OWNER, -33)				\
	status(VQP_ERROR_NOT_ATTACHED, -34)				\
	status(VQP_ERROR_NO_SPACE, -35)					\
	status(VQP_ERROR_NO_DATA, -36)					\
	status(VQP_ERROR_BUSMEM_INVALIDATION, -37)			\
	status(VQP_ERROR_MODULE_NOT_LOADED, -38)			\
	status(VQP_ERROR_DEVICE_NOT_FOUND, -39)				\
	status(VQP_ERROR_NOT_READY, -40)				\
	status(VQP_ERROR_WOULD_BLOCK, -41)				\
	status(VQP_ERROR_CLIENT_MIN, -500)				\
	status(VQP_ERROR_CLIENT_MAX, -550)				\
	status(VQP_ERROR_BAD_CONTEXT, -1000)

#define VQP_STATUS_ENUMERATOR(name, number) name = number,
enum vqp_status {
	VQP_STATUS_LIST(VQP_STATUS_ENUMERATOR)
};
#undef VQP_STATUS_ENUMERATOR

/*
 * Return the name of a result number, for messages, and "unknown status" for
 * any other number.  Context: any.
 */
const char *vqp_status_name(int64_t status);

#ifdef __cplusplus
}
#endif

#endif
