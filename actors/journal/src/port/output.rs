//! Process output: kept a while, bounded by age and size, readable from the beginning while it is kept.

use async_trait::async_trait;
use futures::stream::BoxStream;
use roost_schemas::output::Frame;
use roost_schemas::subject::OutputSubject;

/// Frames in order. It ends after [`Frame::End`], or with an error.
pub type OutputFrames = BoxStream<'static, Result<Frame, OutputError>>;

/// The output streams of all processes.
#[async_trait]
pub trait OutputLog: Send + Sync + 'static {
    /// Adds a frame; returns once it is stored. `number` counts a process's frames from 0 and makes a repeat harmless.
    async fn publish(&self, subject: &OutputSubject, number: u64, frame: &Frame) -> Result<(), OutputError>;

    /// Reads a process's output from its first kept frame on, and then as it comes.
    async fn follow(&self, subject: &OutputSubject) -> Result<OutputFrames, OutputError>;

    /// The frames of a process that are kept now, in the order in which they were stored.
    async fn stored(&self, subject: &OutputSubject) -> Result<Vec<Frame>, OutputError>;
}

/// Why output could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The stream could not be reached in time.
    #[error(
        "the output stream did not {action} within its time: {detail}; check that nats-server runs, then try again"
    )]
    Unavailable {
        /// What was asked.
        action: &'static str,
        /// What was seen.
        detail: String,
    },
    /// A stored message is not one of ours.
    #[error("output of {subject} is not readable: {detail}")]
    Foreign {
        /// The process.
        subject: String,
        /// What is wrong with it.
        detail: String,
    },
}
