//! What is told to whom, in what order, and what becomes of what cannot be: on a log in memory, in time that passes at once.

mod life;
mod log;
mod nats;
mod order;
mod seeds;
mod world;
