//! The library's one error type.

/// What went wrong, with what was expected, what was found and how to mend it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not a model file, or are damaged.
    #[error("model file: {0}")]
    Format(String),
    /// The file has the format of another version of foreclick.
    #[error("model file: format version {got}, expected {expected}: {}", version_fix(*got, *expected))]
    Version {
        /// The version in the file.
        got: u32,
        /// The version that this build reads.
        expected: u32,
    },
    /// The schema or the architecture contradicts itself or the tensors.
    #[error("schema: {0}")]
    Schema(String),
    /// An event does not fit the schema.
    #[error("event: {0}")]
    Event(String),
    /// What is known beside the model can't be read: where, what was expected and what stands there.
    #[error("knowledge: {0}")]
    Knowledge(String),
    /// A call's argument is out of range.
    #[error("argument: {0}")]
    Argument(String),
    /// The GPU is absent, lost, wrong or refused the work; the CPU still works. Holds the cause, as a sentence
    /// without its full stop.
    #[error("gpu: {0}; use the CPU")]
    Gpu(String),
}

impl Error {
    /// A stable, machine-readable name: it never changes between versions.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Format(_) => "format",
            Self::Version { .. } => "version",
            Self::Schema(_) => "schema",
            Self::Event(_) => "event",
            Self::Knowledge(_) => "knowledge",
            Self::Argument(_) => "argument",
            Self::Gpu(_) => "gpu",
        }
    }
}

/// A run's checkpoints have the format of its model file, so that an old one can't be exported again either.
fn version_fix(got: u32, expected: u32) -> &'static str {
    if got < expected { "an older foreclick trained it; train again" } else { "update foreclick" }
}

/// The library's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;
