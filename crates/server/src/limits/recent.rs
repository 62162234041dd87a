use std::{collections::HashMap, hash::Hash, mem};

/// A memory of bounded size that holds the entries which were written last.
///
/// There are two generations. What is written goes to the young one; from time to time the old one is dropped whole, and
/// the young one becomes the old: no pass over all of them, and never more than a number that is known.
pub(crate) struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    /// Of each generation.
    most: usize,
    /// Microseconds without a write after which an entry may be dropped; `None` keeps it until there are too many.
    window: Option<i64>,
    /// When the young one began.
    since: i64,
}

impl<K: Hash + Eq, V: Copy> Recent<K, V> {
    /// Remembers at most `most` entries.
    pub(crate) fn new(most: usize, window: Option<i64>) -> Self {
        let (young, old) = (HashMap::new(), HashMap::new());
        Self { young, old, most: (most / 2).max(1), window, since: i64::MIN }
    }

    pub(crate) fn get(&self, key: &K) -> Option<V> {
        self.young.get(key).or_else(|| self.old.get(key)).copied()
    }

    pub(crate) fn put(&mut self, key: K, value: V, now: i64) {
        self.turn(now);
        self.young.insert(key, value);
    }

    pub(crate) fn remove(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }

    /// Begins a new generation where it is time.
    pub(crate) fn turn(&mut self, now: i64) {
        // A clock that was set back begins another window.
        self.since = if self.since > now { now } else { self.since };
        let over = self.window.is_some_and(|window| now.saturating_sub(self.since) >= window);
        if over || self.young.len() >= self.most {
            self.old = mem::take(&mut self.young);
            self.since = now;
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}
