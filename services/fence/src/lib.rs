//! The fence: a small process per host that outlives its agent, and lets VMs stand still when nobody renews the host's lease.
