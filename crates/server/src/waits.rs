//! Who waits for a change: each holds a connection all that time, so there are only so many.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use kaching_base::ActivationId;

/// Those who wait, by activation. An installation asks one question at a time, or has one stream; the others are those
/// whose lost connection was not noticed yet.
pub(crate) struct Waits {
    most: usize,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    all: usize,
    by_activation: HashMap<ActivationId, usize>,
}

/// Waits of one activation at once.
const EACH: usize = 3;

/// A place among those who wait, until it is dropped.
pub(crate) struct Place {
    waits: Arc<Waits>,
    activation: ActivationId,
}

impl Waits {
    /// Nine of ten connections at most wait, so that the others find one.
    pub(crate) fn new(connections: u32) -> Self {
        let most = usize::try_from(connections - connections / 10).unwrap_or(usize::MAX);
        Self { most, waiting: Mutex::default() }
    }

    /// A place for one more, if there is any: whoever gets none is answered at once.
    pub(crate) fn take(self: &Arc<Self>, activation: ActivationId) -> Option<Place> {
        let mut waiting = self.waiting.lock().expect("nothing panics while it is held");
        let own = waiting.by_activation.get(&activation).copied().unwrap_or(0);
        if waiting.all >= self.most || own >= EACH {
            return None;
        }
        waiting.all += 1;
        waiting.by_activation.insert(activation, own + 1);
        Some(Place { waits: Arc::clone(self), activation })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut waiting = self.waits.waiting.lock().expect("nothing panics while it is held");
        waiting.all -= 1;
        if let Some(own) = waiting.by_activation.get_mut(&self.activation) {
            *own -= 1;
            if *own == 0 {
                waiting.by_activation.remove(&self.activation);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activation(n: u8) -> ActivationId {
        ActivationId::from_bytes([n; 16])
    }

    #[test]
    fn an_activation_has_three_places_and_gives_them_back() {
        let waits = Arc::new(Waits::new(100));
        let mut places: Vec<_> = (0..3).map(|_| waits.take(activation(1)).unwrap()).collect();
        assert!(waits.take(activation(1)).is_none());
        assert!(waits.take(activation(2)).is_some());
        places.pop();
        places.push(waits.take(activation(1)).unwrap());
        assert!(waits.take(activation(1)).is_none());
        drop(places);
        let left = waits.waiting.lock().unwrap();
        assert_eq!((left.all, left.by_activation.len()), (0, 0), "nothing is kept of those who left");
    }

    #[test]
    fn nine_of_ten_connections_wait() {
        let waits = Arc::new(Waits::new(10));
        let held: Vec<_> = (0..9).map(|n| waits.take(activation(n)).unwrap()).collect();
        assert!(waits.take(activation(9)).is_none());
        drop(held);
        assert!(waits.take(activation(9)).is_some());
    }
}
