//! Random numbers that a seed decides.

/// The purposes of random numbers: each has a sequence of its own, so that one more draw here changes nothing there.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    Script = 0,
    Authority = 1,
    Network = 2,
    /// The first machine; the others follow.
    Machines = 3,
    /// After the last machine.
    Attacker = 7,
}

/// Draws from a seed: the generator SplitMix64, which is quick, and good enough for a test.
pub(crate) struct Random(u64);

/// The sequence of randomness that a seed has for this.
pub(crate) fn sequence(seed: u64, purpose: Purpose) -> u64 {
    seed * 8 + purpose as u64
}

impl Random {
    pub(crate) fn new(seed: u64, purpose: Purpose) -> Self {
        Self::of(sequence(seed, purpose))
    }

    /// The random numbers of one machine.
    pub(crate) fn of_machine(seed: u64, number: usize) -> Self {
        Self::of(sequence(seed, Purpose::Machines) + number as u64)
    }

    fn of(sequence: u64) -> Self {
        let mut random = Self(sequence);
        Self(random.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
    }

    /// Below a bound, which is not zero.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        u32::try_from(self.next() % u64::from(bound)).unwrap()
    }

    /// Between two, both of them included.
    pub(crate) fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.below(high - low + 1)
    }

    pub(crate) fn one_in(&mut self, times: u32) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(u32::try_from(from.len()).unwrap()) as usize]
    }
}
