use serde::Serialize;

/// A job and its progress.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Job {
    id: u64,
    state: JobState,
    #[serde(skip)]
    input: String,
    rounds: u64,
    /// The node that runs it.
    node: Option<String>,
    /// The result.
    output: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum JobState {
    Waiting,
    Running,
    Done,
}

/// Computes a job: the input, hashed over and over.
pub(crate) struct Work {
    input: String,
    rounds: u64,
}

impl Job {
    pub(crate) fn new(id: u64, input: String, rounds: u64) -> Self {
        Self { id, state: JobState::Waiting, input, rounds, node: None, output: None }
    }

    #[cfg(test)]
    pub(crate) fn is_done(&self) -> bool {
        self.state == JobState::Done
    }

    pub(crate) fn begin(&mut self, node: &str) -> Work {
        self.state = JobState::Running;
        self.node = Some(node.to_owned());
        Work { input: self.input.clone(), rounds: self.rounds }
    }

    pub(crate) fn end(&mut self, output: String) {
        self.state = JobState::Done;
        // It is not needed again, and may be long.
        self.input = String::new();
        self.output = Some(output);
    }
}

impl Work {
    /// FNV-1a with 64 bits, each round over the last one's result (draft-eastlake-fnv).
    pub(crate) fn run(&self) -> String {
        let fnv = |seed: u64, bytes: &[u8]| {
            bytes.iter().fold(seed, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
        };
        let first = fnv(0xcbf2_9ce4_8422_2325, self.input.as_bytes());
        let last = (1..self.rounds).fold(first, |hash, round| fnv(hash, &round.to_be_bytes()));
        format!("{last:016x}")
    }
}
