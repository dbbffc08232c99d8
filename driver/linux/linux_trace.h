/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Tracepoints of the slow path: who made what, and what came of it.
 * /sys/kernel/tracing/events/vmw_vmci/.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vmw_vmci

#if !defined(LINUX_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define LINUX_TRACE_H

#include <linux/tracepoint.h>

DECLARE_EVENT_CLASS(vmci_named,
		    TP_PROTO(u32 context, u32 resource, int status),
		    TP_ARGS(context, resource, status),
		    TP_STRUCT__entry(
			    __field(u32, context)
			    __field(u32, resource)
			    __field(int, status)
		    ),
		    TP_fast_assign(
			    __entry->context = context;
			    __entry->resource = resource;
			    __entry->status = status;
		    ),
		    TP_printk("%u:%u status %d", __entry->context,
			      __entry->resource, __entry->status)
);

DEFINE_EVENT(vmci_named, vmci_endpoint_create,
	     TP_PROTO(u32 context, u32 resource, int status),
	     TP_ARGS(context, resource, status));
DEFINE_EVENT(vmci_named, vmci_endpoint_destroy,
	     TP_PROTO(u32 context, u32 resource, int status),
	     TP_ARGS(context, resource, status));
DEFINE_EVENT(vmci_named, vmci_doorbell_create,
	     TP_PROTO(u32 context, u32 resource, int status),
	     TP_ARGS(context, resource, status));
DEFINE_EVENT(vmci_named, vmci_doorbell_destroy,
	     TP_PROTO(u32 context, u32 resource, int status),
	     TP_ARGS(context, resource, status));
DEFINE_EVENT(vmci_named, vmci_qpair_detach,
	     TP_PROTO(u32 context, u32 resource, int status),
	     TP_ARGS(context, resource, status));

TRACE_EVENT(vmci_qpair_alloc,
	    TP_PROTO(u32 context, u32 resource, u64 produce, u64 consume,
		     u32 peer, u32 flags, int status),
	    TP_ARGS(context, resource, produce, consume, peer, flags, status),
	    TP_STRUCT__entry(
		    __field(u32, context)
		    __field(u32, resource)
		    __field(u64, produce)
		    __field(u64, consume)
		    __field(u32, peer)
		    __field(u32, flags)
		    __field(int, status)
	    ),
	    TP_fast_assign(
		    __entry->context = context;
		    __entry->resource = resource;
		    __entry->produce = produce;
		    __entry->consume = consume;
		    __entry->peer = peer;
		    __entry->flags = flags;
		    __entry->status = status;
	    ),
	    TP_printk("%u:%u bytes %llu, %llu peer %u flags %#x status %d",
		      __entry->context, __entry->resource, __entry->produce,
		      __entry->consume, __entry->peer, __entry->flags,
		      __entry->status)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE linux_trace
#include <trace/define_trace.h>
