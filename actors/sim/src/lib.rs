//! The simulator: a seeded world in virtual time that runs the real domain and runtime over a faulty log, machine and network.
