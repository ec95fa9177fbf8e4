//! An edge over loopback, its guests being addresses of 127.0.0.0/8.

mod close;
mod reach;
mod refuse;
mod support;
