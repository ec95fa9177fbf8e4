//! Loaded into QEMU: registers the guest's memory with userfaultfd and hands the descriptor to `roost-qemu`.
