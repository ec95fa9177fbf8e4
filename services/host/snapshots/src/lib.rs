//! The snapshot store of one host: immutable folders, sealed whole or not there.
